package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zeyrho/steps/05-replication/node"
)

// Plan is a run before it happens. It is data: whoever carries it out gets the
// same, to the last bit.
type Plan struct {
	Scenario string `json:"scenario"`
	Column   string `json:"column"` // of the matrix: which step is run
	Seed     uint64 `json:"seed"`   // of what is drawn while it runs: delays, fates of disks, …

	Nodes    int      `json:"nodes"`
	Acks     int      `json:"acks"`               // disks that an acknowledgement means
	Segment  int64    `json:"segment"`            // bytes in a file of the journal
	Learners int      `json:"learners,omitempty"` // nodes beside those, which join later, to learn
	Late     int      `json:"late,omitempty"`     // so many of the nodes, the last ones, are not there at first
	Snapshot int64    `json:"snapshot,omitempty"` // bytes of log that are worth a snapshot
	Keep     int      `json:"keep,omitempty"`     // entries that are kept though a snapshot has them
	Sync     Span     `json:"sync,omitempty"`     // that a sync takes, about; 0 is 2 ms
	Queue    int      `json:"queue,omitempty"`    // bytes of writes that may wait in a node; 0: as many as for real
	Thin     bool     `json:"thin,omitempty"`     // from one node to another there is one message under way at a time; so none overtakes another
	Operator Operator `json:"operator,omitempty"`
	Work     Workload `json:"work"`
	Times    Times    `json:"times"`
	Faults   []Fault  `json:"faults,omitempty"`
}

// Operator is when somebody looks after the cluster, beside what the faults say.
type Operator string

// When somebody looks whether there is a leader, and appoints one.
const (
	Soon   Operator = ""        // once everything is healed
	AtLast Operator = "at last" // only when all has been judged that the cluster does by itself
)

// Workload says what the clients do.
type Workload struct {
	Clients  int `json:"clients"`        // each of which does one thing at a time
	Keys     int `json:"keys"`           // that ten clients share
	Rate     int `json:"rate"`           // operations in a second that all of them would like to do
	Writes   int `json:"writes"`         // of a hundred operations
	Numbered int `json:"numbered"`       // of a hundred clients: they have sessions, and ask again under the same number
	Session  int `json:"session"`        // of a hundred reads: may be answered by any node, at the level session
	Stale    int `json:"stale"`          // of a hundred reads: may be answered by any node
	Cold     int `json:"cold"`           // of a hundred other reads: by a client who does not know who leads, and asks anybody first
	Rush     int `json:"rush,omitempty"` // during the faults, so many times as many operations
	Size     int `json:"size"`           // bytes of a value, about

	// Script is what each client does, if that is not to be drawn.
	Script [][]Op `json:"script,omitempty"`
}

// Op is one thing that a client does.
type Op struct {
	Pause Span       `json:"pause,omitempty"` // since it began with the one before
	Do    string     `json:"do"`              // get, put or delete
	Key   string     `json:"key"`
	Value string     `json:"value,omitempty"`
	If    string     `json:"if,omitempty"`    // absent, or now: as this client has seen the key last
	Level node.Level `json:"level,omitempty"` // of a get
	Node  int        `json:"node,omitempty"`  // of a get that any node may answer: which one is asked
}

// Times says how long the phases of a run last.
type Times struct {
	WarmUp Span `json:"warm_up"`
	Faults Span `json:"faults"`
	Settle Span `json:"settle"` // after everything is healed, and before anybody judges how it goes on
	Live   Span `json:"live"`
}

// Fault is something that goes wrong, or that an operator does.
type Fault struct {
	At   Span   `json:"at"` // since the beginning of the faults
	Kind Kind   `json:"kind"`
	Node string `json:"node,omitempty"` // n2; or leader, follower, laggard, as it is then
	To   string `json:"to,omitempty"`   // the other end of a link
	For  Span   `json:"for,omitempty"`
	// Size is how much of it, in the unit of the kind.
	Size int `json:"size,omitempty"`
	// Op lets it happen in the middle of what the node does then: before the
	// Op-th operation on its disk. 0 is at once.
	Op int `json:"op,omitempty"`
	// Draw is the seed of what the fault draws: what the disk keeps.
	Draw uint64 `json:"draw,omitempty"`
}

// Span is a time.Duration that is a text in JSON.
type Span time.Duration

// String returns the text, such as 1.5s.
func (s Span) String() string { return time.Duration(s).String() }

// MarshalText returns the text.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it.
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*s = Span(d)
	return err
}

func (s Span) time() time.Duration { return time.Duration(s) }

// ReadPlan reads the JSON of a plan.
func ReadPlan(text []byte) (p Plan, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("sim: read the plan: %w", err)
	}
	return p, p.check()
}

func (p Plan) check() error {
	switch {
	case p.Nodes < 1 || p.Nodes+p.Learners > 63 || p.Late >= p.Nodes:
		return fmt.Errorf("sim: a plan for %d nodes, %d of them late, and %d learners", p.Nodes, p.Late, p.Learners)
	case p.Acks < 1 || p.Acks > p.Nodes:
		return fmt.Errorf("sim: acknowledgements by %d of %d disks", p.Acks, p.Nodes)
	case p.Work.Clients < 1 || p.Work.Keys < 1 || p.Work.Keys > clientKeys || p.Work.Rate < 1:
		return fmt.Errorf("sim: a plan without clients, or without anything for them to do; or with more than %d keys for each", clientKeys)
	}
	for _, f := range p.Faults {
		if !slices.Contains(kinds, f.Kind) {
			return fmt.Errorf("sim: there is no fault %q", f.Kind)
		}
	}
	return nil
}

// copy returns a plan that shares nothing that is changed with p.
func (p Plan) copy() Plan {
	p.Faults = slices.Clone(p.Faults)
	p.Work.Script = slices.Clone(p.Work.Script)
	for i := range p.Work.Script {
		p.Work.Script[i] = slices.Clone(p.Work.Script[i])
	}
	return p
}
