package kv

import (
	"context"
	"errors"
	"fmt"
)

// Store is what every step offers and what the shell talks to. In step 01 it
// is a map and a counter; later it is a file, a server, a cluster. The people
// who use it do not have to know which.
//
// Calls may take long or fail once a store is more than a map, hence the
// context and the errors. An error that wraps ErrInvalid means that nothing
// happened and nothing will; one that wraps ErrUnknown means that the command
// may have happened. Any other error means that it did not; ErrOverloaded says
// that it may well succeed later.
type Store interface {
	// Get returns what the store holds for key; see Item.Exists.
	Get(ctx context.Context, key string) (Item, error)
	// Do carries out one command. A condition that does not hold is a Result,
	// not an error.
	Do(ctx context.Context, c Command) (Result, error)
	// Scan returns one page of a range.
	Scan(ctx context.Context, r Range) (Page, error)
}

// ErrUnknown is wrapped by the error of a command that may or may not have
// happened: a reply that was lost, a time-out. Nobody may take it for a no.
var ErrUnknown = errors.New("it may have happened")

// ErrOverloaded is wrapped by the error of a request that came when there was
// too much to do. Nothing has happened; later there may be room.
var ErrOverloaded = errors.New("too many requests at a time; try again later")

// Update changes the value of a key in a loop: read it, let change compute the
// new value, put that on the condition that nobody else was faster, and start
// again if somebody was. It is how counters and lists are built on a store
// that knows only put. change gets nil for an absent key.
func Update(ctx context.Context, s Store, key string, change func(old []byte) ([]byte, error)) (Result, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("update %q: %w", key, err)
		}
		it, err := s.Get(ctx, key)
		if err != nil {
			return Result{}, err
		}
		value, err := change(it.Value)
		if err != nil {
			return Result{}, err
		}
		r, err := s.Do(ctx, Put(key, value).IfVersion(it.Version))
		if err != nil || r.Status != Conflict {
			return r, err
		}
	}
}
