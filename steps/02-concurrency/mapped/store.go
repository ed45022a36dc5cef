//go:build unix

// Package mapped answers: how do several processes share one store, without a
// server?
//
// They share a log. It lies in a file that all of them have mapped into their
// memory: a row of commands, and the length up to which they count. Each
// process applies the commands to a map of its own, in the order of the log. So
// all maps are the same, as far as each has read.
//
// A writer takes a lock that the kernel frees if it dies, appends a command
// behind the published length, and publishes it with one atomic store. A reader
// takes no lock that another process could hold: it loads the published length,
// applies what is new, and looks into its own map.
//
// What this does not give:
//   - Nothing is synced. The file outlives the processes, because the pages are
//     the kernel's. A power loss takes what was not yet written back, page by
//     page, in any order. Calling msync here would only look like safety: step
//     04 is about what it takes.
//   - The log only grows. A full file takes no more writes, not even deletes.
//     A command whose condition fails takes its space and its version too.
//   - The file must be left alone. To cut it short while it is mapped kills
//     every process that touches the missing part (SIGBUS). To remove it parts
//     those who have it open from those who come later.
//   - It is for one machine and a local file system. Over a network, neither
//     the lock nor the memory is shared in time.
package mapped

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
)

// Store is a kv.Store in a file of shared memory, for any number of goroutines
// and of processes. Writers wait for each other; a reader waits for nobody
// outside its process.
//
// Invariants:
//   - m is the result of applying the first part of the log, up to where reader
//     has got, and of nothing else: a command of one's own comes back through
//     the log like all the others.
//   - m and reader change only with mu held for writing; mem is touched only
//     with mu held and closed false.
//   - The log grows only at the hands of the holder of writer, who has read all
//     of it.
//   - writer is taken before mu, never after: who waits for another process
//     must not keep this one from reading.
type Store struct {
	path   string
	file   *os.File
	writer *writerLock

	mu     sync.RWMutex
	mem    *mapping
	reader *Reader
	m      *kv.Map
	closed bool
}

// Open opens the store in the file at path. Where there is none, it makes one
// of size bytes; a size of 0 means DefaultSize. A file that exists keeps the
// size that it has.
func Open(path string, size int64) (*Store, error) {
	if path == "" {
		return nil, errors.New("open: the file needs a name")
	}
	if size == 0 {
		size = DefaultSize
	}
	if size < MinSize || size > MaxSize {
		return nil, fmt.Errorf("open %s: %w: %d bytes; choose %d to %d", path, ErrSize, size, MinSize, int64(MaxSize))
	}
	s, err := open(path, size)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
}

func open(path string, size int64) (*Store, error) {
	f, err := openFile(path, size)
	if err != nil {
		return nil, err
	}
	size, err = check(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	mem, err := mapFile(f, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	s := &Store{path: path, file: f, writer: newWriterLock(f),
		mem: mem, reader: NewReader(mem), m: kv.NewMap()}
	if _, err := s.replay(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Get implements kv.Store. It sees every command that was published when it was
// called, in whatever process.
func (s *Store) Get(_ context.Context, key string) (it kv.Item, err error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Item{}, err
	}
	err = s.read(func() { it = s.m.Get(key) })
	return it, err
}

// Scan implements kv.Store. A page is the map at one version, because commands
// that arrive meanwhile are not applied before it is done.
func (s *Store) Scan(_ context.Context, r kv.Range) (p kv.Page, err error) {
	if err := r.Check(); err != nil {
		return kv.Page{}, err
	}
	err = s.read(func() { p = s.m.Scan(r) })
	return p, err
}

// read calls look when m holds all that was published when read was called.
func (s *Store) read(look func()) error {
	if s.readNow(look) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.replay(); err != nil {
		return fmt.Errorf("read %s: %w", s.path, err)
	}
	look()
	return nil
}

// readNow calls look and returns true if there is nothing new in the log. This
// is the common case, and all that it costs over a locked map is one load.
func (s *Store) readNow(look func()) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed || s.reader.Behind() {
		return false
	}
	look()
	return true
}

// Do implements kv.Store. The command is appended to the log first, and whether
// its condition holds is found out when it is applied: here, and in every other
// process, with the same result.
//
// It waits while another writer, of this process or another, has the lock, and
// that may be for ever if he is stopped. If ctx ends meanwhile, the error wraps
// ErrBusy and the cause; if it had ended before, only the cause. In neither case
// has the command happened.
func (s *Store) Do(ctx context.Context, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	r, err := s.do(ctx, codec.Append(nil, c))
	if errors.Is(err, ErrBusy) && errors.Is(ctx.Err(), context.Canceled) {
		err = fmt.Errorf("you stopped waiting: %w", err)
	}
	if err != nil {
		return kv.Result{}, fmt.Errorf("write %q to %s: %w", c.Key, s.path, err)
	}
	return r, nil
}

func (s *Store) do(ctx context.Context, payload []byte) (kv.Result, error) {
	if err := s.writer.lock(ctx); err != nil {
		return kv.Result{}, err
	}
	defer s.writer.unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.replay(); err != nil {
		return kv.Result{}, err
	}
	if err := Append(s.mem, payload); err != nil {
		return kv.Result{}, err
	}
	r, err := s.replay()
	if err != nil {
		return kv.Result{}, fmt.Errorf("%w: %w", kv.ErrUnknown, err)
	}
	return r, nil
}

// replay applies what is new in the log and returns the last result: that of
// the caller's own command, if it has just appended one. The caller holds mu.
func (s *Store) replay() (last kv.Result, err error) {
	if s.closed {
		return last, ErrClosed
	}
	for {
		e, ok, err := s.reader.Next()
		if !ok || err != nil {
			return last, err
		}
		last = s.m.Apply(e)
	}
}

// Used returns how much of the file is taken, and how much there is, in bytes of
// frames.
func (s *Store) Used() (used, size uint64, err error) {
	err = s.read(func() { used, size = s.mem.Published(), s.mem.Size() })
	return used, size, err
}

// Close lets go of the file. Commands that still wait for the writer's lock
// fail. The file stays, and with it all that was written.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.writer.gone)
	return errors.Join(s.mem.close(), s.file.Close())
}
