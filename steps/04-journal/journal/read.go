package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"

	"zeyrho/steps/04-journal/disk"
)

// ErrCut is wrapped when a Read cannot go on because entries were cut from the
// back of the journal, its own perhaps.
var ErrCut = errors.New("the journal was cut back meanwhile")

// Read returns the entries from index from on, which must not be below First, up
// to the last that is there now. The bytes of an entry are the caller's until it
// asks for the next. An error comes last; it wraps ErrDamaged if something has
// changed since Open.
//
// To call Read is for the goroutine of the journal, as all is. To go through
// what it returns is not: that may be done in any other, while the journal goes
// on. Then the journal may be cut meanwhile. After CutBack no entry is shown any
// more, and the error wraps ErrCut. After CutFront a file may be gone, and the
// error is the disk's.
func (j *Journal) Read(from uint64) iter.Seq2[Entry, error] {
	if first := j.First(); from < first {
		return func(yield func(Entry, error) bool) {
			yield(Entry{}, fmt.Errorf("read from entry %d: the oldest is %d", from, first))
		}
	}
	r := &reader{disk: j.disk, from: from, end: j.next, cuts: &j.cuts, cut: j.cuts.Load()}
	if from < r.end {
		begin := 0
		for begin+1 < len(j.segments) && j.segments[begin+1].first <= from {
			begin++
		}
		r.segments = slices.Clone(j.segments[begin:])
		r.start = j.marks.near(r.segments[0], from)
	}
	return r.all
}

// reader is a Read under way. It shares nothing with the journal but cuts.
type reader struct {
	disk      disk.Disk
	segments  []segment // with the entries, in order
	start     mark      // in the first of them, not beyond from
	from, end uint64    // the first entry, and the one after the last
	cuts      *atomic.Uint64
	cut       uint64 // what cuts was in the beginning
}

func (r *reader) all(yield func(Entry, error) bool) {
	for i, s := range r.segments {
		start, end := s.start(), r.end
		if i == 0 {
			start = r.start
		}
		if i+1 < len(r.segments) {
			end = r.segments[i+1].first
		}
		err := r.read(s, start, end, yield)
		if err != nil && !errors.Is(err, errEnough) {
			yield(Entry{}, err)
		}
		if err != nil {
			return
		}
	}
}

var errEnough = errors.New("enough")

// read goes through a segment from start on, and shows the entries below end.
func (r *reader) read(s segment, start mark, end uint64, yield func(Entry, error) bool) error {
	f, err := r.disk.Open(s.name())
	if err != nil {
		return cmp.Or(r.wasCut(), err)
	}
	defer f.Close()
	sc, err := newScanner(s, f, start)
	for err == nil && sc.next < end {
		err = sc.frame(func(e Entry) error {
			if err := r.wasCut(); err != nil {
				return err
			}
			if r.from <= e.Index && e.Index < end && !yield(e, nil) {
				return errEnough
			}
			return nil
		})
	}
	if err == nil || errors.Is(err, errEnough) {
		return err
	}
	if cut := r.wasCut(); cut != nil {
		return cut
	}
	if err == io.EOF {
		err = bad("the file ends before it")
	}
	if _, bad := errors.AsType[*badFrame](err); bad {
		return damaged(s, sc.at, sc.next, err)
	}
	return err
}

// wasCut returns ErrCut if CutBack was called since the Read: then what is read
// may be anything. CutBack counts before it begins.
func (r *reader) wasCut() error {
	if r.cuts.Load() == r.cut {
		return nil
	}
	return fmt.Errorf("read from entry %d: %w", r.from, ErrCut)
}
