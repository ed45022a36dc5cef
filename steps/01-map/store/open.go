// Package store is the recipe of step 01: a map, and a counter that hands out
// versions. Every step has a package like this one; comparing two of them
// (make diff-2, make diff-3, …) shows what a step adds.
package store

import (
	"context"

	"zeyrho/steps/01-map/kv"
)

// Store is a map with a history that lives in one goroutine's head. It is not
// safe for two goroutines, and forgets everything when its process ends.
type Store struct{ m *kv.Map }

// Open returns an empty store.
func Open() *Store { return &Store{kv.NewMap()} }

// Get implements kv.Store.
func (s *Store) Get(_ context.Context, key string) (kv.Item, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Item{}, err
	}
	return s.m.Get(key), nil
}

// Do implements kv.Store: the command becomes the next entry of the history.
func (s *Store) Do(_ context.Context, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	return s.m.Apply(kv.Entry{Version: s.m.Applied() + 1, Command: c}), nil
}

// Scan implements kv.Store.
func (s *Store) Scan(_ context.Context, r kv.Range) (kv.Page, error) {
	if err := r.Check(); err != nil {
		return kv.Page{}, err
	}
	return s.m.Scan(r), nil
}
