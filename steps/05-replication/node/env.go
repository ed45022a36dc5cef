package node

import "time"

// Env is all that a node may know of the world, beside what it is told, and its
// disk. For real it is a clock and goroutines (see Loop); in a simulation it is
// whatever the simulation says.
type Env interface {
	// Now returns the time since some moment. It is more than 0, and never
	// goes back; it may go too fast or too slow.
	Now() time.Duration
	// Rand returns random bits.
	Rand() uint64
	// Start lets work run elsewhere, because it takes longer than a turn may. It
	// must touch nothing that belongs to the node. When it has ended, done is
	// called in a turn.
	Start(work, done func())
}
