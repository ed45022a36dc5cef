package simdisk

import "slices"

// The functions of this file do to a disk what no contract allows: what was
// synced changes while nobody looks.

// Flip turns over one bit of a file, counted from the lowest of its first byte.
func (d *Disk) Flip(name string, off int64, bit int) {
	n := d.names[name]
	content := slices.Clone(n.content)
	content[off] ^= 1 << bit
	d.replace(name, content)
}

// Zero writes zeros over a part of a file.
func (d *Disk) Zero(name string, from, to int64) {
	n := d.names[name]
	content := slices.Clone(n.content)
	clear(content[from:min(to, int64(len(content)))])
	d.replace(name, content)
}

// CutTo leaves only the first bytes of a file.
func (d *Disk) CutTo(name string, size int64) {
	d.replace(name, slices.Clone(d.names[name].content[:size]))
}

// Forget takes a file away.
func (d *Disk) Forget(name string) {
	delete(d.names, name)
	delete(d.synced, name)
}

// replace gives a file another content, all of it safe.
func (d *Disk) replace(name string, content []byte) {
	d.names[name] = &inode{name: name, content: content, sizes: []int64{int64(len(content))}}
	d.synced[name] = d.names[name]
}
