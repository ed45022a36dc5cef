package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/01-map/store"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/02-concurrency/mapped"
)

// open opens the store that -store names. The function that it returns closes
// it.
func open(c config) (kv.Store, func() error, error) {
	nothing := func() error { return nil }
	switch c.store {
	case "map":
		return store.Open(), nothing, nil
	case "locked":
		return locked.NewMap(), nothing, nil
	case "sharded":
		return locked.NewSharded(4), nothing, nil
	case "mapped":
		s, _, remove, err := openMapped(c)
		if err != nil {
			return nil, nil, err
		}
		return s, func() error { return errors.Join(s.Close(), remove()) }, nil
	}
	return nil, nil, fmt.Errorf("driver: no store %q; there are map, locked, sharded and mapped", c.store)
}

// openMapped opens a mapped store in a file of its own, and says which.
func openMapped(c config) (s *mapped.Store, file string, remove func() error, err error) {
	dir, err := os.MkdirTemp(c.dir, "zeyrho-driver-")
	if err != nil {
		return nil, "", nil, fmt.Errorf("driver: %w", err)
	}
	remove = func() error { return os.RemoveAll(dir) }
	file = filepath.Join(dir, "store.kv")
	if s, err = mapped.Open(file, c.mappedSize()); err != nil {
		return nil, "", nil, errors.Join(err, remove())
	}
	return s, file, remove, nil
}

// pad is how much longer values are made. While a store copies one, others
// come in between: what is not guarded by a lock shows it sooner.
func (c config) pad() int {
	switch {
	case c.store != "mapped":
		return 8 << 10
	case c.verb == "in-goroutines":
		return 512 // a mapped file keeps them all
	}
	return 64 << 10
}

// mappedSize is enough for the commands of a run, those of increments that had
// to try again included.
func (c config) mappedSize() int64 { return 1<<20 + 2*int64(c.ops)*int64(c.pad()+1<<10) }

// runGoroutines lets goroutines loose on a store.
func runGoroutines(c config, out io.Writer) error {
	column := "02"
	if c.store == "map" {
		column = "01"
	}
	return boxed(c, out, c.header("goroutines "+c.store, column), "in-goroutines")
}

// inGoroutines is what runs in the other process. It crashes if the store makes
// it crash.
func inGoroutines(c config, out io.Writer) error {
	s, end, err := open(c)
	if err != nil {
		return err
	}
	rec, err := boxRecorder(c, out)
	if err != nil {
		return err
	}
	var users errgroup.Group
	start := make(chan struct{})
	for n := range c.clients {
		u := newUser(c, n, record(local(s, c.pad()), rec.Client()))
		users.Go(func() error {
			<-start
			return u.run(c.ops / c.clients)
		})
	}
	close(start)
	err = users.Wait()
	rec.Phase("quiet")
	last := newUser(c, c.clients, record(local(s, c.pad()), rec.Client()))
	return errors.Join(refusal(err), refusal(last.look()), end())
}

// refusal is for an error of a store that had no reason to give one.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	return violated("the store did not do what it was asked: %w", err)
}
