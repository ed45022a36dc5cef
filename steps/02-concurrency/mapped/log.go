package mapped

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
)

// Memory is the little that a log asks of the memory that it lies in. The real
// one is a mapped file. Tests use one that stops, or lets another process run,
// after any store.
//
// Only the published length is atomic. Other stores may become visible in any
// order, and byte by byte; but whoever loads a published length also sees all
// that its writer stored before publishing it.
type Memory interface {
	// Size is the room for frames, in bytes. It never changes.
	Size() uint64
	// Published loads the published length: how many bytes of frames count.
	Published() uint64
	// Publish stores the published length.
	Publish(length uint64)
	// Read copies bytes from offset at on into b.
	Read(at uint64, b []byte)
	// Write copies b to offset at.
	Write(at uint64, b []byte)
}

// A frame is what the log holds for one command. Numbers are little-endian.
//
//	offset  bytes  what
//	0       4      length of the payload, P
//	4       4      CRC-32C of the payload
//	8       P      the payload: a command as package codec writes it
//	8+P     0-7    zeros up to a multiple of 8, where the next frame begins
const frameHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameSize returns how many bytes the frame of a payload takes.
func frameSize(payload uint64) uint64 { return (frameHeader + payload + 7) &^ 7 }

func frame(payload []byte) []byte {
	b := make([]byte, frameSize(uint64(len(payload))))
	binary.LittleEndian.PutUint32(b[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(payload, castagnoli))
	copy(b[frameHeader:], payload)
	return b
}

// Append adds a payload to the log. Only one at a time may do so: whoever holds
// the writer's lock. Its error is ErrFull or ErrDamaged, and then nothing has
// happened.
//
// Everything hangs on the order of two lines. The frame is written where nobody
// looks yet; then one atomic store makes it part of the log. A writer who dies
// before that store has changed nothing, and the next one writes over the
// remains. After it, the command has happened. There is no time between.
func Append(m Memory, payload []byte) error {
	at := m.Published()
	if at > m.Size() {
		return fmt.Errorf("%w: %d bytes are published, and there is room for %d", ErrDamaged, at, m.Size())
	}
	f := frame(payload)
	if uint64(len(f)) > m.Size()-at {
		return fmt.Errorf("%w: %d of %d bytes are taken and this needs %d more", ErrFull, at, m.Size(), len(f))
	}
	m.Write(at, f)
	m.Publish(at + uint64(len(f)))
	return nil
}

// Reader goes through a log from its beginning, and goes on as it grows. It is
// for one goroutine; readers of other goroutines and processes do not disturb
// it, nor it them.
//
// Invariants:
//   - at is the end of the last frame that was read, and never more than what
//     was published when it was read.
//   - last is the number of frames before at: the ordinal of an entry is its
//     version, so that all readers agree on versions without a word.
//   - What is published never changes, so a reader never looks back.
type Reader struct {
	mem  Memory
	at   uint64
	last kv.Version
	buf  []byte // for one frame, used again and again
}

// NewReader returns a reader at the beginning of the log in m.
func NewReader(m Memory) *Reader { return &Reader{mem: m} }

// Behind reports whether the log holds what the reader has not seen.
func (r *Reader) Behind() bool { return r.mem.Published() != r.at }

// Next returns the next entry of the log, or false at its end. An error wraps
// ErrDamaged, and the reader stays where it is.
func (r *Reader) Next() (kv.Entry, bool, error) {
	end := r.mem.Published()
	if end == r.at {
		return kv.Entry{}, false, nil
	}
	payload, err := r.payload(end)
	if err != nil {
		return kv.Entry{}, false, r.damaged(err)
	}
	c, err := codec.Decode(payload)
	if err != nil {
		return kv.Entry{}, false, r.damaged(err)
	}
	r.at += frameSize(uint64(len(payload)))
	r.last++
	return kv.Entry{Version: r.last, Command: c}, true, nil
}

// payload copies the next payload out of the log and checks it. It believes no
// number before comparing it with what is published, and checks the copy, not
// the memory: that could change between the check and the use.
func (r *Reader) payload(end uint64) ([]byte, error) {
	if end < r.at || end > r.mem.Size() {
		return nil, fmt.Errorf("the published length is %d, which cannot be", end)
	}
	if end-r.at < frameHeader {
		return nil, fmt.Errorf("only %d bytes are published there", end-r.at)
	}
	head := r.read(r.at, frameHeader)
	size, sum := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if frameSize(uint64(size)) > end-r.at {
		return nil, fmt.Errorf("its length says %d, and only %d bytes are published there", size, end-r.at)
	}
	payload := r.read(r.at+frameHeader, int(size))
	if crc32.Checksum(payload, castagnoli) != sum {
		return nil, fmt.Errorf("its checksum does not fit its %d bytes", size)
	}
	return payload, nil
}

// read returns a copy of n bytes, which is good until the next call.
func (r *Reader) read(at uint64, n int) []byte {
	r.buf = slices.Grow(r.buf[:0], n)[:n]
	r.mem.Read(at, r.buf)
	return r.buf
}

func (r *Reader) damaged(err error) error {
	return fmt.Errorf("%w: entry %d, at byte %d: %w", ErrDamaged, r.last+1, r.at, err)
}
