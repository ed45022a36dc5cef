package sim

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// draft is a plan while it is being drawn.
type draft struct {
	*Plan
	rng *rand.Rand
}

// plan is what all scenarios begin with: a small cluster, a few clients, a
// majority that acknowledges.
func newDraft(name, column string, seed uint64) *draft {
	d := &draft{&Plan{Scenario: name, Column: column, Seed: seed}, rand.New(rand.NewPCG(seed, forFaults<<32))}
	d.cluster(3+2*d.rng.IntN(2), 0)
	d.Segment = []int64{4 << 10, 64 << 10, 1 << 20}[d.rng.IntN(3)]
	d.Snapshot, d.Keep = int64(8+d.rng.IntN(64))<<10, 1+d.rng.IntN(100)
	d.Work = Workload{
		Clients: 4 + d.rng.IntN(6), Keys: 3 + d.rng.IntN(5), Rate: 100 + d.rng.IntN(200), Size: 10 + d.rng.IntN(100),
		Writes: 40 + d.rng.IntN(40), Numbered: 50, Session: 20, Stale: 10, Cold: 20,
	}
	d.Times = Times{WarmUp: Span(time.Second), Faults: Span(8 * time.Second), Settle: Span(2 * time.Second), Live: Span(3 * time.Second)}
	return d
}

// cluster makes it so many nodes; acks 0 is a majority of them.
func (d *draft) cluster(nodes, acks int) {
	d.Nodes, d.Acks = nodes, acks
	if acks == 0 {
		d.Acks = nodes/2 + 1
	}
}

// anyAcks draws how many disks acknowledge.
func (d *draft) anyAcks() { d.Acks = 1 + d.rng.IntN(d.Nodes) }

// chance is a kind of fault that a scenario allows, and how bad it may get.
type chance struct {
	kind   Kind
	who    string // one of these names is drawn each time: leader, follower or any
	most   int    // how often, at most
	size   [2]int
	length [2]time.Duration
	ops    int // it may happen up to so many operations of the disk later
}

// swarm draws which of the kinds there are, each with a chance of one half, and
// how strong they are. What always comes together hides what comes alone.
func (d *draft) swarm(chances ...[]chance) {
	all := slices.Concat(chances...)
	sure := d.rng.IntN(len(all)) // lest there be none
	for i, c := range all {
		on := d.rng.IntN(2) == 0 || i == sure
		for range 1 + d.rng.IntN(c.most) {
			if f := d.fault(c); on {
				d.Faults = append(d.Faults, f)
			}
		}
	}
}

// fault draws one.
func (d *draft) fault(c chance) Fault {
	f := Fault{Kind: c.kind, At: Span(d.between(0, d.Times.Faults.time())), For: Span(d.between(c.length[0], c.length[1]))}
	f.Size = c.size[0] + d.rng.IntN(c.size[1]-c.size[0]+1)
	f.Draw = d.rng.Uint64() >> 12 // so that any JSON has room for it
	f.Node = d.name(c.who)
	if c.kind == Cut || c.kind == Flap {
		f.To = d.name("any")
	}
	if c.ops > 0 && d.rng.IntN(3) > 0 {
		f.Op = 1 + d.rng.IntN(c.ops)
	}
	return f
}

// name draws a node.
func (d *draft) name(who string) string {
	if who != "any" {
		return who
	}
	names := strings.Fields("leader leader leader follower follower n1 n2 n3 n4 n5")
	return names[d.rng.IntN(5+d.Nodes)]
}

// between draws a time, in milliseconds.
func (d *draft) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.rng.Int64N(int64((to-from)/time.Millisecond)+1))*time.Millisecond
}

// at adds a fault at a time that is known.
func (d *draft) at(t time.Duration, f Fault) {
	f.At = Span(t)
	f.Draw = d.rng.Uint64() >> 12
	d.Faults = append(d.Faults, f)
}

// done returns the plan, in its order.
func (d *draft) done() Plan {
	slices.SortStableFunc(d.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	return *d.Plan
}

const (
	ms  = time.Millisecond
	sec = time.Second
)

func span(from, to time.Duration) [2]time.Duration { return [2]time.Duration{from, to} }

// What may go wrong with the network, with the clients' links, with processes,
// with disks and with clocks.
var (
	badLinks = []chance{
		{kind: Loss, most: 2, size: [2]int{1, 200}, length: span(sec, 5*sec)},
		{kind: Twice, most: 2, size: [2]int{1, 200}, length: span(sec, 5*sec)},
		{kind: Late, most: 2, size: [2]int{1, 300}, length: span(sec, 5*sec)},
		{kind: Cut, who: "any", most: 4, length: span(100*ms, 2*sec)},
		{kind: Flap, who: "any", most: 3, length: span(500*ms, 3*sec)},
		{kind: Split, who: "any", most: 2, size: [2]int{1, 2}, length: span(100*ms, 2*sec)},
		{kind: SlowLink, who: "any", most: 2, size: [2]int{2, 100}, length: span(100*ms, 2*sec)},
	}
	oneWay = []chance{
		{kind: Cut, who: "any", most: 4, length: span(100*ms, 3*sec)},
		{kind: Deaf, who: "any", most: 2, length: span(100*ms, 3*sec)},
		{kind: Mute, who: "any", most: 2, length: span(100*ms, 3*sec)},
		{kind: Bridge, who: "any", most: 2, length: span(100*ms, 3*sec)},
	}
	badClients = []chance{
		{kind: LoseRequest, most: 2, size: [2]int{1, 100}, length: span(sec, 5*sec)},
		{kind: LoseReply, most: 2, size: [2]int{1, 100}, length: span(sec, 5*sec)},
		{kind: LateClients, most: 2, size: [2]int{1, 300}, length: span(sec, 5*sec)},
	}
	kills  = []chance{{kind: Kill, who: "any", most: 4, length: span(50*ms, 2*sec), ops: 20}}
	powers = []chance{
		{kind: Power, who: "any", most: 4, length: span(50*ms, 2*sec), ops: 20},
		{kind: PowerAll, most: 2, length: span(100*ms, 2*sec)},
	}
	pauses   = []chance{{kind: Pause, who: "any", most: 3, length: span(50*ms, 2*sec)}}
	badDisks = []chance{
		{kind: SlowDisk, who: "any", most: 2, size: [2]int{2, 50}, length: span(100*ms, 3*sec)},
		{kind: DiskError, who: "any", most: 2, size: [2]int{1, 3}, ops: 20},
		{kind: DiskFull, who: "any", most: 2, size: [2]int{1, 20}, ops: 20},
		{kind: ShortWrite, who: "any", most: 2, size: [2]int{1, 3}, ops: 20},
		{kind: FailedSync, who: "any", most: 2, size: [2]int{1, 3}, ops: 20},
	}
	badClocks = []chance{
		{kind: Drift, who: "any", most: 3, size: [2]int{-100_000, 100_000}, length: span(sec, 5*sec)},
		{kind: Freeze, who: "any", most: 3, length: span(100*ms, sec)},
	}
	takeovers = []chance{{kind: Takeover, most: 3}}
)
