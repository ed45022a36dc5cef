package sim

import (
	"encoding/binary"
	"math/bits"
)

// hash is a number that differs, in all likelihood, when anything that was added
// to it does.
type hash uint64

func (h *hash) add(x uint64) {
	hi, lo := bits.Mul64(uint64(*h)^x^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	*h = hash(hi ^ lo ^ bits.RotateLeft64(x, 29))
}

func (h *hash) bytes(b []byte) {
	h.add(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		h.add(binary.LittleEndian.Uint64(b))
	}
	if len(b) > 0 {
		var rest [8]byte
		copy(rest[:], b)
		h.add(binary.LittleEndian.Uint64(rest[:]))
	}
}

func (h *hash) text(s string) {
	h.add(uint64(len(s)))
	for ; len(s) >= 8; s = s[8:] {
		h.add(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
	}
	for i := range len(s) {
		h.add(uint64(s[i]))
	}
}
