package node

import (
	"encoding/binary"
	"fmt"
	"slices"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
)

// Entry is one entry of the log. An empty record marks the beginning of an epoch
// and asks for nothing.
type Entry struct {
	Position
	Record []byte // see package machine; nobody changes it
}

// weight is how much memory an entry takes, about.
func (e Entry) weight() int { return len(e.Record) + 64 }

// Log is the history as one node has it, on a journal. What is appended is
// written by flush, all of a turn as one frame, and is safe after Sync.
//
// Invariants:
//   - The entries from First to Last follow each other without a gap, and their
//     epochs never fall. base is the position before First.
//   - runs has an element for every epoch in the log, in order: where it begins.
//   - recent holds the last entries, up to Last, of at most recentBytes bytes in
//     all, or one. Those that are not written yet are always in it.
//   - journal has all entries up to written.
type Log struct {
	journal *journal.Journal
	base    Position
	runs    []Position
	recent  []Entry
	bytes   int    // that recent takes, about
	written uint64 // the last entry that the journal has
}

// recentBytes bounds what is kept in memory of the log.
const recentBytes = 8 << 20

// openLog opens the log that is on d. What it adds up to is known from elsewhere
// up to a position: so its own beginning may be missing, but nothing after that.
// If it does not come so far, or has something else there, it begins again,
// behind that position.
func openLog(d disk.Disk, c journal.Config, known Position) (l *Log, found journal.Recovery, err error) {
	l = &Log{}
	at := known
	l.journal, found, err = journal.Open(d, c, func(e journal.Entry) error {
		entry, err := readEntry(e)
		if err != nil {
			return err
		}
		entry.Record = slices.Clone(entry.Record)
		l.add(entry)
		l.written = e.Index
		if e.Index == known.Index {
			at = entry.Position
		}
		return nil
	})
	if err != nil {
		return l, found, err
	}
	switch first := l.journal.First(); {
	case first > known.Index+1:
		err = fmt.Errorf("%w: it begins with entry %d, and what comes before is known up to %d", journal.ErrDamaged, first, known.Index)
	case l.journal.Last() < known.Index, at != known:
		err = l.reset(known)
	case first == known.Index+1:
		l.base, l.written = known, l.journal.Last()
	case first > 1:
		l.base = l.runs[0] // the entry before it had an epoch that nobody knows
	}
	return l, found, err
}

// reset removes everything, and lets the log begin behind base.
func (l *Log) reset(base Position) error {
	clear(l.recent)
	l.recent, l.runs, l.bytes = nil, nil, 0
	l.base, l.written = base, base.Index
	return l.journal.Restart(base.Index + 1)
}

// cutFront lets the log begin behind index, which it must have. The disk is freed
// by whole files.
func (l *Log) cutFront(index uint64) error {
	epoch, ok := l.EpochAt(index)
	if !ok || index <= l.base.Index {
		return nil
	}
	l.base = Position{index, epoch}
	for len(l.runs) > 1 && l.runs[1].Index <= index+1 {
		l.runs = l.runs[1:]
	}
	return l.journal.CutFront(index + 1)
}

// readEntry takes an entry of the journal apart: eight bytes of epoch, and the
// record.
func readEntry(e journal.Entry) (Entry, error) {
	if len(e.Data) < 8 {
		return Entry{}, fmt.Errorf("entry %d: %d bytes are too few to hold an epoch", e.Index, len(e.Data))
	}
	epoch := Epoch(binary.LittleEndian.Uint64(e.Data))
	return Entry{Position{e.Index, epoch}, e.Data[8:]}, nil
}

// Base returns the position before the oldest entry.
func (l *Log) Base() Position { return l.base }

// First returns the index of the oldest entry, or the index that it will have.
func (l *Log) First() uint64 { return l.base.Index + 1 }

// Last returns the position of the last entry.
func (l *Log) Last() Position {
	if n := len(l.recent); n > 0 && l.recent[n-1].Index > l.base.Index {
		return l.recent[n-1].Position
	}
	return l.base
}

// Synced returns the index of the last entry that survives a loss of power.
func (l *Log) Synced() uint64 { return max(l.base.Index, l.journal.Synced()) }

// EpochAt returns the epoch of the entry at index, if the log has it or begins
// right behind it.
func (l *Log) EpochAt(index uint64) (e Epoch, ok bool) {
	if index == l.base.Index {
		return l.base.Epoch, true
	}
	if index < l.base.Index || index > l.Last().Index {
		return 0, false
	}
	for _, run := range slices.Backward(l.runs) {
		if run.Index <= index {
			return run.Epoch, true
		}
	}
	return 0, false
}

// Holds says whether the log has the position. It may not have it yet, or it
// may never have it: then a later history has taken its place. (If what is there
// is of an earlier epoch, it is this log that is behind.)
func (l *Log) Holds(p Position) (has, never bool) {
	last := l.Last()
	if p.Index > last.Index {
		return false, last.Epoch > p.Epoch
	}
	if p.Index < l.base.Index { // cut, and so committed
		return true, false
	}
	e, _ := l.EpochAt(p.Index)
	return e == p.Epoch, e > p.Epoch
}

