// Package simdisk answers: what may be left on a disk when the power goes, and
// what does a program make of a disk that fails?
//
// A Disk keeps its files in memory, and keeps apart what was written from what
// was synced. Between the two lies everything that a loss of power may decide:
// a Fate is one such decision, and After is the disk that somebody finds when
// the power is back. The contract is that of steps/04-journal/disk, taken at
// its word and not kinder:
//
//   - Bytes that were not synced are kept or lost by sectors of 512 bytes, in
//     any combination. A sector that was written several times may be found in
//     any of the states that it had. A file may be as long as it ever was, or
//     end at a sector's boundary in between, and what is not there of its bytes
//     reads as zeros.
//   - Names that were not synced are kept or lost one change at a time. Changes
//     that build on each other (a file is created, then renamed) survive in
//     their order. Others, in any combination: a file system with an ordered
//     journal would lose only the last ones, but POSIX promises no such thing,
//     and a store that needs it is a store that will meet the other kind. To
//     sync a file does nothing for its name.
//   - What was synced stays, and so does its length.
//
// Faults make operations fail. A bit that rots, or a sync that lies, is outside
// of the contract; both are here too, to see what comes of them.
//
// Nothing here is drawn, and there is no clock: what happens is a function of
// the calls. A copy of a disk, taken Before an operation, is the disk at that
// moment, and nothing that the program does from then on can change it. That
// is how the power is cut in the middle of a program: it runs on, in a world
// that nobody looks at any more.
package simdisk

import (
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"zeyrho/steps/04-journal/disk"
)

// Sector is how many bytes a disk writes whole or not at all.
const Sector = 512

// Disk is a disk.Disk in memory, for one goroutine.
//
// Invariants:
//   - Every file of which anything is open is in open.
//   - What is read is what was written last, synced or not.
//   - names is what synced becomes when all of pending survives.
//   - Two disks never change each other's files, though they may share bytes.
type Disk struct {
	// Before, if it is set, is called before every operation. It may copy the
	// disk, and must not use it.
	Before func(Op)
	// Faults hit the operations whose numbers they name.
	Faults []Fault
	// Trace has all operations so far, the first one being number 1, if Traced is
	// set before the first.
	Trace  []Op
	Traced bool

	names   map[string]*inode // as a program sees them
	synced  map[string]*inode // as they were when SyncDir was last called
	pending []rename          // what was done to names since
	open    []*inode          // those of which anything is open, and maybe others
	ops     int               // how many operations there were
	hits    int               // how many of them a fault has hit
	read    int               // bytes that were read
	hash    uint64            // of everything that was done
	locked  bool
}

// rename is one change of the directory: a file goes from one name to another.
// It has no name before it is created, and none when it has been removed.
type rename struct {
	node     *inode
	from, to string
	stuck    bool // a sync of it has failed: no later one will write it
}

// New returns an empty disk.
func New() *Disk {
	return &Disk{names: map[string]*inode{}, synced: map[string]*inode{}}
}

// Clone returns the same disk, as the next program finds it when this one has
// been killed: nothing is lost, and nothing more is synced than before. The
// copy counts its operations from 1.
func (d *Disk) Clone() *Disk {
	c := New()
	copies := map[*inode]*inode{}
	twin := func(n *inode) *inode {
		if copies[n] == nil {
			copies[n] = n.clone()
			c.open = append(c.open, copies[n])
		}
		return copies[n]
	}
	for name, n := range d.names {
		c.names[name] = twin(n)
	}
	for name, n := range d.synced {
		c.synced[name] = twin(n)
	}
	for _, r := range d.pending {
		r.node = twin(r.node)
		c.pending = append(c.pending, r)
	}
	return c
}

// begin counts an operation, and says how it is to fail, if it is.
func (d *Disk) begin(op Op) (fault Fault, failed bool) {
	d.ops++
	op.N = d.ops
	for _, f := range d.Faults {
		if f.hits(op) {
			fault, failed, op.Fault = f, true, f.Kind
			d.hits++
			break
		}
	}
	if d.Before != nil {
		d.Before(op)
	}
	if d.Traced {
		d.Trace = append(d.Trace, op)
	}
	d.mixOp(op)
	return fault, failed
}

