package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// Run is one run of a cell: its processes, its workers, and the recorder that
// writes down what happens.
type Run struct {
	lab     *Lab
	ctx     context.Context
	cell    Cell
	seed    uint64
	dir     string // for the files of the store under test
	world   *real.World
	rec     *history.Recorder
	rng     *rand.Rand // for faults; workers have their own
	sys     system
	onEnd   atomic.Pointer[func(history.Counts)] // told of every operation that ended
	pending atomic.Bool                          // faults of the load are still to come
	waited  atomic.Int64                         // operations that nobody answered
	giveUp  context.CancelCauseFunc              // ends the run

	mu       sync.Mutex
	fault    error           // the first thing that the harness itself could not do
	bodies   []*worker       // every worker there ever was, so that all can be killed
	procs    []*real.Process // every program of the step that was started
	drew     *worker         // the last that was drawn; see someWorker
	restarts []window        // when the server was being restarted on purpose
	adopted  []history.Op    // what a driver recorded, in the place of the run's own operations
}

// fail notes that the harness could not do something. The run goes on, but its
// verdict cannot be a pass.
func (r *Run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

// note writes an event into the history.
func (r *Run) note(node, format string, args ...any) {
	r.rec.Event(history.Event{Kind: "note", Node: node, Text: fmt.Sprintf(format, args...)})
}

// expect records something that the harness saw with its own eyes, beside the
// operations, and whether it is as promised. check.Witness judges it.
func (r *Run) expect(checker string, ok bool, format string, args ...any) {
	e := history.Event{Kind: "seen", Node: checker, Text: fmt.Sprintf(format, args...)}
	if !ok {
		e.Kind = "broken"
	}
	r.rec.Event(e)
}

// scaled returns n, or ten times as much in the long tier.
func (r *Run) scaled(n int) int {
	if r.lab.full {
		return 10 * n
	}
	return n
}

// start opens the store and checks that it is empty.
func (r *Run) start() error {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	if err := r.sys.open(); err != nil {
		return err
	}
	w := r.worker()
	defer w.close()
	if op := w.scan("", "", 0); op.Outcome != history.OK || len(op.Items) > 0 {
		return fmt.Errorf("a new store must be empty, but a scan says %s %s with %d items", op.Outcome, op.Error, len(op.Items))
	}
	return nil
}

// Fault is something that happens to the store at a moment that is counted in
// operations, so that a slow machine sees the same as a fast one.
type Fault struct {
	At   int // how many operations of the load have ended
	Node string
	Text string // what happens, in words
	Do   func() error
}

// load runs n workers side by side, each with body, while the faults happen in
// their order. It returns when every worker is done, and none is before the
// last fault has happened; see worker.more.
func (r *Run) load(phase string, n int, body func(*worker) error, faults ...Fault) error {
	r.rec.Phase(phase)
	base := r.rec.Counts().Ended
	ended := make(chan int, 1<<16)
	hook := func(c history.Counts) {
		select {
		case ended <- c.Ended - base:
		default: // the fault's goroutine is far behind: it will see the next
		}
	}
	r.onEnd.Store(&hook)
	defer r.onEnd.Store(nil)

	nemesis := make(chan error, 1)
	r.pending.Store(len(faults) > 0)
	go func() {
		defer r.pending.Store(false)
		nemesis <- r.carryOut(faults, ended)
	}()
	err := r.together(n, body)
	r.onEnd.Store(nil)
	close(ended)
	return errors.Join(err, <-nemesis)
}

// carryOut lets the faults happen, each when enough operations have ended.
func (r *Run) carryOut(faults []Fault, ended <-chan int) error {
	for _, f := range faults {
		for n := range ended {
			if n >= f.At {
				break
			}
		}
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		r.rec.Event(history.Event{Kind: "fault", Node: f.Node, Text: f.Text})
		if err := f.Do(); err != nil {
			return fmt.Errorf("fault %q: %w", f.Text, err)
		}
	}
	return nil
}

// together runs body with n fresh workers and waits for them all.
func (r *Run) together(n int, body func(*worker) error) error {
	g, ctx := errgroup.WithContext(r.ctx)
	for range n {
		w := r.worker()
		g.Go(func() error {
			defer w.close()
			w.ctx = ctx
			return body(w)
		})
	}
	return g.Wait()
}

// alive is what comes after the faults: everything has been repaired, and n
// users have to be served again. The checker living judges it.
func (r *Run) alive(n int) error {
	return r.load(check.Liveness, n, mixed(backToWork, []string{"live0", "live1", "live2"}))
}

// backToWork is how many operations each user of alive has to get done.
const backToWork = 15

func living(n int) check.Checker { return check.Live(n, backToWork, patience) }

// quiet reads every key of the store, alone and undisturbed; of a cluster, at
// every node.
func (r *Run) quiet(keys ...string) error {
	if err := r.reread(keys...); err != nil {
		return err
	}
	if _, ok := r.sys.(*cluster); ok {
		return r.compare()
	}
	return r.together(1, func(w *worker) error { w.everything(); return nil })
}

// compare asks every node of a cluster for everything that it holds.
func (r *Run) compare() error {
	c, ok := r.sys.(*cluster)
	if !ok {
		return nil
	}
	r.rec.Phase(check.Quiet)
	if err := c.settle(); err != nil {
		return err
	}
	for i := range c.nodes {
		w := r.worker()
		w.among, w.level = []int{i + 1}, "stale"
		w.everything()
		w.close()
	}
	return nil
}

// reread reads some keys, alone and undisturbed.
func (r *Run) reread(keys ...string) error {
	r.rec.Phase("quiet")
	return r.together(1, func(w *worker) error {
		for _, k := range keys {
			w.get(k)
		}
		return nil
	})
}

// drawn returns count places among n operations, in order, not at the very
// beginning or end.
func (r *Run) drawn(count, n int) []int {
	at := make([]int, count)
	span := n * 8 / 10 / count
	for i := range at {
		at[i] = n/10 + i*span + r.rng.IntN(max(span, 1))
	}
	return at
}

// midway draws a place among n operations where enough has happened to lose some
// of it, and not so much is to come that all of it is written again.
func (r *Run) midway(n int) int { return n/2 + r.rng.IntN(n/4) }

// Lab holds the programs that are to be tried.
type Lab struct {
	full bool
	bin  map[string]string // by step name, and "driver"
	dir  string            // for the files of runs
}

// Outcome is what came of a run.
type Outcome struct {
	Findings []check.Finding
	History  history.History
}

// Execute runs a cell once, and judges it. What the harness itself could not
// do makes the outcome inconclusive.
func (l *Lab) Execute(ctx context.Context, s Scenario, c Cell, seed uint64) Outcome {
	if c.Expect == NA {
		return Outcome{}
	}
	budget := time.Minute
	if l.full {
		budget = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, budget, fmt.Errorf("the run took longer than %v", budget))
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	world := real.NewWorld(ctx)
	defer world.Close()
	r := &Run{
		lab: l, ctx: ctx, cell: c, seed: seed, world: world, giveUp: giveUp,
		dir: filepath.Join(l.dir, fmt.Sprintf("%s-%s-%s-%d", s.Name, c.Column, c.World, seed)),
		rec: history.NewRecorder(history.Header{Scenario: s.Name, Column: c.Column, World: c.World, Seed: seed}),
		rng: rand.New(rand.NewPCG(seed, 1)),
	}
	defer os.RemoveAll(r.dir)
	r.rec.OnEnd = func(n history.Counts, _ history.Op) {
		if f := r.onEnd.Load(); f != nil {
			(*f)(n)
		}
	}
	if err := r.carry(c); err != nil {
		r.rec.Event(history.Event{Kind: "trouble", Text: err.Error()})
	}
	h := r.rec.History()
	if r.adopted != nil {
		h.Ops = r.adopted
	}
	return Outcome{c.Judge(&h), h}
}
