// Package store is the recipe of step 04: what the map and the session table of
// step 03 hold is what a journal says, and nothing is acknowledged before it is
// in there. The server and the client are those of step 03.
package store

import (
	"time"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/queue"
)

// Config says how a store is kept and how it works. A zero means the default.
type Config struct {
	Sessions    int           // room for so many, in a new store; 10,000
	SyncEvery   time.Duration // see durable.StoreConfig; 0 is before every acknowledgement
	SegmentSize int64         // bytes in a file of the journal; 64 MiB
	Batch       int           // requests that share a sync at most; 1,000
	Queue       queue.Config  // of what waits to be written; 8 MiB, 1 s
}

// Open opens the store on d, or makes a new one. It returns when everything that
// the journal says has been applied.
func Open(d disk.Disk, c Config) (*durable.Store, error) {
	e, err := durable.OpenEngine(d, durable.Config{
		Sessions: c.Sessions,
		Lazy:     c.SyncEvery != 0,
		Journal:  journal.Config{SegmentSize: c.SegmentSize},
	})
	if err != nil {
		return nil, err
	}
	return durable.NewStore(e, durable.StoreConfig{SyncEvery: c.SyncEvery, Batch: c.Batch, Queue: c.Queue}), nil
}
