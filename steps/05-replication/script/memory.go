package script

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"

	"zeyrho/steps/04-journal/disk"
)

// Memory is a disk.Disk in memory that knows what of it is safe.
type Memory struct {
	names  map[string]*content // as processes see them
	safe   map[string]*content // as they were at the last SyncDir
	locked bool
	Fail   func(op, name string) error // asked before every one of them; nil: none fails
}

type content struct{ bytes, safe []byte }

// What a disk says.
var (
	ErrPower = errors.New("the power is gone")
	ErrFull  = errors.New("no space left on device")
)

// NewMemory returns an empty disk.
func NewMemory() *Memory { return &Memory{names: map[string]*content{}, safe: map[string]*content{}} }

// A Fate is what a loss of power leaves of a file.
type Fate func(*content) []byte

// Lost is the fate in which nothing is left that was not synced.
func Lost(c *content) []byte { return c.safe }

// Kept is the fate in which all is left: only the process has ended.
func Kept(c *content) []byte { return c.bytes }

// Torn is the fate in which half of what was not synced is left.
func Torn(c *content) []byte {
	if n := len(c.bytes) - len(c.safe); n > 0 {
		return c.bytes[:len(c.safe)+n/2]
	}
	return c.bytes
}

// After returns what is there after a loss of power, to the next process.
func (m *Memory) After(f Fate) *Memory {
	names := m.names
	if len(f(&content{bytes: []byte("x")})) == 0 {
		names = m.safe
	}
	next := NewMemory()
	for name, c := range names {
		b := f(c)
		next.names[name] = &content{bytes.Clone(b), bytes.Clone(b)}
	}
	next.safe = maps.Clone(next.names)
	return next
}

func (m *Memory) called(op, name string) error {
	if m.Fail == nil {
		return nil
	}
	return m.Fail(op, name)
}

// FailOn fails every call of one of the operations.
func (m *Memory) FailOn(err error, ops ...string) {
	m.Fail = func(op, _ string) error {
		if slices.Contains(ops, op) {
			return err
		}
		return nil
	}
}

// DieAt fails the n-th call from now on, and all after it. It counts them.
func (m *Memory) DieAt(n int, err error) (count *int) {
	count = new(int)
	m.Fail = func(_, _ string) error {
		if *count++; *count >= n {
			return err
		}
		return nil
	}
	return count
}

// Change changes what is in a file, as rot does.
func (m *Memory) Change(name string, f func([]byte) []byte) {
	c := m.names[name]
	c.bytes = f(bytes.Clone(c.bytes))
	c.safe = c.bytes
}

// Bytes returns how much is on the disk.
func (m *Memory) Bytes() (n int) {
	for _, c := range m.names {
		n += len(c.bytes)
	}
	return n
}

// Create implements disk.Disk.
func (m *Memory) Create(name string) (disk.File, error) {
	if err := m.called("create", name); err != nil {
		return nil, err
	}
	if m.names[name] != nil {
		return nil, fs.ErrExist
	}
	m.names[name] = &content{}
	return &file{m, name, m.names[name]}, nil
}

// Open implements disk.Disk.
func (m *Memory) Open(name string) (disk.File, error) {
	if m.names[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &file{m, name, m.names[name]}, nil
}

// Rename implements disk.Disk.
func (m *Memory) Rename(from, to string) error {
	if err := m.called("rename", from); err != nil {
		return err
	}
	if m.names[from] == nil {
		return fs.ErrNotExist
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

// Remove implements disk.Disk.
func (m *Memory) Remove(name string) error {
	if m.names[name] == nil {
		return fs.ErrNotExist
	}
	if err := m.called("remove", name); err != nil {
		return err
	}
	delete(m.names, name)
	return nil
}

// List implements disk.Disk.
func (m *Memory) List() ([]string, error) { return slices.Sorted(maps.Keys(m.names)), nil }

// SyncDir implements disk.Disk.
func (m *Memory) SyncDir() error {
	if err := m.called("syncdir", ""); err != nil {
		return err
	}
	m.safe = maps.Clone(m.names)
	return nil
}

// Lock implements disk.Disk.
func (m *Memory) Lock() (io.Closer, error) {
	if m.locked {
		return nil, disk.ErrLocked
	}
	m.locked = true
	return m, nil
}

// Close opens the lock.
func (m *Memory) Close() error {
	m.locked = false
	return nil
}

// file is an open file. Its name may be another's by now.
type file struct {
	disk *Memory
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
