package scenario

import (
	"errors"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// The scenarios of this file disturb the ways between nodes.

func badNetwork() Scenario {
	return Scenario{
		Name:     "bad-network",
		Question: "Between the nodes messages are late, lost, cut short and changed, and followers restart: do all come to hold the same?",
		Cells: each(clustered, Cell{
			World: Real, Expect: Pass, Run: disturbWays,
			Checkers: with(with(kept(4), replicated...), check.Coverage(check.Need{
				OK: 200, Faults: []string{"slow", "a thin line", "bits are flipped", "connections break", "messages are cut short", "nothing arrives", "restart"},
			})),
		}),
	}
}

// disturbance is what can happen to the ways between the leader and a follower.
type disturbance struct {
	what string
	do   func(*real.Proxy)
	met  func(*real.Proxy) int // how often it has met something; nil: nobody can tell
}

var disturbances = []disturbance{
	{"slow: 15 ms", func(p *real.Proxy) {
		p.Delay(real.ToServer, 15*time.Millisecond)
		p.Delay(real.ToClient, 5*time.Millisecond)
	}, nil},
	{"a thin line: 20 KB a second", func(p *real.Proxy) { p.Trickle(real.ToServer, 20_000) }, nil},
	{"bits are flipped", func(p *real.Proxy) { p.Flip(real.ToServer, 400) }, (*real.Proxy).Flipped},
	{"messages are cut short", func(p *real.Proxy) { p.BreakAfter(real.ToServer, 1500) }, (*real.Proxy).Broken},
	{"nothing arrives", freeze, nil},
}

// disturbWays does all of them, in some order, each to one follower; a follower
// restarts meanwhile, and connections flap. The other follower is left alone, so
// that there is a majority.
func disturbWays(r *Run) error {
	const workers = 4
	c, each := r.sys.(*cluster), r.scaled(100)
	mend := func() error { return nil }
	var faults []Fault
	at := r.drawn(len(disturbances)+2, workers*each)
	add := func(node int, text string, do func() error) {
		faults = append(faults, Fault{At: at[len(faults)], Node: nodeName(node), Text: text, Do: do})
	}
	for _, n := range r.rng.Perm(len(disturbances)) {
		d, f := disturbances[n], 2+r.rng.IntN(2)
		add(f, d.what+", between it and the leader", func() error {
			err := mend()
			mend = c.disturb(d.what, []way{{1, f}, {f, 1}}, d.do)
			if p := c.ways[way{1, f}]; d.met != nil {
				return errors.Join(err, r.until("the disturbance meets a message", func() bool { return d.met(p) > 0 }))
			}
			return err
		})
		switch len(faults) {
		case 2:
			add(f, "restart of a follower, while that lasts", func() error { c.node(f).server.Kill(); return c.start(f) })
		case 5:
			add(f, "connections break, again and again", func() error { return c.flap(f) })
		}
	}
	if err := r.load("faults", workers, func(w *worker) error {
		if w.n%2 == 0 {
			return increments(each, "counter")(w)
		}
		w.pad = 200 // so that there is something to damage
		return mixed(each, keys(3))(w)
	}, faults...); err != nil {
		return err
	}
	if err := mend(); err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	return r.quiet(append(keys(3), "counter")...)
}

// flap breaks the connections between the leader and a node, several times.
func (c *cluster) flap(i int) error {
	for range 5 {
		c.ways[way{1, i}].Break()
		c.ways[way{i, 1}].Break()
		c.r.idle(10 * time.Millisecond)
	}
	return nil
}

func followerReads() Scenario {
	return Scenario{
		Name:     "follower-reads",
		Question: "One writes at the leader and reads at a follower, which hears of it later: is what is read the newest? Does it ever go back in time?",
		Cells: each(clustered, Cell{
			World: Real, Expect: Fails, FixedBy: "07", Checker: "linearizability", Run: readBehind,
			Checkers: with([]check.Checker{
				check.Answered("start", "warm-up", "faults", check.Liveness, check.Quiet), lin, check.Session, check.Durable, check.Versions, check.Once, living(4),
				check.Coverage(check.Need{OK: 150, Faults: []string{"slow"}}),
			}, replicated...),
			Why: "A follower answers with what it has. A client never sees less than it has seen, but it may see less than others have been told.",
		}),
	}
}

// readBehind lets two users read at a follower, which is behind, and write
// through it, while two others use the leader.
func readBehind(r *Run) error {
	const workers = 4
	c := r.sys.(*cluster)
	if err := r.load("warm-up", 2, mixed(20, keys(3))); err != nil {
		return err
	}
	const slow = 30 * time.Millisecond
	mend := c.disturb("slow: 30 ms", []way{{1, 2}}, func(p *real.Proxy) { p.Delay(real.ToServer, slow) })
	done := make(chan struct{}, 2)
	err := r.load("faults", workers, func(w *worker) error {
		if w.n%2 == 0 {
			defer func() { done <- struct{}{} }()
			w.among, w.level = []int{2}, "session"
			return w.readALot(r.scaled(40), keys(3))
		}
		for len(done) < 2 && w.ctx.Err() == nil {
			if err := mixed(5, keys(3))(w); err != nil {
				return err
			}
			r.idle(2 * time.Millisecond)
		}
		return w.ctx.Err()
	}, Fault{At: 100, Node: "n2", Text: "kill -9, and restart", Do: func() error {
		c.node(2).server.Kill()
		return c.start(2)
	}})
	if err = errors.Join(err, mend()); err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	return r.quiet(append(keys(3), "live0", "live1", "live2")...)
}

// readALot reads keys and pages, and now and then writes.
func (w *worker) readALot(n int, names []string) error {
	for i := range n {
		switch {
		case i%8 == 3:
			w.put(names[w.rng.IntN(len(names))], w.value(), nil)
		case i%8 == 7:
			w.scan("k", "", 0)
		default:
			if op := w.get(names[w.rng.IntN(len(names))]); op.Outcome != history.OK {
				return w.ctx.Err()
			}
		}
	}
	return w.ctx.Err()
}
