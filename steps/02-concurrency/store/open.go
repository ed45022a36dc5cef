// Package store is the recipe of step 02: one log in shared memory for several
// processes, and in each of them a map behind a lock.
//
// For the goroutines of one process alone, package locked is all that it takes,
// and nothing has to be opened.
package store

import "zeyrho/steps/02-concurrency/mapped"

// Config says where the store is.
type Config struct {
	File string // the file that all processes open
	Size int64  // its size in bytes if it has to be made; 0 means mapped.DefaultSize
}

// Open returns the store in the file, which it makes if there is none. Whoever
// opens the same file, in this process or another, has the same store. Close it
// in the end.
func Open(c Config) (*mapped.Store, error) { return mapped.Open(c.File, c.Size) }
