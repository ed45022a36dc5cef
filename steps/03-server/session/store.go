package session

import (
	"context"
	"fmt"
	"sync"

	"zeyrho/steps/01-map/kv"
)

// Store is a kv.Store that applies a numbered command once, however often it
// comes. It is safe for any number of goroutines. Reads and commands without
// an identity go straight to the store within.
//
// Invariants:
//   - The table is touched only under mu, and mu is never held while the store
//     within is at work: a slow command holds up its own session only.
//   - A session has at most one command under way. Others of the same session
//     wait for it, and look at the table again.
//   - A command leaves busy only after its fate is in the table.
type Store struct {
	kv.Store
	mu    sync.Mutex
	table *Table
	busy  map[ID]*flight
}

// flight is a command that the store within is working on.
type flight struct {
	number uint64
	landed chan struct{} // closed when its fate is in the table
}

// NewStore puts table in front of inner. Both belong to it from now on: a
// command that goes to inner by another way is not remembered.
func NewStore(inner kv.Store, table *Table) *Store {
	return &Store{Store: inner, table: table, busy: make(map[ID]*flight)}
}

// OpenSession issues a session. It may push out an old one: see Table.Open.
func (s *Store) OpenSession(context.Context) (ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.Open(), nil
}

// Sessions returns the number of sessions.
func (s *Store) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.Len()
}

// DoOnce carries out c if the request id is fresh, and otherwise gives the
// answer that the request got the first time. A copy that arrives while the
// first is still being applied waits for it. Cancelling ctx ends the waiting,
// but not the work on a command that has begun: that has until ctx's deadline.
//
// An error that wraps kv.ErrUnknown (ErrForgotten and ErrSuperseded do) means
// that the request may have been applied, by this call or by an earlier one.
// After any other error the request is still fresh.
func (s *Store) DoOnce(ctx context.Context, id Identity, c kv.Command) (kv.Result, error) {
	for {
		r, mine, other, err := s.begin(id)
		switch {
		case mine != nil:
			return s.apply(ctx, id, mine, c)
		case other == nil:
			return r, err
		}
		select {
		case <-other.landed:
		case <-ctx.Done():
			return kv.Result{}, waitedInVain(ctx, id, other)
		}
	}
}

// begin looks the request up and says how to go on: with the answer, with a
// flight of one's own (mine), or by waiting for the one under way (other).
func (s *Store) begin(id Identity) (r kv.Result, mine, other *flight, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, fresh, err := s.table.Answer(id)
	if !fresh {
		return r, nil, nil, err
	}
	if f := s.busy[id.Session]; f != nil {
		return r, nil, f, nil
	}
	f := &flight{id.Number, make(chan struct{})}
	s.busy[id.Session] = f
	return r, f, nil, nil
}

// apply carries out a fresh command and keeps its fate. Until the store within
// says otherwise the fate is "nobody knows", and so it stays if it panics.
//
// A caller that goes away does not stop the command: it will ask again, and
// wants to hear what became of it. Only the deadline does.
func (s *Store) apply(ctx context.Context, id Identity, f *flight, c kv.Command) (r kv.Result, err error) {
	err = errNoAnswer
	defer func() { s.end(id, f, r, err) }()
	whole := context.WithoutCancel(ctx)
	if at, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		whole, cancel = context.WithDeadline(whole, at)
		defer cancel()
	}
	return s.Do(whole, c)
}

func (s *Store) end(id Identity, f *flight, r kv.Result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		r = kv.Result{}
	}
	if recordable(err) {
		s.table.Record(id, r)
	}
	delete(s.busy, id.Session)
	close(f.landed)
}

// waitedInVain is the error of a call whose time is up while another command
// of its session is under way. If that is a copy of its own, nobody knows yet
// what becomes of it. Otherwise its turn has not come: it did not happen.
func waitedInVain(ctx context.Context, id Identity, other *flight) error {
	if id.Number == other.number {
		return fmt.Errorf("request %s: %w (%w)", id, ErrInProgress, ctx.Err())
	}
	return fmt.Errorf("request %s: waiting for request %d of its session: %w", id, other.number, ctx.Err())
}
