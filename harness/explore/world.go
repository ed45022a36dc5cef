package explore

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// maxSteps ends a schedule that would never end by itself.
const maxSteps = 10_000

// World is one execution of a program under one schedule.
//
// Invariants:
//   - At most one task runs at any time; running says which, and is outside
//     while Setup builds and while its check looks.
//   - What happens is a function of the choices made.
type World struct {
	tasks   []*Task
	locks   []*RWMutex
	running *Task
	outside *Task // stands for whoever is none of the tasks
	last    *Task // who took the last step; nil before the first
	telling bool  // whether to keep a trace, which takes longer than the run
	trace   []Event
}

// Event is one line of the story: what a task did.
type Event struct {
	Task int
	Text string
}

// Task is a goroutine or a process of the program. Its methods are for its
// own body.
type Task struct {
	Name   string
	w      *World
	id     int
	mortal bool // a schedule may kill it
	dead   bool
	ended  bool
	err    error
	locks  int         // how often it has locked something for writing
	rlocks int         // and for reading
	ready  func() bool // nil unless it waits
	why    func() string
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

// Go adds a goroutine. It runs up to its first yield point before the schedule
// begins, so it must not touch anything shared before that.
func (w *World) Go(name string, body func(*Task)) { w.add(&Task{Name: name}, body) }

// Process adds a process: like Go, and a schedule may kill it at any yield
// point. The kernel then frees its locks. Nothing else is undone.
func (w *World) Process(name string, body func(*Task)) {
	w.add(&Task{Name: name, mortal: true}, body)
}

func (w *World) add(t *Task, body func(*Task)) {
	t.w, t.id = w, len(w.tasks)
	w.tasks = append(w.tasks, t)
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer t.end()
		t.yield = yield
		body(t)
	})
}

// abandoned unwinds the stack of a task that is killed.
type abandoned struct{}

func (t *Task) end() {
	t.ended = true
	switch p := recover().(type) {
	case nil, abandoned:
	default:
		t.err = fmt.Errorf("%s panicked: %v", t.Name, p)
	}
}

// Locks returns how often the task has locked something, for writing and for
// reading.
func (t *Task) Locks() (writing, reading int) { return t.locks, t.rlocks }

// Yield is a point at which others may take their turns.
func (t *Task) Yield() { t.w.step() }

// Logf adds a line to the task's column of the story.
func (t *Task) Logf(format string, args ...any) {
	if t.w.telling && t != t.w.outside && !t.dead {
		t.w.trace = append(t.w.trace, Event{t.id, fmt.Sprintf(format, args...)})
	}
}

// step lets others take their turns. Outside of the tasks there are no others.
func (w *World) step() { w.wait(nil, nil) }

// wait lets others take their turns until ready says that the running task can
// go on; why is for the story of a deadlock.
func (w *World) wait(ready func() bool, why func() string) {
	t := w.running
	switch {
	case t == w.outside && ready != nil:
		panic("waits for ever: " + why())
	case t == w.outside:
		return
	case t.dead: // its deferred calls run; the world has stopped for it
		panic(abandoned{})
	}
	t.ready, t.why = ready, why
	if !t.yield(struct{}{}) {
		panic(abandoned{})
	}
	t.ready, t.why = nil, nil
}

// resume lets t take one step: up to its next yield point, or to its end.
func (w *World) resume(t *Task) {
	w.running, w.last = t, t
	t.next()
	w.running = w.outside
}

// kill ends t where it stands. Its deferred calls run, and can do nothing.
func (w *World) kill(t *Task) {
	t.dead, w.running = true, t
	t.stop()
	t.ended = true
	w.running = w.outside
	for _, l := range w.locks {
		l.free(t)
	}
}

func (t *Task) runnable() bool { return !t.ended && (t.ready == nil || t.ready()) }

// options lists what can happen next. The first option is always the dullest:
// the same task goes on.
func (w *World) options(preemptive, deaths bool) []Choice {
	var all []Choice
	stay := w.last != nil && w.last.runnable()
	if stay {
		all = append(all, Choice{Task: w.last.id})
	}
	for _, t := range w.tasks {
		if t != w.last && t.runnable() && (preemptive || !stay) {
			all = append(all, Choice{Task: t.id})
		}
	}
	// Killing a task later, while others run, shows them nothing that killing
	// it at once does not: what it holds is freed either way. And where nobody
	// can go on, no death comes to the rescue.
	if deaths && len(all) > 0 && w.last != nil && w.last.mortal && !w.last.ended {
		all = append(all, Choice{w.last.id, true})
	}
	return all
}

// Run is one schedule and what came of it.
type Run struct {
	Schedule    Schedule
	Preemptions int
	Deaths      int
	Err         error // nil if all went well
	Tasks       []string
	Trace       []Event // kept by Replay, and in Report.First

	picked, widths []int
	lost           bool // the chooser's choice did not exist
}

// simpler compares failures: fewer preemptions, then fewer deaths, then fewer
// steps.
func (r *Run) simpler(than *Run) bool {
	return slices.Compare([]int{r.Preemptions, r.Deaths, len(r.Schedule)},
		[]int{than.Preemptions, than.Deaths, len(than.Schedule)}) < 0
}

// execute runs the program once. choose is asked at every decision, by its
// number from 0, for the index of an option.
func execute(setup Setup, b Bounds, telling bool, choose func(depth int, options []Choice) int) (r Run) {
	w := &World{telling: telling}
	w.outside = &Task{Name: "the program", w: w}
	w.running = w.outside
	check := setup(w)
	for _, t := range w.tasks {
		w.resume(t)
		r.Tasks = append(r.Tasks, t.Name)
	}
	w.last = nil
	for len(r.Schedule) < maxSteps && w.failed() == nil {
		options := w.options(!b.Preempt || r.Preemptions < b.Preemptions, r.Deaths < b.Deaths)
		if len(options) == 0 {
			break
		}
		i := choose(len(r.Schedule), options)
		if i < 0 || i >= len(options) {
			r.lost = true
			break
		}
		r.picked, r.widths = append(r.picked, i), append(r.widths, len(options))
		w.take(options[i], &r)
	}
	r.Err = w.outcome(check)
	r.Trace = w.trace
	return r
}

func (w *World) take(c Choice, r *Run) {
	t := w.tasks[c.Task]
	r.Schedule = append(r.Schedule, c)
	if c.Die {
		r.Deaths++
		t.Logf("killed")
		w.kill(t)
		return
	}
	if w.last != nil && w.last != t && w.last.runnable() {
		r.Preemptions++
	}
	w.resume(t)
}

// failed returns the error of a task that panicked, if one has.
func (w *World) failed() error {
	for _, t := range w.tasks {
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

// outcome says what is wrong at the end, and ends the tasks that are left.
func (w *World) outcome(check func() error) (err error) {
	err = w.failed()
	if err == nil {
		err = w.stuck()
	}
	for _, t := range w.tasks {
		if !t.ended {
			w.kill(t)
		}
	}
	if err != nil || check == nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("after the end: %v", p)
		}
	}()
	return check()
}

// ErrDeadlock is wrapped by the failure of a schedule in which somebody has
// not ended and nobody can go on.
var ErrDeadlock = errors.New("deadlock")

// stuck returns an error if a task has not ended.
func (w *World) stuck() error {
	var waiting []string
	for _, t := range w.tasks {
		switch {
		case t.ended:
		case t.runnable():
			return fmt.Errorf("no end in sight after %d steps", maxSteps)
		default:
			waiting = append(waiting, t.Name+" "+t.why())
		}
	}
	if waiting == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrDeadlock, strings.Join(waiting, ", "))
}
