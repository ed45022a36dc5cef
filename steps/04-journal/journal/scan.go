package journal

import (
	"bufio"
	"io"

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

// newScanner returns one that begins at a mark.
func newScanner(s segment, f disk.File, from mark) (*scanner, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	at := min(from.at, size)
	in := io.NewSectionReader(f, at, size-at)
	return &scanner{segment: s, seed: s.seed(), size: size, at: at, next: from.entry, in: bufio.NewReaderSize(in, int(min(256<<10, size-at)))}, nil
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
