package simdisk

import (
	"encoding/binary"
	"math/bits"
)

// Hash is a number that differs, in all likelihood, when anything that was done
// to the disk does.
func (d *Disk) Hash() uint64 { return d.hash }

func (d *Disk) mixOp(op Op) {
	d.mixText(string(op.Kind))
	d.mixText(op.Name)
	d.mixText(op.To)
	d.mix(uint64(op.Off))
	d.mix(uint64(op.Size))
	d.mixText(string(op.Fault))
}

// mix adds a number to the hash.
func (d *Disk) mix(x uint64) {
	high, low := bits.Mul64(d.hash^x^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	d.hash = high ^ low ^ bits.RotateLeft64(x, 29)
}

func (d *Disk) mixText(s string) {
	d.mix(uint64(len(s)))
	var word uint64
	for i := range len(s) {
		if word = word<<8 | uint64(s[i]); i%8 == 7 {
			d.mix(word)
			word = 0
		}
	}
	d.mix(word)
}

func (d *Disk) mixBytes(b []byte) {
	d.mix(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		d.mix(binary.LittleEndian.Uint64(b))
	}
	var rest [8]byte
	copy(rest[:], b)
	d.mix(binary.LittleEndian.Uint64(rest[:]))
}
