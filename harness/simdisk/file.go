package simdisk

import (
	"io"
	"io/fs"
	"slices"
)

// inode is a file, whatever it is called.
//
// Mostly a file is written and synced, and nobody asks what might have become of
// it between. So what a write does to sectors and sizes is found out only when
// somebody wants to know: see settle.
//
// Invariants, when it is settled:
//   - sizes begins with the length that is safe and ends with that of content.
//   - A sector that is not in sectors is on the disk as content has it.
//   - A byte of sectors' last versions beyond the end of content is zero.
type inode struct {
	name    string // its last one
	content []byte // what is read
	sizes   []int64
	sectors []sector // by their index

	// late has what the content was, one change after another, since the file was
	// settled or synced; it is empty if it is what it was then. Nobody changes a
	// byte in any of them.
	late [][]byte
}

// sector is a part of a file that may be found in more than one state.
type sector struct {
	index    int
	versions []string // the states: first the one that is safe, last the one that is read
	dirty    bool     // whether a sync will write it
}

func (n *inode) clone() *inode {
	n.settle()
	c := &inode{name: n.name, content: slices.Clip(n.content), sizes: slices.Clone(n.sizes), sectors: slices.Clone(n.sectors)}
	for i := range c.sectors {
		c.sectors[i].versions = slices.Clip(c.sectors[i].versions)
	}
	return c
}

// write gives the file another content. Up to where the shorter of the two ends,
// they are the same.
func (n *inode) write(content []byte) {
	n.late = append(n.late, n.content)
	n.content = content
}

// settle finds out what the writes of late have done.
func (n *inode) settle() {
	if len(n.late) == 0 {
		return
	}
	states := append(n.late, n.content)
	n.late, n.content = nil, states[0]
	for _, next := range states[1:] {
		n.change(next, min(len(n.content), len(next)), max(len(n.content), len(next)))
	}
}

// safe says whether nothing about the file is open.
func (n *inode) safe() bool { return len(n.late) == 0 && len(n.sectors) == 0 && len(n.sizes) == 1 }

// change gives the file another content, which differs only between from and to.
func (n *inode) change(content []byte, from, to int) {
	for i := from / Sector; i*Sector < to; i++ {
		before, after := cut(n.content, i), cut(content, i)
		if before == after {
			continue
		}
		at, found := slices.BinarySearchFunc(n.sectors, i, func(s sector, i int) int { return s.index - i })
		if !found {
			n.sectors = slices.Insert(n.sectors, at, sector{index: i, versions: []string{before}})
		}
		s := &n.sectors[at]
		s.versions, s.dirty = append(s.versions, after), true
	}
	if len(content) != len(n.content) {
		n.sizes = append(n.sizes, int64(len(content)))
	}
	n.content = content
}

// cut returns the sector with the given index, filled up with zeros.
func cut(content []byte, index int) string {
	var s [Sector]byte
	if at := index * Sector; at < len(content) {
		copy(s[:], content[at:])
	}
	return string(s[:])
}

// sync makes safe what is dirty. What an earlier sync gave up stays undecided.
func (n *inode) sync() {
	if len(n.sectors) == 0 && len(n.sizes) == 1 {
		clear(n.late)
		n.late, n.sizes[0] = n.late[:0], int64(len(n.content))
		return
	}
	n.settle()
	n.sectors = slices.DeleteFunc(n.sectors, func(s sector) bool { return s.dirty || s.index*Sector >= len(n.content) })
	n.sizes = []int64{int64(len(n.content))}
}

// giveUp is a sync that fails: nothing is dirty any more, and nothing is safe.
func (n *inode) giveUp() {
	n.settle()
	for i := range n.sectors {
		n.sectors[i].dirty = false
	}
}

// file is an open file.
type file struct {
	d      *Disk
	node   *inode
	closed bool
}

func (f *file) begin(op Op) (fault Fault, failed bool, err error) {
	if f.closed {
		return fault, false, &fs.PathError{Op: string(op.Kind), Path: f.node.name, Err: fs.ErrClosed}
	}
	op.Name = f.node.name
	fault, failed = f.d.begin(op)
	return fault, failed, nil
}

// write gives the file another content.
func (f *file) write(content []byte) {
	if n := f.d.open; len(n) == 0 || n[len(n)-1] != f.node {
		f.d.open = append(n, f.node)
	}
	f.node.write(content)
}

// ReadAt implements disk.File.
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	fault, failed, err := f.begin(Op{Kind: Read, Off: off, Size: len(b)})
	switch {
	case err != nil:
		return 0, err
	case failed:
		return 0, fault.err("read", f.node.name)
	case off < 0:
		return 0, &fs.PathError{Op: "read", Path: f.node.name, Err: fs.ErrInvalid}
	case off > int64(len(f.node.content)):
		return 0, io.EOF
	}
	n := copy(b, f.node.content[off:])
	f.d.read += n
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Append implements disk.File.
func (f *file) Append(b []byte) error {
	size := len(f.node.content)
	fault, failed, err := f.begin(Op{Kind: Append, Off: int64(size), Size: len(b)})
	if err != nil {
		return err
	}
	if failed {
		b = b[:min(fault.Keep, len(b))]
		err = fault.err("write", f.node.name)
	}
	f.d.mixBytes(b)
	f.write(append(f.node.content, b...))
	return err
}

// Truncate implements disk.File. Unlike truncate(2), it makes no file longer.
func (f *file) Truncate(size int64) error {
	fault, failed, err := f.begin(Op{Kind: Truncate, Off: size})
	switch {
	case err != nil:
		return err
	case failed:
		return fault.err("truncate", f.node.name)
	case size < 0 || size > int64(len(f.node.content)):
		return &fs.PathError{Op: "truncate", Path: f.node.name, Err: fs.ErrInvalid}
	}
	f.write(slices.Clone(f.node.content[:size]))
	return nil
}

// Size implements disk.File.
func (f *file) Size() (int64, error) {
	if f.closed {
		return 0, &fs.PathError{Op: "stat", Path: f.node.name, Err: fs.ErrClosed}
	}
	return int64(len(f.node.content)), nil
}

// Sync implements disk.File.
func (f *file) Sync() error {
	fault, failed, err := f.begin(Op{Kind: Sync})
	switch {
	case err != nil:
		return err
	case !failed:
		f.node.sync()
	case fault.Kind == Lie:
	case fault.Kind == FailedSync:
		f.node.giveUp()
		return fault.err("sync", f.node.name)
	default:
		return fault.err("sync", f.node.name)
	}
	return nil
}

// Close implements disk.File.
func (f *file) Close() error {
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.node.name, Err: fs.ErrClosed}
	}
	f.closed = true
	return nil
}
