package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zeyrho/steps/04-journal/disk"
)

// A segment is a file of frames. It is named by the index of its first entry,
// and begins with a header that never changes:
//
//	offset  bytes  what
//	0       8      "zeyrho04"
//	8       4      version of this format: 1
//	12      8      identity of the journal, drawn when it was made
//	20      8      index of the first entry
//	28      4      CRC-32C of the 28 bytes before
//	32      …      frames, up to the end of the file
//
// A segment gets its name when its header is on the disk, and its first frame
// when its name is. The segment before it has been synced to its end by then.
// So whatever is wrong in a segment that is not the last, or in any header, was
// not left behind by a loss of power.
const (
	segmentMagic  = "zeyrho04"
	format        = 1
	segmentHeader = 32

	suffix    = ".journal"
	temporary = ".new" // after the suffix, until the header is on the disk
)

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, suffix) }

// parseName returns the first index of the segment with that name, if it is
// one.
func parseName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, ok && err == nil && segmentName(first) == name
}

// segment is a segment on the disk, by its header.
type segment struct {
	id    uint64 // of the journal
	first uint64 // index of its first entry
}

func (s segment) name() string { return segmentName(s.first) }
func (s segment) seed() seed   { return newSeed(s.id, s.first) }

// write writes a new segment with frames in it, under a temporary name. When it
// returns, its bytes survive a loss of power, and nobody reads them yet.
func (s segment) write(d disk.Disk, frames []byte) error {
	name := s.name() + temporary
	if err := discard(d, name); err != nil {
		return err
	}
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	err = f.Append(append(s.header(), frames...))
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// publish gives the segment its name. It takes the place of the one that has
// the name, if there is one. When publish returns, that survives a loss of
// power; if it fails, nobody knows which of the two is there.
func (s segment) publish(d disk.Disk) error {
	if err := d.Rename(s.name()+temporary, s.name()); err != nil {
		return err
	}
	return d.SyncDir()
}

// create does both.
func (s segment) create(d disk.Disk, frames []byte) error {
	if err := s.write(d, frames); err != nil {
		return err
	}
	return s.publish(d)
}

// discard removes a file that may be there.
func discard(d disk.Disk, name string) error {
	names, err := d.List()
	if err != nil {
		return err
	}
	if slices.Contains(names, name) {
		return d.Remove(name)
	}
	return nil
}

func (s segment) header() []byte {
	b := append(make([]byte, 0, segmentHeader), segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, format)
	b = binary.LittleEndian.AppendUint64(b, s.id)
	b = binary.LittleEndian.AppendUint64(b, s.first)
	return binary.LittleEndian.AppendUint32(b, seed(0).sum(b))
}

// checkSegment reads the header of the file, and compares it with its name. It
// fails with a *badFrame, with ErrFormat, or if it cannot read.
func checkSegment(f disk.File, first uint64) (segment, error) {
	b := make([]byte, segmentHeader)
	size, err := f.Size()
	if err != nil {
		return segment{}, err
	}
	if size < segmentHeader {
		return segment{}, bad("the file ends within its header")
	}
	if _, err := f.ReadAt(b, 0); err != nil {
		return segment{}, err
	}
	s := segment{binary.LittleEndian.Uint64(b[12:]), binary.LittleEndian.Uint64(b[20:])}
	switch v := binary.LittleEndian.Uint32(b[8:]); {
	case string(b[:8]) != segmentMagic:
		return s, bad("it does not begin with %q", segmentMagic)
	case seed(0).sum(b[:28]) != binary.LittleEndian.Uint32(b[28:]):
		return s, bad("the checksum of the file's header does not fit")
	case v != format:
		return s, fmt.Errorf("%s: %w (its format is %d, and this program knows %d)", segmentName(first), ErrFormat, v, format)
	case s.first != first:
		return s, bad("its header says that it begins with entry %d", s.first)
	}
	return s, nil
}
