package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// may is a kind of fault that a scenario allows, and how bad it may get. Every
// seed draws which of them there are, each with a chance of one half, and how
// strong they are.
type may struct {
	kind   Kind
	nodes  []string // one of them is drawn for each; none: it is about nobody
	most   int      // how often, at most
	size   [2]int
	length [2]time.Duration
	ops    int // up to so many operations of the disk later
}

// draft is a plan while it is being drawn.
type draft struct {
	*Plan
	rng *rand.Rand
}

// swarm draws faults of the kinds that are allowed.
func (d *draft) swarm(all []may) {
	for _, m := range all {
		on := d.rng.IntN(2) == 0
		times := 1 + d.rng.IntN(m.most)
		for range times {
			f := d.fault(m)
			if on {
				d.Faults = append(d.Faults, f)
			}
		}
	}
	slices.SortStableFunc(d.Faults, func(a, b Fault) int { return int(a.At - b.At) })
}

func (d *draft) fault(m may) Fault {
	f := Fault{Kind: m.kind, At: Span(d.between(0, d.Times.Faults.time())), For: Span(d.between(m.length[0], m.length[1]))}
	f.Size = m.size[0] + d.rng.IntN(m.size[1]-m.size[0]+1)
	f.Draw = d.rng.Uint64() >> 12 // so that any JSON has room for it
	if m.nodes != nil {
		f.Node = m.nodes[d.rng.IntN(len(m.nodes))]
	}
	if m.kind == Cut {
		f.To = m.nodes[d.rng.IntN(len(m.nodes))]
	}
	if m.ops > 0 && d.rng.IntN(3) > 0 {
		f.Op = 1 + d.rng.IntN(m.ops)
	}
	return f
}

// between draws a time, in milliseconds.
func (d *draft) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.rng.Int64N(int64((to-from)/time.Millisecond)+1))*time.Millisecond
}
