package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"zeyrho/steps/04-journal/disk"
)

// scanner reads the frames of a segment one after another. It holds one of them
// in memory at a time.
type scanner struct {
	segment segment
	seed    seed  // of the segment
	size    int64 // of the file
	at      int64 // where the next frame begins
	next    uint64
	in      *bufio.Reader
	header  [frameHeader]byte
	payload []byte
}

func newScanner(s segment, f disk.File) (*scanner, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	in := io.NewSectionReader(f, segmentHeader, size-segmentHeader)
	return &scanner{segment: s, seed: s.seed(), size: size, at: segmentHeader, next: s.first, in: bufio.NewReaderSize(in, int(min(256<<10, size)))}, nil
}

// frame reads the next frame and calls each for its entries. Its error is
// io.EOF at the end of the file, or a *badFrame, and then at is where the bad
// one begins. No entry of a bad frame is shown to each.
func (s *scanner) frame(each func(Entry) error) error {
	h, err := s.read()
	if err != nil {
		return err
	}
	if s.next, err = h.entries(s.payload, each); err != nil {
		return err
	}
	s.at += frameHeader + int64(h.length)
	return nil
}

// stopped is the error of a function that was shown an entry. It may be any,
// also io.EOF, and must not be taken for one of the scanner's own.
type stopped struct{ error }

func (s *stopped) Unwrap() error { return s.error }

// read reads the next frame into s.payload.
func (s *scanner) read() (header, error) {
	left := s.size - s.at
	switch {
	case left == 0:
		return header{}, io.EOF
	case left < frameHeader:
		return header{}, bad("%d bytes, too few for a frame", left)
	}
	if _, err := io.ReadFull(s.in, s.header[:]); err != nil {
		return header{}, err
	}
	h, err := readHeader(s.header[:], s.seed)
	switch {
	case err != nil:
		return h, err
	case h.first != s.next:
		return h, sound("a frame with entry %d, where entry %d was to be", h.first, s.next)
	case int64(h.length) > left-frameHeader:
		return h, bad("a frame of %d bytes, and the file ends before", h.length)
	}
	if cap(s.payload) < h.length {
		s.payload = make([]byte, h.length)
	}
	s.payload = s.payload[:h.length]
	if _, err := io.ReadFull(s.in, s.payload); err != nil {
		return h, err
	}
	if s.seed.sum(s.payload) != h.sum {
		return h, bad("the checksum of a frame does not fit")
	}
	return h, nil
}

// Read returns the entries from index from on, which must not be below First.
// The bytes of an entry are the caller's until it asks for the next. An error
// comes last; it wraps ErrDamaged if something has changed since Open.
func (j *Journal) Read(from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if from < j.First() {
			yield(Entry{}, fmt.Errorf("read from entry %d: the oldest is %d", from, j.First()))
			return
		}
		for i, s := range j.segments {
			if i+1 < len(j.segments) && j.segments[i+1].first <= from {
				continue
			}
			err := j.readFrom(s, from, yield)
			if err != nil && !errors.Is(err, errEnough) {
				yield(Entry{}, err)
			}
			if err != nil {
				return
			}
		}
	}
}

var errEnough = errors.New("enough")

func (j *Journal) readFrom(s segment, from uint64, yield func(Entry, error) bool) error {
	f, err := j.disk.Open(s.name())
	if err != nil {
		return err
	}
	defer f.Close()
	sc, err := newScanner(s, f)
	for err == nil {
		err = sc.frame(func(e Entry) error {
			if e.Index >= from && !yield(e, nil) {
				return errEnough
			}
			return nil
		})
	}
	if err == io.EOF {
		return nil
	}
	if _, bad := errors.AsType[*badFrame](err); bad {
		return damaged(s, sc.at, sc.next, err)
	}
	return err
}
