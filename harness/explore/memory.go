package explore

import (
	"encoding/binary"
	"fmt"
)

// Word is how many bytes of a Memory one load or one store moves.
const Word = 8

// Memory stands for memory that processes share. Before every single load and
// store, of at most a Word that does not cross a multiple of Word, others take
// their turns; so what is larger can be seen half written. Outside of the
// tasks nobody has a turn to take.
type Memory struct {
	w     *World
	bytes []byte
}

// NewMemory returns size bytes of zeros.
func (w *World) NewMemory(size int) *Memory { return &Memory{w, make([]byte, size)} }

// Size returns the number of bytes.
func (m *Memory) Size() int { return len(m.bytes) }

// Write stores p at off, from left to right.
func (m *Memory) Write(off int, p []byte) {
	for len(p) > 0 {
		n := min(len(p), Word-off%Word)
		m.w.step()
		copy(m.bytes[off:off+n], p[:n])
		m.w.running.Logf("stores %s", cells(off, p[:n]))
		off, p = off+n, p[n:]
	}
}

// Read loads len(p) bytes from off, from left to right.
func (m *Memory) Read(off int, p []byte) {
	for len(p) > 0 {
		n := min(len(p), Word-off%Word)
		m.w.step()
		copy(p[:n], m.bytes[off:off+n])
		m.w.running.Logf("loads %s", cells(off, p[:n]))
		off, p = off+n, p[n:]
	}
}

// cells shows bytes as text where they are text and as a number otherwise.
func cells(off int, p []byte) string {
	text, number := true, uint64(0)
	for i, b := range p {
		text = text && b >= ' ' && b <= '~'
		number |= uint64(b) << (8 * i)
	}
	if text {
		return fmt.Sprintf("%q at %d", p, off)
	}
	return fmt.Sprintf("%d at %d", number, off)
}

// Load loads the word at off, a multiple of Word.
func (m *Memory) Load(off int) uint64 {
	m.w.step()
	v := binary.LittleEndian.Uint64(m.bytes[off:])
	m.w.running.Logf("loads %d at %d", v, off)
	return v
}

// Store stores v in the word at off, a multiple of Word.
func (m *Memory) Store(off int, v uint64) {
	m.w.step()
	binary.LittleEndian.PutUint64(m.bytes[off:], v)
	m.w.running.Logf("stores %d at %d", v, off)
}