// Ops returns how many operations there were so far.
func (d *Disk) Ops() int { return d.ops }

// ReadBytes returns how many bytes were read so far.
func (d *Disk) ReadBytes() int { return d.read }

// Hits returns how many of them a fault has hit.
func (d *Disk) Hits() int { return d.hits }

// Create implements disk.Disk.
func (d *Disk) Create(name string) (disk.File, error) {
	if f, failed := d.begin(Op{Kind: Create, Name: name}); failed {
		return nil, f.err("open", name)
	}
	if strings.Contains(name, "/") || name == "" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if d.names[name] != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	}
	n := &inode{name: name, sizes: []int64{0}}
	d.move(rename{node: n, to: name})
	return &file{d: d, node: n}, nil
}

// Open implements disk.Disk.
func (d *Disk) Open(name string) (disk.File, error) {
	if f, failed := d.begin(Op{Kind: Open, Name: name}); failed {
		return nil, f.err("open", name)
	}
	n := d.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{d: d, node: n}, nil
}

// Rename implements disk.Disk.
func (d *Disk) Rename(from, to string) error {
	if f, failed := d.begin(Op{Kind: Rename, Name: from, To: to}); failed {
		return f.err("rename", from)
	}
	n := d.names[from]
	switch {
	case n == nil:
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	case from != to:
		d.move(rename{node: n, from: from, to: to})
	}
	return nil
}

// Remove implements disk.Disk.
func (d *Disk) Remove(name string) error {
	if f, failed := d.begin(Op{Kind: Remove, Name: name}); failed {
		return f.err("remove", name)
	}
	n := d.names[name]
	if n == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.move(rename{node: n, from: name})
	return nil
}

// move changes a name, until further notice.
func (d *Disk) move(r rename) {
	r.apply(d.names)
	d.pending = append(d.pending, r)
	if r.to != "" {
		r.node.name = r.to
	}
}

// apply does to names what r says.
func (r rename) apply(names map[string]*inode) {
	if r.from != "" {
		delete(names, r.from)
	}
	if r.to != "" {
		names[r.to] = r.node
	}
}

// fits says whether r makes sense where names are so: the file that it moves is
// there, and the name of one that it creates is free.
func (r rename) fits(names map[string]*inode) bool {
	if r.from == "" {
		return names[r.to] == nil
	}
	return names[r.from] == r.node
}

// List implements disk.Disk.
func (d *Disk) List() ([]string, error) {
	if f, failed := d.begin(Op{Kind: List}); failed {
		return nil, f.err("list", "the directory")
	}
	return d.Names(), nil
}

// Names is List for whoever looks from outside: it is no operation.
func (d *Disk) Names() []string { return slices.Sorted(maps.Keys(d.names)) }

// Bytes returns what is in a file. It is no operation either.
func (d *Disk) Bytes(name string) []byte {
	if n := d.names[name]; n != nil {
		return slices.Clone(n.content)
	}
	return nil
}

// SyncDir implements disk.Disk.
func (d *Disk) SyncDir() error {
	f, failed := d.begin(Op{Kind: SyncDir})
	switch {
	case failed && f.Kind == Lie:
		return nil
	case failed:
		for i := range d.pending {
			d.pending[i].stuck = d.pending[i].stuck || f.Kind == FailedSync
		}
		return f.err("sync", "the directory")
	}
	// What is stuck stays as it is, with all that builds on it.
	var left []rename
	for _, r := range d.pending {
		if r.stuck || !r.fits(d.synced) {
			r.stuck = true
			left = append(left, r)
			continue
		}
		r.apply(d.synced)
	}
	d.pending = left
	return nil
}

// Lock implements disk.Disk. Locks die with the program that holds them.
func (d *Disk) Lock() (io.Closer, error) {
	if d.locked {
		return nil, disk.ErrLocked
	}
	d.locked = true
	return closer(func() error { d.locked = false; return nil }), nil
}

type closer func() error

func (c closer) Close() error { return c() }

// The errors of a disk as programs see them.
const (
	eio    = syscall.EIO
	enospc = syscall.ENOSPC
)
