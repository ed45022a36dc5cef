package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"zeyrho/harness/explore"
	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
)

// report is what explore prints, as one line of JSON.
type report struct {
	What      string         `json:"what"`
	Verdict   string         `json:"verdict"` // pass or violation
	Schedules int            `json:"schedules"`
	Failed    int            `json:"failed"`
	Programs  map[string]int `json:"programs"`           // schedules of each
	Reason    string         `json:"reason,omitempty"`   // what is wrong with the simplest schedule that fails
	Schedule  string         `json:"schedule,omitempty"` // that schedule, for -schedule
	Story     string         `json:"story,omitempty"`    // and what happens in it
}

// program is a handful of operations by a few tasks on one store.
type program struct {
	name   string
	before []history.Op // done when the tasks begin
	tasks  []func(recorded)
	bounds explore.Bounds
	after  func(last []history.Op) error // looks at what is there in the end; may be nil
}

// system is what a program runs on: code of a step, with locks and memory of the
// explorer's.
type system struct {
	// make makes the store. The view that it returns gives every task its way
	// to the store.
	make func(w *explore.World) (view func() kv.Store)
	// guarded says that the store is a plain map behind a lock. The map has no
	// yield points, so that to use it without the lock shows no harm here; it is
	// a fault all the same.
	guarded bool
}

// runExplore runs all programs for -what under all schedules within bounds.
func runExplore(c config, out io.Writer) error {
	sys, programs, err := exploration(c.what)
	if err != nil {
		return err
	}
	if c.schedule != "" {
		return replay(c, out, sys, programs)
	}
	r := report{What: c.what, Verdict: "pass", Programs: map[string]int{}}
	for _, p := range programs {
		got, err := explore.Exhaustive(p.setup(sys), p.bounds)
		if err != nil {
			return fmt.Errorf("driver: explore %s: %w", p.name, err)
		}
		r.Programs[p.name] = got.Schedules
		r.Schedules += got.Schedules
		r.Failed += got.Failed
		if got.First != nil && r.Verdict == "pass" {
			r.blame(p, got.First)
		}
	}
	return r.write(c, out)
}

// replay runs one schedule again.
func replay(c config, out io.Writer, sys system, programs []program) error {
	name, text, _ := strings.Cut(c.schedule, ":")
	s, err := explore.ParseSchedule(text)
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	for _, p := range programs {
		if p.name != name {
			continue
		}
		run, err := explore.Replay(p.setup(sys), s)
		if err != nil {
			return fmt.Errorf("driver: %w", err)
		}
		r := report{What: c.what, Verdict: "pass", Programs: map[string]int{name: 1}, Schedules: 1, Story: run.Story()}
		if run.Err != nil {
			r.Failed = 1
			r.blame(p, &run)
		}
		return r.write(c, out)
	}
	return fmt.Errorf("driver: %s has no program %q", c.what, name)
}

func (r *report) blame(p program, run *explore.Run) {
	r.Verdict, r.Reason, r.Story = "violation", run.Err.Error(), run.Story()
	r.Schedule = fmt.Sprintf("%s:%s", p.name, run.Schedule)
}

// write prints the report as JSON for the harness, or as a story for people.
func (r *report) write(c config, out io.Writer) error {
	if c.story {
		_, err := fmt.Fprintf(out, "%s%d of %d schedules go wrong", r.Story, r.Failed, r.Schedules)
		if err == nil && r.Schedule != "" {
			_, err = fmt.Fprintf(out, "; this is %s", r.Schedule)
		}
		fmt.Fprintln(out)
		return err
	}
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	if r.Verdict != "pass" {
		return violated("%s: %s", r.Schedule, r.Reason)
	}
	return nil
}

// setup makes the program something to explore.
func (p program) setup(sys system) explore.Setup {
	return func(w *explore.World) func() error {
		view := sys.make(w)
		l := &ledger{guarded: sys.guarded}
		first := l.record(nil, view())
		for _, op := range p.before {
			first(context.Background(), op)
		}
		for i, body := range p.tasks {
			store := view()
			w.Process(string(rune('A'+i)), func(t *explore.Task) {
				t.Yield()
				body(l.record(t, store))
			})
		}
		return func() error {
			last := l.record(nil, view())
			end := []history.Op{last(context.Background(), history.Op{Kind: history.Scan})}
			if err := judge(l.ops); err != nil {
				return err
			}
			if l.careless != nil || p.after == nil {
				return l.careless
			}
			return p.after(end)
		}
	}
}

// ledger is a history with a clock that counts.
type ledger struct {
	ops      []history.Op
	clock    int64
	guarded  bool  // see system
	careless error // the first operation that did not take the lock that it needs
}

// record returns a way to ask s and have it written down, in the story of t too
// if there is one.
func (l *ledger) record(t *explore.Task, s kv.Store) recorded {
	tick := func() int64 { l.clock++; return l.clock }
	return func(ctx context.Context, op history.Op) history.Op {
		op.ID, op.Call, op.Outcome = len(l.ops), tick(), history.Unknown
		l.ops = append(l.ops, op)
		if t != nil {
			t.Logf("%s ...", wish(op))
		}
		look := l.watch(t, op)
		a := ask(ctx, s, op, 0)
		look()
		op.Return, op.Outcome, op.Status, op.Version = tick(), a.Outcome, a.Status, a.Version
		op.Items, op.More, op.Error = a.Items, a.More, a.Error
		if op.Kind == history.Get {
			op.Value = a.Value
		}
		l.ops[op.ID] = op
		if t != nil {
			t.Logf("... %s", answer(op))
		}
		return op
	}
}

// watch returns a function that looks, after op, whether t has taken a lock.
func (l *ledger) watch(t *explore.Task, op history.Op) func() {
	if t == nil || !l.guarded {
		return func() {}
	}
	writes, reads := t.Locks()
	return func() {
		w, r := t.Locks()
		reading := op.Kind == history.Get || op.Kind == history.Scan
		if w == writes && (!reading || r == reads) && l.careless == nil {
			l.careless = fmt.Errorf("%s used the map without holding the lock for it; another goroutine may be in the map at the same time", wish(op))
		}
	}
}
