package explore

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// Word is how many bytes of a Memory one load or one store moves.
const Word = 8

// Memory stands for memory that processes share. Before every single load and
// store, of at most a Word that does not cross a multiple of Word, others take
// their turns; so what is larger can be seen half written. Outside of the
// tasks nobody has a turn to take.
type Memory struct {
	w     *World
	name  string
	bytes []byte
}

// NewMemory returns size bytes of zeros.
func (w *World) NewMemory(name string, size int) *Memory {
	return &Memory{w, name, make([]byte, size)}
}

// Size returns the number of bytes.
func (m *Memory) Size() int { return len(m.bytes) }

// Write stores p at off, from left to right.
func (m *Memory) Write(off int, p []byte) {
	for len(p) > 0 {
		n := min(len(p), Word-off%Word)
		m.w.step()
		copy(m.bytes[off:off+n], p[:n])
		m.log("store", off, show(p[:n]))
		off, p = off+n, p[n:]
	}
}

// Read loads len(p) bytes from off, from left to right.
func (m *Memory) Read(off int, p []byte) {
	for len(p) > 0 {
		n := min(len(p), Word-off%Word)
		m.w.step()
		copy(p[:n], m.bytes[off:off+n])
		m.log("load", off, show(p[:n]))
		off, p = off+n, p[n:]
	}
}

// Load loads the word at off, a multiple of Word.
func (m *Memory) Load(off int) uint64 {
	m.w.step()
	v := binary.LittleEndian.Uint64(m.bytes[off:])
	m.log("load", off, v)
	return v
}

// Store stores v in the word at off, a multiple of Word.
func (m *Memory) Store(off int, v uint64) {
	m.w.step()
	binary.LittleEndian.PutUint64(m.bytes[off:], v)
	m.log("store", off, v)
}

// log adds a line to the story. A memory of one word needs no offset.
func (m *Memory) log(what string, off int, value any) {
	if len(m.bytes) <= Word {
		m.w.running.Logf("%s %s = %v", what, m.name, value)
	} else {
		m.w.running.Logf("%s %s[%d] = %v", what, m.name, off, value)
	}
}

// show returns bytes as text where they are text and as a number otherwise.
func show(p []byte) any {
	number := uint64(0)
	for i, b := range p {
		number |= uint64(b) << (8 * i)
	}
	if slices.ContainsFunc(p, func(b byte) bool { return b < ' ' || b > '~' }) {
		return number
	}
	return strconv.Quote(string(p))
}
