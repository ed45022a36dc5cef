// Package history answers: what happened in a run, as seen from outside?
//
// A history is a list of operations, each with the instant at which a client
// asked and the instant at which it was answered, and a list of events (faults,
// restarts, phases). Checkers judge it; nothing else about a store is trusted.
// On disk it is JSON lines: a header, then operations and events in the order
// in which they were recorded.
package history

// Kind is what an operation asked for.
type Kind string

// The kinds of operation.
const (
	Get    Kind = "get"
	Put    Kind = "put"
	Delete Kind = "delete"
	Scan   Kind = "scan"
)

// Outcome is how an operation ended, as far as its client can tell.
type Outcome string

// The three outcomes. Only a definite refusal is Fail; whatever may have
// happened is Unknown, and so is an operation that has no answer at all.
const (
	OK      Outcome = "ok"
	Fail    Outcome = "fail"
	Unknown Outcome = "unknown"
)

// Status is what an OK write or read says: see kv.Status.
type Status string

// The statuses of operations that are OK.
const (
	Done     Status = "done"     // a write took effect, a read found its key, a scan
	Conflict Status = "conflict" // a condition did not hold
	Absent   Status = "absent"   // nothing to read, nothing to delete
)

// Item is a key that a scan returned.
type Item struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Version uint64 `json:"version"`
}

// Op is one operation of one client.
type Op struct {
	ID     int     `json:"id"`     // the order in which operations were called, from 0
	Client int     `json:"client"` // never two operations at a time; a new number after Unknown
	Phase  string  `json:"phase"`  // of the run: warm-up, faults, liveness, quiet
	Kind   Kind    `json:"kind"`
	Key    string  `json:"key"`             // for a scan, the prefix
	Value  string  `json:"value,omitempty"` // what a put writes; what a get returned
	If     *uint64 `json:"if,omitempty"`    // the version that a write requires; 0 is "absent"
	After  string  `json:"after,omitempty"` // scan: only keys greater than it
	Limit  int     `json:"limit,omitempty"` // scan: at most so many items; 0 is the store's own limit
	Level  string  `json:"level,omitempty"` // of a read, where that is a choice: how fresh the answer must be; "" is the freshest
	Call   int64   `json:"call"`            // nanoseconds since the run began
	Return int64   `json:"return"`          // likewise; of no meaning when Unknown
	Node   string  `json:"node,omitempty"`  // who served it, if that is known

	Outcome Outcome `json:"outcome"`
	Status  Status  `json:"status,omitempty"`  // when OK
	Version uint64  `json:"version,omitempty"` // when OK: as in kv.Result and kv.Item
	Items   []Item  `json:"items,omitempty"`   // scan, when OK
	More    bool    `json:"more,omitempty"`    // scan, when OK
	Error   string  `json:"error,omitempty"`   // when not OK: what the client was told
}

// The kinds of event that say what goes on inside of a cluster. They come by
// the thousand, and are there to be drawn; checkers do without them.
const (
	// Message is a message from Node to To, sent At, which arrived at Until, or
	// never if that is 0. Text says what is in it, and begins with a word for its
	// kind: "append 12..14 after 11@1.n1, commit 10". What is duplicated is two
	// events.
	Message = "message"
	// Position says how far Node has come, and in which role and epoch, from At
	// on. Text may be empty.
	Position = "position"
)

// Event is something that the harness did or saw, beside the operations.
type Event struct {
	At   int64  `json:"at"`   // nanoseconds since the run began
	Kind string `json:"kind"` // phase, fault, start, exit, note, sample, Message, Position, …
	Node string `json:"node,omitempty"`
	// To is the other node, of a message or of a fault that is one of the way from
	// Node to To. What cuts both ways is two events.
	To string `json:"to,omitempty"`
	// Until is when it ended: a fault that lasts, or the way of a message.
	Until int64 `json:"until,omitempty"`
	// Text of a fault begins with the fault's name; of a phase and of a sample
	// it is the name ("faults", "rss").
	Text  string  `json:"text,omitempty"`
	Value float64 `json:"value,omitempty"` // of a sample: what was measured

	Positions *Positions `json:"positions,omitempty"` // of a Position, and so are:
	Role      string     `json:"role,omitempty"`      // leader, follower, learner, …
	Epoch     string     `json:"epoch,omitempty"`     // number and leader, such as 2.n3
}

// Positions says how far a node has come: for each of what can happen to an
// entry, the index of the last to which it has.
type Positions struct {
	Written   uint64 `json:"written"`   // in the log, but maybe not on the disk
	Synced    uint64 `json:"synced"`    // on the disk
	Committed uint64 `json:"committed"` // known to be acknowledged, as the mode asks
	Applied   uint64 `json:"applied"`   // in the map
}

// Frequent says whether events like e come by the thousand, so that whoever
// tells a run in words leaves them out.
func (e Event) Frequent() bool {
	return e.Kind == "sample" || e.Kind == Message || e.Kind == Position
}

// Header says how a run came about.
type Header struct {
	Scenario string `json:"scenario"`
	Column   string `json:"column"` // of the matrix: "01", "02", …
	World    string `json:"world"`  // "real" or "sim"
	Seed     uint64 `json:"seed"`
}

// History is what happened in a run.
type History struct {
	Header Header
	Ops    []Op
	Events []Event
}
