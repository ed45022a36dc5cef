package history

import (
	"slices"
	"sync"
	"time"
)

// Counts says how far a run is. A fault plan is keyed to these numbers and not
// to the clock, so that a slow machine gets the same faults as a fast one.
type Counts struct {
	Begun   int // operations called so far
	Ended   int // operations answered, or given up, so far; of these:
	OK      int
	Fail    int
	Unknown int
}

// Answer is how an operation ended. What the fields mean is said at Op.
type Answer struct {
	Outcome Outcome
	Status  Status
	Version uint64
	Value   string // get
	Items   []Item // scan
	More    bool   // scan
	Error   string
	Node    string // who served it, if that is known
}

// Recorder writes down a run while it happens. All its methods may be called
// by many goroutines at once.
//
// Invariants:
//   - An operation's Call is read before its client asks, and its Return after
//     the answer came, so the recorded interval holds the true one.
//   - Ids and Calls grow together.
//   - A client has one operation at a time, and none after an Unknown.
type Recorder struct {
	header Header
	clock  func() int64

	// OnBegin and OnEnd, if set before the first operation, are called after
	// every begin and end by the goroutine of the client that caused it, with
	// no lock held. Every value of Counts.Begun is seen by one OnBegin, and
	// every value of Counts.Ended by one OnEnd; two clients may come in either
	// order. An OnEnd that blocks holds up its own client only.
	OnBegin func(Counts, Op)
	OnEnd   func(Counts, Op)

	mu      sync.Mutex
	phase   string
	ops     []Op // by id; Outcome is "" while an operation runs
	events  []Event
	counts  Counts
	clients int
}

// NewRecorder begins a run: its clock stands at 0 and its phase is "start".
func NewRecorder(h Header) *Recorder {
	start := time.Now()
	return NewRecorderBy(h, func() int64 { return int64(time.Since(start)) })
}

// NewRecorderBy begins a run that has a clock of its own: it returns the
// nanoseconds since the run began, and never goes back. A simulation has one.
func NewRecorderBy(h Header, clock func() int64) *Recorder {
	return &Recorder{header: h, clock: clock, phase: "start"}
}

// Expect makes room for so many operations, so that there need not be made room
// for them again and again.
func (r *Recorder) Expect(ops int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = slices.Grow(r.ops, ops)
}

// Now returns the nanoseconds since the run began, by a clock that never goes
// back.
func (r *Recorder) Now() int64 { return r.clock() }

// Counts says how far the run is.
func (r *Recorder) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Take takes over what happened in another run, which has a clock of its own, as
// if it had been recorded here. Nothing must have been recorded before.
func (r *Recorder) Take(h History) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops, r.events = append(r.ops, h.Ops...), append(r.events, h.Events...)
	for _, op := range h.Ops {
		r.clients = max(r.clients, op.Client+1)
	}
}

// Phase begins a phase: operations called from now on belong to it.
func (r *Recorder) Phase(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase = name
	r.events = append(r.events, Event{At: r.Now(), Kind: "phase", Text: name})
}

// Event records that something happened now: e.At is filled in.
func (r *Recorder) Event(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.At = r.Now()
	r.events = append(r.events, e)
}

// Lasting records that something began now that goes on until the function that
// it returns is called. If it never is, Until stays 0.
func (r *Recorder) Lasting(e Event) (over func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.At = r.Now()
	i := len(r.events)
	r.events = append(r.events, e)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events[i].Until = r.Now()
	}
}

// Sample records a measurement, such as the memory of a node.
func (r *Recorder) Sample(node, name string, value float64) {
	r.Event(Event{Kind: "sample", Node: node, Text: name, Value: value})
}

// Client returns a new client, with a number of its own.
func (r *Recorder) Client() *Client {
	return &Client{r: r, number: -1}
}

// History returns what has been recorded so far. Operations that have no
// answer yet are Unknown in it.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := History{Header: r.header, Ops: append([]Op(nil), r.ops...), Events: append([]Event(nil), r.events...)}
	for i := range h.Ops {
		if h.Ops[i].Outcome == "" {
			h.Ops[i].Outcome, h.Ops[i].Error = Unknown, "no answer yet"
		}
	}
	return h
}

func (r *Recorder) begin(op Op) (Counts, Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if op.Client < 0 {
		op.Client = r.clients
		r.clients++
	}
	op.ID, op.Phase, op.Call = len(r.ops), r.phase, r.Now()
	r.ops = append(r.ops, op)
	r.counts.Begun++
	return r.counts, op
}

func (r *Recorder) end(id int, at int64, a Answer) (Counts, Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	op := &r.ops[id]
	op.Return, op.Outcome, op.Status, op.Version = at, a.Outcome, a.Status, a.Version
	op.Items, op.More, op.Error, op.Node = a.Items, a.More, a.Error, a.Node
	if op.Kind == Get {
		op.Value = a.Value
	}
	r.counts.Ended++
	switch a.Outcome {
	case OK:
		r.counts.OK++
	case Fail:
		r.counts.Fail++
	default:
		r.counts.Unknown++
	}
	return r.counts, *op
}

// Client is one caller of the store. It does one thing at a time, and is for
// one goroutine.
type Client struct {
	r      *Recorder
	number int // -1: the next operation gets a fresh one
	busy   bool
}

// Begin records that the client is about to ask for op, of which Kind, Key,
// Value, If, After, Limit and Level count; the rest is filled in. Ask the store after
// Begin has returned, and call End when the answer is there.
func (c *Client) Begin(op Op) *Call {
	if c.busy {
		panic("history: a client began an operation before its last one ended")
	}
	c.busy = true
	op.Client = c.number
	counts, op := c.r.begin(op)
	c.number = op.Client
	if c.r.OnBegin != nil {
		c.r.OnBegin(counts, op)
	}
	return &Call{c, op.ID}
}

// Call is an operation that runs.
type Call struct {
	c  *Client
	id int
}

// ID returns the operation's id.
func (c *Call) ID() int { return c.id }

// End records the answer and returns the whole operation. After an Unknown the
// client's next operation has another client number: whatever was asked may
// still happen later, beside what the client does next.
func (c *Call) End(a Answer) Op {
	at := c.c.r.Now()
	if !c.c.busy {
		panic("history: an operation ended twice")
	}
	counts, op := c.c.r.end(c.id, at, a)
	c.c.busy = false
	if op.Outcome == Unknown {
		c.c.number = -1
	}
	if c.c.r.OnEnd != nil {
		c.c.r.OnEnd(counts, op)
	}
	return op
}
