// Package locked answers: how do many goroutines use one map?
//
// With a lock, and with the right thing under it. The race detector sees when
// the lock is missing. It does not see when a read and the write that depends
// on it take the lock twice, and another goroutine's write between them is
// lost: that is what a conditional command is for, which looks and writes
// under one lock (see kv.Update).
//
// Map has one lock. Sharded has many, for many writers at a time.
package locked

import (
	"context"
	"sync"

	"zeyrho/steps/01-map/kv"
)

// RWLocker is the lock that a map needs: many readers or one writer. It is a
// *sync.RWMutex; tests put one there that decides who runs next.
type RWLocker interface {
	Lock()
	Unlock()
	RLock()
	RUnlock()
}

// Map is a kv.Store in memory, for any number of goroutines.
//
// Invariants:
//   - m is read only with the lock held, and changed only with it held for
//     writing.
//   - A command gets its version and is applied under one holding of the lock,
//     so that the order of versions is the order in which things happened.
//   - A page of a scan is read under one holding: it shows one instant. The
//     next page shows a later one, and the two together may show what never
//     was.
type Map struct {
	lock RWLocker
	m    *kv.Map
}

// NewMap returns an empty map.
func NewMap() *Map { return NewMapWith(new(sync.RWMutex)) }

// NewMapWith returns an empty map that is guarded by lock.
func NewMapWith(lock RWLocker) *Map { return &Map{lock, kv.NewMap()} }

// Get implements kv.Store.
func (s *Map) Get(_ context.Context, key string) (kv.Item, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Item{}, err
	}
	s.lock.RLock()
	defer s.lock.RUnlock()
	return s.m.Get(key), nil
}

// Do implements kv.Store: the command becomes the next entry of the history.
func (s *Map) Do(_ context.Context, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.m.Apply(kv.Entry{Version: s.m.Applied() + 1, Command: c}), nil
}

// Scan implements kv.Store. Writers wait while it sorts and copies a page.
func (s *Map) Scan(_ context.Context, r kv.Range) (kv.Page, error) {
	if err := r.Check(); err != nil {
		return kv.Page{}, err
	}
	s.lock.RLock()
	defer s.lock.RUnlock()
	return s.m.Scan(r), nil
}
