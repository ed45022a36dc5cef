package snapshot_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"

	"zeyrho/steps/04-journal/disk"
)

// memory is a disk in memory that fails, or loses its power, where it is told.
type memory struct {
	names   map[string]*content // as a program sees them
	synced  map[string]*content // as SyncDir found them
	pending []rename            // since then
	ops     int
	cut     int                         // the power goes before this operation; 0: never
	fail    func(op, name string) error // if it is set, it may fail an operation
}

type content struct{ bytes, synced []byte }

// rename is a change of names: to stands for the file, and from for none.
type rename struct {
	from, to string
	file     *content
}

func (r rename) apply(names map[string]*content) {
	delete(names, r.from)
	if r.to != "" {
		names[r.to] = r.file
	}
}

var errCut = errors.New("the power is off")

func newMemory() *memory {
	return &memory{names: map[string]*content{}, synced: map[string]*content{}}
}

// clone is another disk with the same files, all of it synced.
func (m *memory) clone() *memory {
	c := newMemory()
	for name, f := range m.names {
		b := slices.Clone(f.bytes)
		c.names[name] = &content{b, slices.Clone(b)}
	}
	c.synced = maps.Clone(c.names)
	return c
}

// survivors returns the disks that may be found when the power is back: any part
// of the names that were changed, and of the bytes that were not synced all,
// none, or their length and half of what they were.
func (m *memory) survivors() (all []*memory) {
	for chosen := range 1 << len(m.pending) {
		names := maps.Clone(m.synced)
		for i, r := range m.pending {
			if chosen>>i&1 == 1 {
				r.apply(names)
			}
		}
		for _, keep := range []func(*content) []byte{
			func(c *content) []byte { return c.synced },
			func(c *content) []byte { return c.bytes },
			func(c *content) []byte {
				half := min(len(c.bytes), (len(c.synced)+len(c.bytes))/2)
				return append(make([]byte, half), c.bytes[half:]...) // the end without the beginning
			},
		} {
			found := newMemory()
			for name, c := range names {
				b := slices.Clone(keep(c))
				copy(b, c.synced)
				found.names[name] = &content{b, slices.Clone(b)}
			}
			found.synced = maps.Clone(found.names)
			all = append(all, found)
		}
	}
	return all
}

func (m *memory) list() []string { return slices.Sorted(maps.Keys(m.names)) }

func (m *memory) called(op, name string) error {
	m.ops++
	if m.cut > 0 && m.ops >= m.cut {
		return errCut
	}
	if m.fail != nil {
		return m.fail(op, name)
	}
	return nil
}

// failAt fails the n-th operation from now on.
func (m *memory) failAt(n int, err error) {
	at := m.ops + n
	m.fail = func(string, string) error {
		if m.ops == at {
			return err
		}
		return nil
	}
}

func (m *memory) change(r rename) {
	r.apply(m.names)
	m.pending = append(m.pending, r)
}

func (m *memory) Create(name string) (disk.File, error) {
	if err := m.called("create", name); err != nil {
		return nil, err
	}
	if m.names[name] != nil {
		return nil, fs.ErrExist
	}
	m.change(rename{"", name, &content{}})
	return &file{m, name, m.names[name]}, nil
}

func (m *memory) Open(name string) (disk.File, error) {
	if err := m.called("open", name); err != nil {
		return nil, err
	}
	if m.names[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &file{m, name, m.names[name]}, nil
}

func (m *memory) Rename(from, to string) error {
	if err := m.called("rename", from); err != nil {
		return err
	}
	if m.names[from] == nil {
		return fs.ErrNotExist
	}
	m.change(rename{from, to, m.names[from]})
	return nil
}

func (m *memory) Remove(name string) error {
	if err := m.called("remove", name); err != nil {
		return err
	}
	if m.names[name] == nil {
		return fs.ErrNotExist
	}
	m.change(rename{name, "", nil})
	return nil
}

func (m *memory) List() ([]string, error) {
	if err := m.called("list", ""); err != nil {
		return nil, err
	}
	return m.list(), nil
}

func (m *memory) SyncDir() error {
	err := m.called("syncdir", "")
	if err == nil {
		m.synced, m.pending = maps.Clone(m.names), nil
	}
	return err
}

func (m *memory) Lock() (io.Closer, error) { return nil, errors.New("nobody needs this here") }

type file struct {
	disk *memory
	name string
	*content
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	if err := f.disk.called("read", f.name); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.bytes).ReadAt(b, off)
}

// Append writes half of b if it is made to fail.
func (f *file) Append(b []byte) error {
	err := f.disk.called("append", f.name)
	if errors.Is(err, errCut) {
		return err
	}
	if err != nil {
		b = b[:len(b)/2]
	}
	f.bytes = append(f.bytes, b...)
	return err
}

func (f *file) Truncate(size int64) error {
	err := f.disk.called("truncate", f.name)
	if err == nil {
		f.bytes = slices.Clip(f.bytes[:size])
	}
	return err
}

func (f *file) Sync() error {
	err := f.disk.called("sync", f.name)
	if err == nil {
		f.synced = slices.Clone(f.bytes)
	}
	return err
}

func (f *file) Size() (int64, error) { return int64(len(f.bytes)), f.disk.called("size", f.name) }
func (f *file) Close() error         { return f.disk.called("close", f.name) }
