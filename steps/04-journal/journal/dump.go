package journal

import (
	"errors"
	"fmt"
	"io"

	"zeyrho/steps/04-journal/disk"
)

// Errors of Dump.
var (
	ErrNoJournal = errors.New("there is no journal here")
	ErrBad       = errors.New("not all of it is good: see BAD")
)

// Dump writes for people what is in the journal on d, frame by frame, and
// changes nothing. describe puts an entry into words. What is bad is marked, and
// the witness against it, if there is one; then the next file comes. The error
// wraps ErrBad if anything was.
func Dump(w io.Writer, d disk.Disk, describe func(Entry) string) error {
	names, err := d.List()
	if err != nil {
		return err
	}
	result := ErrNoJournal
	for _, name := range names {
		first, ok := parseName(name)
		if !ok {
			continue
		}
		err := dumpSegment(w, d, first, describe)
		if err != nil && !errors.Is(err, ErrBad) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if result == ErrNoJournal || err != nil {
			result = err
		}
	}
	return result
}

func dumpSegment(w io.Writer, d disk.Disk, first uint64, describe func(Entry) string) error {
	f, err := d.Open(segmentName(first))
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := checkSegment(f, first)
	if _, bad := errors.AsType[*badFrame](err); bad || errors.Is(err, ErrFormat) {
		fmt.Fprintf(w, "%s\n  BAD: %v\n", segmentName(first), err)
		return ErrBad
	}
	if err != nil {
		return err
	}
	sc, err := newScanner(s, f, s.start())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s  format %d, journal %016x, %d bytes\n", s.name(), format, s.id, sc.size)
	for err == nil {
		err = dumpFrame(w, sc, describe)
	}
	if err == io.EOF {
		return nil
	}
	if _, bad := errors.AsType[*badFrame](err); !bad {
		return err
	}
	fmt.Fprintf(w, "  offset %d: BAD: %v\n", sc.at, err)
	at, witness, err := findWitness(f, sc)
	if at > 0 {
		fmt.Fprintf(w, "  offset %d: a later frame, written when entry %d was synced: the bad one was safe\n", at, witness.synced)
	}
	return errors.Join(err, ErrBad)
}

func dumpFrame(w io.Writer, sc *scanner, describe func(Entry) string) error {
	h, err := sc.read()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "  offset %d: a frame of %d bytes, written when entry %d was synced\n", sc.at, frameHeader+h.length, h.synced)
	sc.next, err = h.entries(sc.payload, func(e Entry) error {
		_, err := fmt.Fprintf(w, "    %d  %s\n", e.Index, describe(e))
		return err
	})
	if err == nil {
		sc.at += frameHeader + int64(h.length)
	}
	return err
}
