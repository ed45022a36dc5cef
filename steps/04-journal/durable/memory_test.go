package durable_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"zeyrho/steps/04-journal/disk"
)

// memory is a disk.Disk in memory. Its calls can be held up and made to fail,
// and it knows which bytes were synced.
type memory struct {
	mu     sync.Mutex
	files  map[string]*content
	calls  map[string]int
	locked bool
	before func(op string) error // called before every call; it may wait
}

type content struct{ bytes, synced []byte }

func newMemory() *memory { return &memory{files: map[string]*content{}, calls: map[string]int{}} }

// called is the beginning of every method. If there is no error, it returns
// with mu held.
func (m *memory) called(op string) error {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before != nil {
		if err := before(op); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.calls[op]++
	return nil
}

// do lets before be called before every call from now on.
func (m *memory) do(before func(op string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

// hold holds up every call of op, until the test sends what becomes of it.
func (m *memory) hold(op string) (fate chan error) {
	fate = make(chan error)
	m.do(func(called string) error {
		if called != op {
			return nil
		}
		return <-fate
	})
	return fate
}

// fail lets every call of op fail.
func (m *memory) fail(op string, err error) {
	m.do(func(called string) error {
		if called != op {
			return nil
		}
		return err
	})
}

// failAt lets the n-th call from now on fail, and counts them all.
func (m *memory) failAt(n int, err error) (calls *int) {
	calls = new(int)
	m.do(func(string) error {
		if *calls++; *calls == n {
			return err
		}
		return nil
	})
	return calls
}

// count says how often op was called, and did not fail.
func (m *memory) count(op string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[op]
}

// killed returns the disk as another process finds it: nothing is lost.
func (m *memory) killed() *memory {
	return m.left(func(c *content) []byte { return c.bytes })
}

// powerless returns the disk as it may be after a loss of power: all bytes are
// lost that could be.
func (m *memory) powerless() *memory {
	return m.left(func(c *content) []byte { return c.synced })
}

func (m *memory) left(of func(*content) []byte) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := newMemory()
	for name, c := range m.files {
		after.files[name] = &content{bytes.Clone(of(c)), bytes.Clone(of(c))}
	}
	return after
}

func (m *memory) Create(name string) (disk.File, error) {
	if err := m.called("create"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if m.files[name] != nil {
		return nil, fs.ErrExist
	}
	m.files[name] = &content{}
	return &file{m, m.files[name]}, nil
}

func (m *memory) Open(name string) (disk.File, error) {
	if err := m.called("open"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if m.files[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &file{m, m.files[name]}, nil
}

func (m *memory) Rename(from, to string) error {
	if err := m.called("rename"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.files[to] = m.files[from]
	delete(m.files, from)
	return nil
}

func (m *memory) Remove(name string) error {
	if err := m.called("remove"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.files, name)
	return nil
}

func (m *memory) List() ([]string, error) {
	if err := m.called("list"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files)), nil
}

func (m *memory) SyncDir() error {
	if err := m.called("syncdir"); err != nil {
		return err
	}
	m.mu.Unlock()
	return nil
}

func (m *memory) Lock() (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked {
		return nil, fmt.Errorf("memory: %w", disk.ErrLocked)
	}
	m.locked = true
	return lock{m}, nil
}

type lock struct{ m *memory }

func (l lock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.m.locked = false
	return nil
}

type file struct {
	m *memory
	*content
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return bytes.NewReader(f.bytes).ReadAt(b, off)
}

// Append writes half of b if it fails.
func (f *file) Append(b []byte) error {
	err := f.m.called("append")
	if err != nil {
		f.m.mu.Lock()
		b = b[:len(b)/2]
	}
	defer f.m.mu.Unlock()
	f.bytes = append(f.bytes, b...)
	return err
}

func (f *file) Truncate(size int64) error {
	if err := f.m.called("truncate"); err != nil {
		return err
	}
	defer f.m.mu.Unlock()
	f.bytes = f.bytes[:size]
	return nil
}

func (f *file) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.bytes)), nil
}

func (f *file) Sync() error {
	if err := f.m.called("sync"); err != nil {
		return err
	}
	defer f.m.mu.Unlock()
	f.synced = bytes.Clone(f.bytes)
	return nil
}

func (f *file) Close() error { return nil }
