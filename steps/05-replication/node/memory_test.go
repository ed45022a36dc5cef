package node_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"

	"zeyrho/steps/04-journal/disk"
)

// memory is a disk.Disk in memory that knows what of it is safe.
type memory struct {
	names  map[string]*content // as processes see them
	safe   map[string]*content // as they were at the last SyncDir
	locked bool
	calls  []string                    // that change something: "append epoch.new"
	fail   func(op, name string) error // asked before every one of them; nil: none fails
}

type content struct{ bytes, safe []byte }

// What a disk says.
var (
	errPower = errors.New("the power is gone")
	errFull  = errors.New("no space left on device")
)

func newMemory() *memory { return &memory{names: map[string]*content{}, safe: map[string]*content{}} }

// A fate is what a loss of power leaves of a file.
type fate func(*content) []byte

// The fates: nothing that was not synced is left, a half of it, or all.
func lost(c *content) []byte { return c.safe }
func kept(c *content) []byte { return c.bytes }
func torn(c *content) []byte {
	if n := len(c.bytes) - len(c.safe); n > 0 {
		return c.bytes[:len(c.safe)+n/2]
	}
	return c.bytes
}

// after returns what is there after a loss of power, to the next process.
func (m *memory) after(f fate) *memory {
	names := m.names
	if len(f(&content{bytes: []byte("x")})) == 0 {
		names = m.safe
	}
	next := newMemory()
	for name, c := range names {
		b := f(c)
		next.names[name] = &content{bytes.Clone(b), bytes.Clone(b)}
	}
	next.safe = maps.Clone(next.names)
	return next
}

func (m *memory) called(op, name string) error {
	m.calls = append(m.calls, op+" "+name)
	if m.fail == nil {
		return nil
	}
	return m.fail(op, name)
}

// failOn fails every call of one of the operations.
func (m *memory) failOn(err error, ops ...string) {
	m.fail = func(op, _ string) error {
		if slices.Contains(ops, op) {
			return err
		}
		return nil
	}
}

// dieAt fails the n-th call from now on, and all after it. It counts them.
func (m *memory) dieAt(n int, err error) (count *int) {
	count = new(int)
	m.fail = func(_, _ string) error {
		if *count++; *count >= n {
			return err
		}
		return nil
	}
	return count
}

func (m *memory) Create(name string) (disk.File, error) {
	if err := m.called("create", name); err != nil {
		return nil, err
	}
	if m.names[name] != nil {
		return nil, fs.ErrExist
	}
	m.names[name] = &content{}
	return &file{m, name, m.names[name]}, nil
}

func (m *memory) Open(name string) (disk.File, error) {
	if m.names[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &file{m, name, m.names[name]}, nil
}

func (m *memory) Rename(from, to string) error {
	if err := m.called("rename", from); err != nil {
		return err
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

func (m *memory) Remove(name string) error {
	if m.names[name] == nil {
		return fs.ErrNotExist
	}
	if err := m.called("remove", name); err != nil {
		return err
	}
	delete(m.names, name)
	return nil
}

func (m *memory) List() ([]string, error) { return slices.Sorted(maps.Keys(m.names)), nil }

func (m *memory) SyncDir() error {
	if err := m.called("syncdir", ""); err != nil {
		return err
	}
	m.safe = maps.Clone(m.names)
	return nil
}

func (m *memory) Lock() (io.Closer, error) {
	if m.locked {
		return nil, disk.ErrLocked
	}
	m.locked = true
	return m, nil
}

// Close opens the lock.
func (m *memory) Close() error {
	m.locked = false
	return nil
}

type file struct {
	disk *memory
	name string
	*content
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(f.bytes).ReadAt(b, off)
}

// Append writes half of b if it is made to fail.
func (f *file) Append(b []byte) error {
	err := f.disk.called("append", f.name)
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
		f.safe = f.bytes // what is appended later does not touch it
	}
	return err
}

func (f *file) Size() (int64, error) { return int64(len(f.bytes)), nil }
func (f *file) Close() error         { return nil }
