package node

import (
	"errors"
	"fmt"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
)

// Input is something that arrives at a node: a Message, a Write, a Read, a Call,
// or a Done.
type Input any

// Write asks for something to be written. It is answered with a Reply.
type Write struct {
	ID      uint64 // of the caller's choice, for the Reply
	Request machine.Request
}

// Read asks what the store holds for a key or, if Range is set, for a page. It
// waits in the node until it can be answered, and is answered with a Reply.
type Read struct {
	ID    uint64
	Query Query
}

// Call is something that an operator wants to be done, within a turn. It is
// answered with a Reply, when what it wrote is safe.
type Call struct {
	ID  uint64
	Run func() error
}

// Done says that the work that a module has started is done; see Env.Start.
type Done func()

// GiveUp says that nobody waits for the answer to a Read any longer.
type GiveUp struct{ ID uint64 }

// Level says how fresh the answer to a read must be.
type Level string

// The levels of reading.
const (
	Leader  Level = "leader"  // what the leader has; only the leader answers
	Session Level = "session" // at least what this client has seen before
	Stale   Level = "stale"   // whatever this node has, and how old it may be
)

// Query is a question about what the store holds.
type Query struct {
	Key   string
	Range *kv.Range // instead of Key
	Level Level
	Seen  Position // Session only: what the client has seen; the zero Position is nothing
}

// Reply is the answer to an input.
type Reply struct {
	ID     uint64
	Result kv.Result // of a Write
	Opened string    // the session, if a Write asked for one
	Item   kv.Item   // of a Read
	Page   kv.Page   // of a Read of a range
	At     Position  // of a Write: its place in the history; of a Read: of what it shows
	Lag    Lag       // of a Read with the level Stale
	Err    error
}

// Lag is how far a node is behind its leader, as far as it knows.
type Lag struct {
	Entries uint64
	Heard   time.Duration // since the leader was last heard
}

// Errors in replies. Except for ErrDeposed, they say that nothing has happened.
var (
	// ErrDeposed is wrapped when the node that took a write leads no longer. The
	// write may be in the history of its successor.
	ErrDeposed = fmt.Errorf("this node has ceased to lead: %w", kv.ErrUnknown)
	// ErrNotYet is wrapped when a node cannot answer now, but perhaps later.
	ErrNotYet = errors.New("not yet")
	// ErrVanished is wrapped when a client has seen what is not part of the history
	// any more: it was not on enough disks when its leader was lost. (Or it was seen
	// so long ago that nobody can tell.)
	ErrVanished = errors.New("what this client has seen is no longer part of the history")
)

// NotLeaderError says that somebody else has to be asked.
type NotLeaderError struct {
	Leader ID // 0: nobody knows
}

func (e *NotLeaderError) Error() string {
	if e.Leader == 0 {
		return "this node does not lead, and does not know who does"
	}
	return fmt.Sprintf("this node does not lead; %v does", e.Leader)
}
