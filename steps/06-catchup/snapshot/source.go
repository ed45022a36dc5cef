package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/node"
)

// Identity tells the files of snapshots apart, by what is in them. Bytes belong
// together only if their identities are equal.
type Identity struct {
	node.Position
	Size int64  // of the file, in bytes
	Sum  uint32 // of the file, the checksum at its end
}

// String says it in words.
func (id Identity) String() string {
	return fmt.Sprintf("the snapshot of %v (%d bytes, sum %08x)", id.Position, id.Size, id.Sum)
}

// MaxChunk is the greatest length of a chunk, in bytes.
const MaxChunk = 1 << 20

// Source is a snapshot that is given out by chunks. It can be read to its end
// even if a later one takes its place meanwhile. It is for one goroutine.
type Source struct {
	file disk.File
	id   Identity
}

// OpenSource opens the snapshot of the entry at index. It reads its label only:
// whether the rest is whole, Verify tells, and so does the Incoming that gets it.
func OpenSource(d disk.Disk, index uint64) (*Source, error) {
	r, err := openIndex(d, index)
	if err != nil {
		return nil, advise("send the snapshot", err)
	}
	sum := make([]byte, sumSize)
	if n, err := r.file.ReadAt(sum, r.size-sumSize); n < len(sum) {
		return nil, fmt.Errorf("send the snapshot: %w", errors.Join(err, r.file.Close()))
	}
	return &Source{r.file, Identity{r.label.Position, r.size, binary.LittleEndian.Uint32(sum)}}, nil
}

// Identity says which snapshot it is.
func (s *Source) Identity() Identity { return s.id }

// Chunk returns up to n bytes of the file, from offset on: fewer at its end, and
// never more than MaxChunk.
func (s *Source) Chunk(offset int64, n int) ([]byte, error) {
	if offset < 0 || offset > s.id.Size || n < 0 {
		return nil, fmt.Errorf("%d bytes from offset %d of %v: there are none", n, offset, s.id)
	}
	b := make([]byte, min(int64(n), MaxChunk, s.id.Size-offset))
	if n, err := s.file.ReadAt(b, offset); n < len(b) {
		return nil, fmt.Errorf("read %v: %w", s.id, err)
	}
	return b, nil
}

// Close closes the file.
func (s *Source) Close() error { return s.file.Close() }
