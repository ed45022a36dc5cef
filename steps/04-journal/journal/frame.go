package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A frame is what one Append writes: the entries of a commit, however many.
// Numbers are little-endian.
//
//	offset  bytes  what
//	0       4      "FRAM"
//	4       4      length of the payload, N
//	8       8      index of its first entry
//	16      8      the last entry that was known to be synced when this was written
//	24      4      checksum of the payload
//	28      4      checksum of the 28 bytes before
//	32      N      the entries, each as its length (a uvarint) and its bytes
//
// The checksums are CRC-32C and begin with the identity of the journal and of
// the segment (see seed): what is left over from another file does not pass,
// and neither does a value that somebody made to look like a frame.
//
// Why two? If only the payload is torn, the header can still be believed. It
// says what was synced at the time, and that tells a torn commit from damage.
const (
	frameMagic  = "FRAM"
	frameHeader = 32
)

// MaxFrame is the greatest length of a payload, in bytes. A length field above
// it is not believed.
const MaxFrame = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seed is where the checksums of a segment begin.
type seed uint32

func newSeed(id, first uint64) seed {
	b := binary.LittleEndian.AppendUint64(nil, id)
	b = binary.LittleEndian.AppendUint64(b, first)
	return seed(crc32.Checksum(b, castagnoli))
}

func (s seed) sum(b []byte) uint32 { return crc32.Update(uint32(s), castagnoli, b) }

// header is the head of a frame.
type header struct {
	length int    // of the payload
	first  uint64 // index of the first entry
	synced uint64 // the last entry that was known to be synced
	sum    uint32 // of the payload
}

// appendFrame appends a frame to b.
func appendFrame(b []byte, s seed, first, synced uint64, entries [][]byte) []byte {
	start := len(b)
	b = append(b, make([]byte, frameHeader)...)
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(len(e)))
		b = append(b, e...)
	}
	payload := b[start+frameHeader:]
	h := b[start : start+frameHeader]
	copy(h, frameMagic)
	binary.LittleEndian.PutUint32(h[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint64(h[8:], first)
	binary.LittleEndian.PutUint64(h[16:], synced)
	binary.LittleEndian.PutUint32(h[24:], s.sum(payload))
	binary.LittleEndian.PutUint32(h[28:], s.sum(h[:28]))
	return b
}

// readHeader reads the head of a frame. It fails with a *badFrame.
func readHeader(b []byte, s seed) (header, error) {
	switch {
	case string(b[:4]) != frameMagic:
		return header{}, bad("no frame begins here")
	case s.sum(b[:28]) != binary.LittleEndian.Uint32(b[28:]):
		return header{}, bad("the checksum of a frame's header does not fit")
	}
	h := header{
		length: int(binary.LittleEndian.Uint32(b[4:])),
		first:  binary.LittleEndian.Uint64(b[8:]),
		synced: binary.LittleEndian.Uint64(b[16:]),
		sum:    binary.LittleEndian.Uint32(b[24:]),
	}
	if h.length > MaxFrame {
		return header{}, sound("a frame of %d bytes, and the limit is %d", h.length, MaxFrame)
	}
	return h, nil
}

// entries calls each for the entries of a payload whose checksum fits.
func (h header) entries(payload []byte, each func(Entry) error) (next uint64, err error) {
	next = h.first
	for len(payload) > 0 {
		n, width := binary.Uvarint(payload)
		if width <= 0 || n > uint64(len(payload)-width) {
			return next, sound("an entry that reaches beyond its frame")
		}
		end := width + int(n)
		if err := each(Entry{next, payload[width:end:end]}); err != nil {
			return next, &stopped{err}
		}
		payload = payload[end:]
		next++
	}
	return next, nil
}

// badFrame says why bytes are no frame, or not the one that is due.
type badFrame struct {
	why   string
	sound bool // the checksums fit, so no loss of power did this
}

func (b *badFrame) Error() string { return b.why }

func bad(format string, args ...any) error {
	return &badFrame{why: fmt.Sprintf(format, args...)}
}

func sound(format string, args ...any) error {
	return &badFrame{why: fmt.Sprintf(format, args...), sound: true}
}
