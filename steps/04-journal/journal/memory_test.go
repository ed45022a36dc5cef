package journal_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"

	"zeyrho/steps/04-journal/disk"
)

// memory is a disk.Disk in memory, as a process sees it: nothing is ever lost,
// but every call can be made to fail.
type memory struct {
	files map[string]*content
	calls []call
	fail  func(call) error // asked before every call; nil: none fails
	read  int              // bytes, in all
}

type content struct{ bytes []byte }

// call is a call of a method of Disk or File.
type call struct{ op, name string }

func newMemory() *memory { return &memory{files: map[string]*content{}} }

// clone returns a disk with the same files.
func (m *memory) clone() *memory {
	c := newMemory()
	for name, f := range m.files {
		c.files[name] = &content{bytes.Clone(f.bytes)}
	}
	return c
}

// bytes returns what the files hold.
func (m *memory) bytes() map[string]string {
	all := map[string]string{}
	for name, f := range m.files {
		all[name] = string(f.bytes)
	}
	return all
}

// names returns the names of the files, sorted.
func (m *memory) names() []string { return slices.Sorted(maps.Keys(m.files)) }

// last returns the name of the last file.
func (m *memory) last() string { return slices.Max(m.names()) }

// count says how often op was called.
func (m *memory) count(op string) (n int) {
	for _, c := range m.calls {
		if c.op == op {
			n++
		}
	}
	return n
}

func (m *memory) called(op, name string) error {
	m.calls = append(m.calls, call{op, name})
	if m.fail == nil {
		return nil
	}
	return m.fail(call{op, name})
}

func (m *memory) Create(name string) (disk.File, error) {
	if err := m.called("create", name); err != nil {
		return nil, err
	}
	if m.files[name] != nil {
		return nil, fs.ErrExist
	}
	m.files[name] = &content{}
	return &file{m, name, m.files[name]}, nil
}

func (m *memory) Open(name string) (disk.File, error) {
	if err := m.called("open", name); err != nil {
		return nil, err
	}
	if m.files[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &file{m, name, m.files[name]}, nil
}

func (m *memory) Rename(from, to string) error {
	if err := m.called("rename", from); err != nil {
		return err
	}
	m.files[to] = m.files[from]
	delete(m.files, from)
	return nil
}

func (m *memory) Remove(name string) error {
	if err := m.called("remove", name); err != nil {
		return err
	}
	if m.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(m.files, name)
	return nil
}

func (m *memory) List() ([]string, error) { return m.names(), m.called("list", "") }
func (m *memory) SyncDir() error          { return m.called("syncdir", "") }

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
	n, err := bytes.NewReader(f.bytes).ReadAt(b, off)
	f.disk.read += n
	return n, err
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

func (f *file) Size() (int64, error) { return int64(len(f.bytes)), f.disk.called("size", f.name) }
func (f *file) Sync() error          { return f.disk.called("sync", f.name) }
func (f *file) Close() error         { return f.disk.called("close", f.name) }

// failAt fails the n-th call from now on, and counts them all.
func (m *memory) failAt(n int, err error) (count *int) {
	count = new(int)
	m.fail = func(call) error {
		if *count++; *count == n {
			return err
		}
		return nil
	}
	return count
}

// failOn fails every call of one of the operations.
func (m *memory) failOn(err error, ops ...string) {
	m.fail = func(c call) error {
		if slices.Contains(ops, c.op) {
			return err
		}
		return nil
	}
}
