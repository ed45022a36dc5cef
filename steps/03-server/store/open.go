// Package store is the recipe of step 03: the map of step 02, which many
// goroutines may use, behind a table that remembers what each client asked
// last. One process owns it. The others reach it through package server, and
// look at it through package client, which is a kv.Store again.
package store

import (
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/03-server/session"
)

// Config says how large a store may grow, beside the data that people put
// into it.
type Config struct {
	Sessions int // that are remembered at a time; 0 means 10,000
}

// Open returns an empty store, for any number of goroutines. It forgets
// everything when its process ends, and its versions begin at 1 again. Step 02
// did better: its data was in a file that the kernel kept. The journal of step
// 04 brings that back, and more.
func Open(c Config) *session.Store {
	if c.Sessions == 0 {
		c.Sessions = 10_000
	}
	table := session.NewTable(session.NewIncarnation(), c.Sessions)
	return session.NewStore(locked.NewMap(), table)
}