// UpTo returns the position of the last entry that is not above p.Index, nor of
// a later epoch than p.
func (l *Log) UpTo(p Position) Position {
	next := l.Last().Index + 1 // where the run after this one begins
	for _, run := range slices.Backward(l.runs) {
		if run.Index <= p.Index && run.Epoch <= p.Epoch {
			return Position{min(p.Index, next-1), run.Epoch}
		}
		next = run.Index
	}
	return l.base
}

// append adds an entry after the last one.
func (l *Log) append(e Epoch, record []byte) Position {
	p := Position{l.Last().Index + 1, e}
	l.add(Entry{p, record})
	return p
}

func (l *Log) add(e Entry) {
	if n := len(l.runs); n == 0 || l.runs[n-1].Epoch != e.Epoch {
		l.runs = append(l.runs, e.Position)
	}
	l.recent = append(l.recent, e)
	l.bytes += e.weight()
	drop := 0
	for ; l.bytes > recentBytes && l.recent[drop].Index < min(e.Index, l.written); drop++ {
		l.bytes -= l.recent[drop].weight()
	}
	if drop > 0 {
		clear(l.recent[:drop]) // lest the array keep the records
		l.recent = l.recent[drop:]
	}
}

// frameBytes bounds what goes into one frame of the journal.
const frameBytes = 4 << 20

// flush writes what was appended since the last time. If it fails, nothing of
// what is not written is in the log any more.
func (l *Log) flush() error {
	for l.written < l.Last().Index {
		var frame [][]byte
		size := 0
		for _, e := range l.since(l.written + 1) {
			if len(frame) > 0 && size+len(e.Record) > frameBytes {
				break
			}
			data := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(e.Record)), uint64(e.Epoch))
			frame = append(frame, append(data, e.Record...))
			size += len(e.Record)
		}
		if err := l.journal.Append(frame...); err != nil {
			l.forget(l.written)
			return err
		}
		l.written += uint64(len(frame))
	}
	return nil
}

// since returns the entries from index on, all of which must be recent.
func (l *Log) since(index uint64) []Entry {
	n := l.Last().Index + 1 - index
	return l.recent[uint64(len(l.recent))-n:]
}

// forget drops the entries above last from memory.
func (l *Log) forget(last uint64) {
	for n := len(l.recent); n > 0 && l.recent[n-1].Index > last; n-- {
		l.bytes -= l.recent[n-1].weight()
		l.recent[n-1] = Entry{}
		l.recent = l.recent[:n-1]
	}
	for n := len(l.runs); n > 0 && l.runs[n-1].Index > last; n-- {
		l.runs = l.runs[:n-1]
	}
}

// cutBack removes the entries above last, also from the disk, where that is safe
// at once.
func (l *Log) cutBack(last uint64) error {
	l.forget(last)
	if last >= l.written {
		return nil
	}
	if err := l.journal.CutBack(last); err != nil {
		return err
	}
	l.written = last
	if len(l.recent) > 0 || last == l.base.Index {
		return nil
	}
	// Nothing recent is left: Last has to be found again.
	for e, err := range l.journal.Read(last) {
		if err != nil {
			return err
		}
		entry, err := readEntry(e)
		if err != nil {
			return err
		}
		l.recent = append(l.recent, Entry{entry.Position, slices.Clone(entry.Record)})
		l.bytes = entry.weight()
	}
	return nil
}

// Read returns entries from index on, of about limit bytes in all and at least
// one, up to the index to. If they are not in memory, ok is false: see Fetch.
func (l *Log) Read(from, to uint64, limit int) (entries []Entry, ok bool) {
	if len(l.recent) == 0 || from < l.recent[0].Index {
		return nil, from > l.Last().Index
	}
	to = min(to, l.Last().Index)
	if from > to {
		return nil, true
	}
	size := 0
	for _, e := range l.since(from) {
		if size += len(e.Record) + 16; e.Index > to || len(entries) > 0 && size > limit {
			break
		}
		entries = append(entries, e)
	}
	return entries, true
}

// Fetch returns a function that reads entries as Read does, but from the disk.
// It may be called elsewhere while the log goes on, if what it reads was
// written when Fetch was called.
func (l *Log) Fetch(from, to uint64, limit int) func() ([]Entry, error) {
	all := l.journal.Read(from)
	return func() (entries []Entry, err error) {
		size := 0
		for e, err := range all {
			if err != nil {
				return entries, err
			}
			if size += len(e.Data) + 8; e.Index > to || len(entries) > 0 && size > limit {
				break
			}
			entry, err := readEntry(e)
			if err != nil {
				return entries, err
			}
			entry.Record = slices.Clone(entry.Record)
			entries = append(entries, entry)
		}
		return entries, nil
	}
}
