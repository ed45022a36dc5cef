package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/05-replication/node"
)

// world is everything: the hosts, the network between them, the clients, the
// operator, and the one clock by which all of it happens.
//
// It is a function of the plan. There are no goroutines in it and no clock but
// its own; what is drawn has a source of its own for every purpose and everybody,
// so that one more draw here shifts nothing there.
type world struct {
	plan   *Plan
	system system
	now    time.Duration
	agenda agenda
	over   bool

	hosts    []*host
	net      network
	clients  []*client
	requests uint64 // counts those that came to a node
	guard    *guard
	undo     []func()      // what faults have changed, and has to be changed back
	begun    time.Duration // when the faults began
	rush     bool
	healed   bool
	quieted  time.Duration // when the last write was answered
	taking   bool          // the operator is about to replace the leader
	relented bool          // and had to start one who had led
	tried    *host         // whom he has told to lead
	careless bool          // a leader was made of a node that may have lacked something

	rec      *history.Recorder
	events   []history.Event
	detailed bool // events come by the thousand
	trace    hash
	coverage map[string]int
	story    []line
	failure  *failure
	findings []check.Finding // of what the world has looked at itself
}

// line is something worth telling.
type line struct {
	at   time.Duration
	text string
}

// failure is a broken promise that was seen while it happened.
type failure struct{ checker, reason string }

// The purposes for which something is drawn.
const (
	forNetwork = iota + 1
	forEnv
	forDisk
	forWork
	forClients
	forFaults
)

func (w *world) rng(purpose, who int) *rand.Rand {
	return rand.New(rand.NewPCG(w.plan.Seed, uint64(purpose)<<32|uint64(who)))
}

func newWorld(p *Plan, detailed bool) (*world, error) {
	s, err := systemOf(p.Column)
	if err != nil {
		return nil, err
	}
	w := &world{plan: p, system: s, coverage: map[string]int{}, detailed: detailed}
	w.rec = history.NewRecorderBy(history.Header{Scenario: p.Scenario, Column: p.Column, World: "sim", Seed: p.Seed}, func() int64 { return int64(w.now) })
	w.rec.Expect(int(float64(p.Work.Rate) * 1.2 * (p.Times.WarmUp + p.Times.Faults + p.Times.Settle + p.Times.Live).time().Seconds()))
	w.net = newNetwork(p.Nodes+p.Learners, w.rng(forNetwork, 0))
	w.guard = newGuard(w)
	for id := range p.Nodes + p.Learners {
		h := newHost(w, node.ID(id+1))
		h.absent = id >= p.Nodes-p.Late
		w.hosts = append(w.hosts, h)
	}
	return w, nil
}

func (w *world) after(d time.Duration, do func()) { w.agenda.add(w.now+d, do) }

// wall is the time as package queue wants it.
func (w *world) wall() time.Time { return time.Unix(0, int64(w.now)) }

// limit is when a run is given up that does not come to its end.
const limit = 30 * time.Minute

// run lets everything happen.
func (w *world) run() {
	w.start()
	for !w.over && w.failure == nil {
		e := w.agenda.next()
		if e.at > limit {
			w.fail("liveness", "the run did not come to its end in %v", limit)
			return
		}
		w.now = e.at
		e.do()
	}
}

// fail ends the run.
func (w *world) fail(checker, format string, args ...any) {
	if w.failure == nil {
		w.failure = &failure{checker, fmt.Sprintf(format, args...)}
		w.tell("=> %s", w.failure.reason)
	}
}

func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, line{w.now, fmt.Sprintf(format, args...)})
}

func (w *world) count(what string, n int) { w.coverage[what] += n }

// start starts all nodes, and asks whether the store is empty.
func (w *world) start() {
	for _, h := range w.hosts {
		if !h.absent {
			h.start(h.id == 1)
		}
	}
	first := newClient(w, -1)
	first.only(node.Query{Range: &kv.Range{}, Level: node.Leader}, w.warmUp)
}

// warmUp lets the clients begin.
func (w *world) warmUp() {
	w.rec.Phase("warm-up")
	for i := range w.plan.Work.Clients {
		c := newClient(w, i)
		w.clients = append(w.clients, c)
		c.next()
	}
	w.after(w.plan.Times.WarmUp.time(), w.faults)
}

// faults lets go wrong what the plan says.
func (w *world) faults() {
	w.rec.Phase("faults")
	w.begun, w.rush = w.now, true
	for i := range w.plan.Faults {
		f := &w.plan.Faults[i]
		w.after(f.At.time(), func() { w.strike(f) })
	}
	w.after(w.plan.Times.Faults.time(), w.heal)
}

// heal mends everything, and gives the cluster some time.
func (w *world) heal() {
	w.rec.Phase("heal")
	w.tell("everything is healed")
	w.healed, w.rush = true, false
	w.mend()
	w.after(w.plan.Times.Settle.time(), w.live)
}

// live lets the clients go on in a world in which nothing is broken.
func (w *world) live() {
	w.rec.Phase("liveness")
	w.after(w.plan.Times.Live.time(), w.drain)
}

// drain waits until all clients have their answers.
func (w *world) drain() {
	for _, c := range w.clients {
		c.stop = true
	}
	if w.plan.Operator == AtLast {
		w.attend()
	}
	w.untilIdle()
}

func (w *world) untilIdle() {
	for _, c := range w.clients {
		if c.call != nil {
			w.after(10*time.Millisecond, w.untilIdle)
			return
		}
	}
	w.quiet()
}

// quiet reads every key once more.
func (w *world) quiet() {
	w.rec.Phase("quiet")
	w.quieted = w.now
	w.tell("all keys are read")
	var keys []string
	for _, c := range w.clients {
		if c.number%clientsAKey == 0 {
			keys = append(keys, c.keys()...)
		}
	}
	w.look(newClient(w, -2), keys)
}

func (w *world) look(c *client, keys []string) {
	if len(keys) == 0 {
		w.agree()
		return
	}
	c.only(node.Query{Key: keys[0], Level: node.Leader}, func() { w.look(c, keys[1:]) })
}

// agree waits until all nodes have applied the same, and compares them.
func (w *world) agree() {
	if !w.level() && w.now < w.quieted+agreement {
		w.after(10*time.Millisecond, w.agree)
		return
	}
	var there []*host
	for _, h := range w.hosts {
		if h.process != nil {
			w.event(h.position())
			there = append(there, h)
		}
	}
	if w.level() {
		w.guard.compare()
		w.costs()
	}
	w.scan(newClient(w, -3), there)
}

// scan asks every node for everything.
func (w *world) scan(c *client, hosts []*host) {
	if len(hosts) == 0 {
		w.over = true
		return
	}
	c.at = hosts[0]
	c.only(node.Query{Range: &kv.Range{}, Level: node.Stale}, func() { w.scan(c, hosts[1:]) })
}

const agreement = 5 * time.Second

// level says whether all nodes that there are have applied all there is.
func (w *world) level() bool {
	l := w.leader()
	if l == nil {
		return false
	}
	for _, h := range w.hosts {
		if h.gone || h.absent {
			continue
		}
		if h.process == nil || h.process.Replica().Applied() != last(l) {
			return false
		}
	}
	return true
}

// strict says whether nothing that was acknowledged may be lost: it takes a
// majority, and leaders who are chosen with care.
func (w *world) strict() bool { return 2*w.plan.Acks > w.plan.Nodes && !w.careless }
