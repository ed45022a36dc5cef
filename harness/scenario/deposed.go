package scenario

import (
	"errors"
	"sync/atomic"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// The scenarios of this file take the leader away from the others, dead or
// alive.

func leaderDies() Scenario {
	return Scenario{
		Name:     "leader-dies",
		Question: "The leader dies, and nobody does anything: are writes possible again, soon?",
		Cells: each(clustered, Cell{
			World: Real, Expect: Fails, FixedBy: "07", Checker: "gap", Run: loseLeader, Patience: 500 * time.Millisecond,
			Checkers: with([]check.Checker{
				undisturbed, check.Gap("faults", resume), check.Durable, lin, check.Versions, living(3),
				check.Coverage(check.Need{OK: 100, Faults: []string{"kill -9"}}),
			}, replicated...),
			Why: "Nobody leads until somebody says who: the others have everything, and wait for an operator.",
		}),
	}
}

// resume is how soon there must be a leader again.
const resume = 1500 * time.Millisecond

// loseLeader kills the leader. Workers try on for as long as it may take, or
// until they are served again. In the end it is brought back.
func loseLeader(r *Run) error {
	const workers = 3
	var died atomic.Int64
	err := r.load("faults", workers, func(w *worker) error {
		for served := 0; w.ctx.Err() == nil; {
			op := w.put(keys(4)[w.rng.IntN(4)], w.value(), nil)
			at := died.Load()
			if at > 0 && op.Call > at && op.Outcome == history.OK {
				served++
			}
			if at > 0 && (served == 10 || r.rec.Now()-at > int64(resume+100*time.Millisecond)) {
				break
			}
		}
		return w.ctx.Err()
	}, Fault{At: 100 + r.rng.IntN(50), Node: "n1", Text: "kill -9 of the leader; nobody does anything", Do: func() error {
		died.Store(r.rec.Now())
		return r.sys.kill()
	}})
	if err != nil {
		return err
	}
	if err := r.sys.restart(); err != nil {
		return err
	}
	if err := r.healed(workers); err != nil {
		return err
	}
	return r.quiet(append(keys(4), "live0", "live1", "live2")...)
}

func leaderPaused() Scenario {
	return Scenario{
		Name:     "leader-paused",
		Question: "The leader stands still, another takes its place, and it goes on: does it know that it has been replaced?",
		Cells: each(clustered, Cell{
			World: Real, Expect: Fails, FixedBy: "07", Checker: "linearizability", Run: func(r *Run) error { return r.depose((*cluster).pauses) }, Patience: 500 * time.Millisecond,
			Checkers: deposing("the leader stands still", "the old leader goes on"),
			Why:      "A leader that was stopped, and replaced meanwhile, does not know it when it goes on: until it hears of the other it answers reads with what was true before.",
		}),
	}
}

func split() Scenario {
	return Scenario{
		Name:     "split",
		Question: "The leader is cut off from the others, and one of them takes its place: do clients on both sides see one store?",
		Cells: each(clustered, Cell{
			World: Real, Expect: Fails, FixedBy: "07", Checker: "linearizability", Run: func(r *Run) error { return r.depose((*cluster).splits) }, Patience: 500 * time.Millisecond,
			Checkers: deposing("the leader is cut off", "a client asks the old leader"),
			Why:      "A leader that is cut off still believes that it leads: it answers reads with what was true before the others went on without it.",
		}),
	}
}

// deposing is what a run of depose must pass, but for the reads of the old
// leader.
func deposing(faults ...string) []check.Checker {
	return with([]check.Checker{
		undisturbed, check.Durable, lin, check.Versions, check.Once, living(3), check.Witness("old leader"),
		check.Coverage(check.Need{OK: 150, Faults: faults}),
	}, replicated...)
}

// isolation is how a leader is out of the way of others for a while.
type isolation struct {
	begins string       // what happens
	begin  func() error // it is out of the way
	asks   string       // what happens when a client has come to it
	ask    func() error // now it answers, though the others cannot reach it yet
	end    func() error // all is well again
}

// depose isolates the leader, and promotes another node. Three users go on with
// the others. One asks the old leader, who does not know yet; then it hears.
func (r *Run) depose(how func(*cluster) isolation) error {
	const workers = 3
	c, names := r.sys.(*cluster), keys(4)
	if err := r.load("warm-up", workers, mixed(20, names)); err != nil {
		return err
	}
	i, ask, asked := how(c), make(chan struct{}), make(chan struct{})
	err := r.load("faults", workers+1, func(w *worker) error {
		if w.n%(workers+1) == 0 {
			w.among = []int{1}
			w.put(names[0], w.value(), nil) // while it leads
			<-ask
			defer close(asked)
			return w.askOldLeader(names)
		}
		w.among = []int{2 + w.n%2, 3 - w.n%2}
		return mixed(r.scaled(40), names)(w)
	}, Fault{At: 30, Node: "n1", Text: i.begins, Do: func() error {
		return errors.Join(i.begin(), c.promote(c.longest()))
	}}, Fault{At: 70, Node: "n1", Text: i.asks, Do: func() error {
		close(ask)
		err := i.ask()
		<-asked
		return errors.Join(err, i.end())
	}})
	if err != nil {
		return err
	}
	if err := r.healed(workers); err != nil {
		return err
	}
	return r.quiet(append(names, "live0", "live1", "live2")...)
}

// healed waits until the nodes know of each other again, and then wants n users
// to be served: these have little patience.
func (r *Run) healed(n int) error {
	return errors.Join(r.sys.(*cluster).settle(), r.alive(n))
}

// askOldLeader reads some keys, and writes one. What it is told of the write is
// for the checkers.
func (w *worker) askOldLeader(names []string) error {
	told := 0
	for _, k := range names {
		if op := w.get(k); op.Outcome == history.OK {
			told++
		}
	}
	op := w.put(names[0], w.value(), nil)
	w.r.expect("old leader", true, "it answered %d of %d reads, and of a write it said: %s %s", told, len(names), op.Outcome, op.Error)
	return w.ctx.Err()
}

// pauses stops the leader's process. What the others send it meanwhile is late:
// it comes only some time after it goes on.
func (c *cluster) pauses() isolation {
	var mend func() error
	p := c.node(1).server
	return isolation{
		begins: "the leader stands still (SIGSTOP), and another is promoted",
		begin: func() error {
			mend = c.disturb("what comes is late", []way{{2, 1}, {3, 1}}, freeze)
			return p.Stop()
		},
		asks: "the old leader goes on (SIGCONT)",
		ask:  p.Continue,
		end:  func() error { return mend() },
	}
}

// splits cuts the leader off from the others: connections break, or nothing
// arrives any more.
func (c *cluster) splits() isolation {
	cut, how := (*real.Proxy).Cut, "every connection is refused"
	if c.r.rng.IntN(2) == 0 {
		cut, how = freeze, "nothing arrives"
	}
	var mend func() error
	return isolation{
		begins: "the leader is cut off from the others, and another is promoted",
		begin: func() error {
			mend = c.disturb(how, []way{{1, 2}, {1, 3}, {2, 1}, {3, 1}}, cut)
			return nil
		},
		asks: "a client asks the old leader",
		ask:  func() error { return nil },
		end:  func() error { return mend() },
	}
}

func oneWaySplit() Scenario {
	return Scenario{
		Name:     "one-way-split",
		Question: "A way between two nodes is cut in one direction only, or two of three do not reach each other: is anything lost or told wrong?",
		Cells: each(clustered, Cell{
			World: Real, Expect: Safe, Run: cutOneWay,
			Checkers: with(with(kept(4), replicated...), check.Witness("reign"), check.Coverage(check.Need{OK: 200, Faults: []string{"one way is cut", "a bridge"}})),
		}),
	}
}

// cutOneWay cuts ways between nodes, those in one direction, those between two,
// and those over which a majority would be reached.
func cutOneWay(r *Run) error {
	const workers = 4
	c, each := r.sys.(*cluster), r.scaled(60)
	a, b := 2, 3
	if r.rng.IntN(2) == 0 {
		a, b = b, a
	}
	var mend func() error
	var faults []Fault
	at := r.drawn(10, workers*each)
	for i, f := range []struct {
		text string
		ways []way
		wait time.Duration // where nothing goes on: how long
	}{
		{"one way is cut: the leader hears a follower, which does not hear it", []way{{1, a}}, 0},
		{"one way is cut: a follower hears the leader, which does not hear it", []way{{b, 1}}, 0},
		{"a bridge: the leader and a follower do not reach each other, but the third reaches both", []way{{1, a}, {a, 1}}, 0},
		{"one way is cut to each: the leader reaches one follower and hears the other", []way{{1, a}, {b, 1}}, 200 * time.Millisecond},
		{"one way is cut to both: nobody hears the leader", []way{{1, a}, {1, b}}, 200 * time.Millisecond},
	} {
		faults = append(faults, Fault{At: at[2*i], Text: f.text, Do: func() error {
			mend = c.disturb("nothing arrives", f.ways, freeze)
			r.idle(f.wait)
			if f.wait > 0 {
				return mend()
			}
			return nil
		}})
		if f.wait == 0 {
			faults = append(faults, Fault{At: at[2*i+1], Text: "mended", Do: func() error { return mend() }})
		}
	}
	if err := r.contest(workers, 2, each, keys(3), faults...); err != nil {
		return err
	}
	s, err := c.status(1)
	r.expect("reign", err == nil && s.Role == "leader" && s.Epoch == "1.n1", "in the end n1 is a %s in epoch %s: the leader is the one that it was", s.Role, s.Epoch)
	return errors.Join(err, r.quiet(append(keys(3), "counter")...))
}
