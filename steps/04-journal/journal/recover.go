package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"zeyrho/steps/04-journal/disk"
)

// Recovery is what Open found, and did.
type Recovery struct {
	Entries  uint64 // that are there
	Segments int
	Bytes    int64
	Created  bool  // there was no journal
	Torn     *Torn // a commit that was not completed, and is cut off; nil if there was none
}

// Torn is what was cut off the end of a journal. Nobody had been told that it
// was safe.
type Torn struct {
	File  string
	At    int64  // offset of the first byte that is gone
	Bytes int64  // how many
	Why   string // what was wrong with the first of them
}

// String says it in a sentence.
func (r Recovery) String() string {
	if r.Created {
		return "a new journal"
	}
	text := fmt.Sprintf("%s in %s, %d bytes", counted(r.Entries, "entry", "entries"), counted(uint64(r.Segments), "segment", "segments"), r.Bytes)
	if t := r.Torn; t != nil {
		text += fmt.Sprintf("; a commit was not completed, and its %d bytes are cut off %s at offset %d (%s)",
			t.Bytes, t.File, t.At, t.Why)
	}
	return text
}

func counted(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// Open opens the journal on d, or begins one. It calls replay for every entry
// from the first on, unless replay is nil; the bytes of an entry are replay's
// only until it returns, and its error ends Open.
//
// What Open has found is on the disk when it returns, and will be found again:
// a process that was killed may have left it in the memory of the operating
// system only.
func Open(d disk.Disk, c Config, replay func(Entry) error) (*Journal, Recovery, error) {
	if replay == nil {
		replay = func(Entry) error { return nil }
	}
	j := &Journal{disk: d, config: c.withDefaults()}
	var r Recovery
	firsts, leftovers, err := j.find()
	if err == nil && len(firsts) == 0 {
		r.Created = true
		firsts = []uint64{1}
		err = segment{j.config.ID, 1}.create(d, nil)
	}
	for i, first := range firsts {
		if err != nil {
			break
		}
		err = j.recover(first, i == len(firsts)-1, replay, &r)
	}
	if err == nil {
		err = j.secure(leftovers)
	}
	if err != nil {
		if j.tail != nil {
			j.tail.Close()
		}
		return nil, r, fmt.Errorf("open the journal: %w", err)
	}
	r.Entries, r.Segments = j.next-j.First(), len(j.segments)
	return j, r, nil
}

// find returns the first indexes of the segments, in order, and the names of
// those that were not completed.
func (j *Journal) find() (firsts []uint64, leftovers []string, err error) {
	names, err := j.disk.List()
	for _, name := range names { // sorted, and so are the numbers in them
		if first, ok := parseName(name); ok {
			firsts = append(firsts, first)
		}
		if _, ok := parseName(strings.TrimSuffix(name, temporary)); ok && strings.HasSuffix(name, temporary) {
			leftovers = append(leftovers, name)
		}
	}
	return firsts, leftovers, err
}

// recover reads a segment, and cuts off a torn end if it is the last.
func (j *Journal) recover(first uint64, last bool, replay func(Entry) error, r *Recovery) error {
	f, err := j.disk.Open(segmentName(first))
	if err != nil {
		return err
	}
	j.tail = f
	s, err := j.join(f, first)
	if err != nil {
		return err
	}
	sc, err := newScanner(s, f, s.start())
	for err == nil {
		here := mark{sc.next, sc.at}
		if err = sc.frame(replay); err == nil {
			j.marks = j.marks.add(s, here)
		}
	}
	if err != io.EOF {
		if err = j.torn(f, sc, err, last, r); err != nil {
			return err
		}
	}
	j.next, j.size = sc.next, sc.at
	r.Bytes += sc.at
	if last {
		return nil
	}
	return f.Close()
}

// join makes the segment in f the last one of j, if it belongs there.
func (j *Journal) join(f disk.File, first uint64) (segment, error) {
	s, err := checkSegment(f, first)
	if err == nil && len(j.segments) > 0 {
		switch {
		case s.id != j.last().id:
			err = bad("it belongs to another journal than the file before it")
		case s.first != j.next:
			err = bad("it begins with entry %d, but the file before it ends with entry %d", s.first, j.next-1)
		}
	}
	if _, bad := errors.AsType[*badFrame](err); bad {
		return s, damaged(segment{first: first}, 0, cmp.Or(j.next, first), err)
	}
	if err != nil {
		return s, err
	}
	j.segments = append(j.segments, s)
	return s, nil
}

// torn decides what a bad frame is: the end of a commit that the power cut in
// two, which it cuts off, or damage.
func (j *Journal) torn(f disk.File, sc *scanner, why error, last bool, r *Recovery) error {
	bad, ok := errors.AsType[*badFrame](why)
	switch {
	case !ok:
		return why
	case !last || bad.sound:
		return damaged(sc.segment, sc.at, sc.next, why)
	}
	at, witness, err := findWitness(f, sc)
	switch {
	case err != nil:
		return err
	case at > 0:
		return damaged(sc.segment, sc.at, sc.next, fmt.Errorf("%w; but the frame at offset %d was written when entry %d had been synced",
			why, at, witness.synced))
	}
	r.Torn = &Torn{sc.segment.name(), sc.at, sc.size - sc.at, bad.why}
	return f.Truncate(sc.at)
}

// findWitness looks behind a bad frame for the header of a later one which says
// that the bad one was safe, and returns 0 if there is none. Where it could be
// is not known, since the length of the bad frame may be what is wrong. So it
// looks at every byte.
func findWitness(f disk.File, sc *scanner) (at int64, witness header, err error) {
	const step = 1 << 20
	b := make([]byte, min(step+frameHeader, sc.size-sc.at))
	for from := sc.at; from+frameHeader <= sc.size; from += step {
		b = b[:min(int64(len(b)), sc.size-from)]
		if _, err := f.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
			return 0, header{}, err
		}
		for i := 0; i+frameHeader <= len(b); i++ {
			n := bytes.Index(b[i:len(b)-frameHeader+len(frameMagic)], []byte(frameMagic))
			if n < 0 {
				break
			}
			i += n
			h, err := readHeader(b[i:i+frameHeader], sc.seed)
			if err == nil && h.synced >= sc.next {
				return from + int64(i), h, nil
			}
		}
	}
	return 0, header{}, nil
}

// secure makes everything that was found survive a loss of power: the end of
// the last segment, the cut if there was one, and all names. What was not
// completed goes.
func (j *Journal) secure(leftovers []string) error {
	if err := j.tail.Sync(); err != nil {
		return err
	}
	j.synced = j.Last()
	for _, name := range leftovers {
		if err := discard(j.disk, name); err != nil { // it may have been used meanwhile
			return err
		}
	}
	return j.disk.SyncDir()
}

// damaged says where the damage is, and what can be done.
func damaged(s segment, at int64, entry uint64, why error) error {
	cut := fmt.Sprintf("remove all files after this one and cut this one to %d bytes", at)
	if at < segmentHeader {
		cut = "remove this file and all after it"
	}
	return fmt.Errorf("%w: %s, offset %d, entry %d: %w. Nothing has been changed. "+
		"Restore the directory from a copy; or, to give up entry %d and everything after it, %s",
		ErrDamaged, s.name(), at, entry, why, entry, cut)
}
