package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/store"
)

const (
	fillKeys    = 1000
	fillSegment = 1 << 20
)

// filling is what fill prints.
type filling struct {
	Writes  int    `json:"writes"`
	Keys    int    `json:"keys"`
	Live    int    `json:"live"`    // bytes of keys and values that are there in the end
	Entries uint64 `json:"entries"` // that had to be read to open the store again
	Files   int    `json:"files"`   // of the journal
}

// runFill writes to a thousand keys, -ops times in all, and opens the store
// again. What is there then must be the last write to each key.
func runFill(c config, out io.Writer) error {
	if c.dir == "" || fillKeys%c.clients != 0 || c.ops < fillKeys {
		return fmt.Errorf("driver fill: it needs a -dir, a number of -clients by which %d can be divided, and as many -ops at least", fillKeys)
	}
	s, err := openFill(c.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(s, c), s.Close()); err != nil {
		return refusal(err)
	}
	if s, err = openFill(c.dir); err != nil {
		return refusal(err)
	}
	found := s.Found()
	f := filling{Writes: c.ops, Keys: fillKeys, Entries: found.Entries, Files: found.Segments}
	for key := range fillKeys {
		it, err := s.Get(context.Background(), fillKey(key))
		if want := fillValue(lastWrite(c, key)); err != nil || string(it.Value) != want {
			return violated("%s is %.40q when the store is opened again, and %.40q was the last value that was acknowledged (%v)", fillKey(key), it.Value, want, err)
		}
		f.Live += len(it.Key) + len(it.Value)
	}
	if err := s.Close(); err != nil {
		return refusal(err)
	}
	return json.NewEncoder(out).Encode(f)
}

func openFill(dir string) (*durable.Store, error) {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("driver fill: %w", err)
	}
	return store.Open(d, store.Config{SegmentSize: fillSegment})
}

// fill lets each client write to keys of its own, so that everybody knows which
// write is the last.
func fill(s kv.Store, c config) error {
	var clients errgroup.Group
	for n := range c.clients {
		clients.Go(func() error {
			for i := n; i < c.ops; i += c.clients {
				if _, err := s.Do(context.Background(), kv.Put(fillKey(i%fillKeys), []byte(fillValue(i)))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return clients.Wait()
}

// lastWrite returns the number of the last write to a key.
func lastWrite(c config, key int) int {
	return (c.ops-1-key)/fillKeys*fillKeys + key
}

func fillKey(n int) string   { return fmt.Sprintf("key-%d", n) }
func fillValue(i int) string { return fmt.Sprintf("value %090d", i) }
