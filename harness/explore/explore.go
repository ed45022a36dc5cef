// Package explore answers: does this code work in every order in which its
// goroutines can take turns, and not only in those that the machine happened
// to choose today?
//
// A task stands for a goroutine, or for a process. It runs as a coroutine
// (iter.Pull), so exactly one runs at a time, and it can lose its turn only at
// a yield point: before a lock is taken, after one is released, before a load
// or a store of the shared Memory, and wherever the task says so itself. A
// schedule is the list of who went next at each of them. Nothing else decides
// what happens, so a schedule can be replayed, and all of them can be tried:
// depth first, each by running the program again from its beginning.
//
// What it does not see: two plain accesses with no yield point between them
// are one step here and may be two in a real run (the race detector watches
// those), and loads and stores happen in the order of the program, which is
// true of Go's atomics and of nothing else. Spinning instead of waiting on a
// lock looks like a program that never ends.
package explore

import (
	"errors"
	"fmt"
	"strings"
)

// Setup builds the program that is to be explored: the shared state, which it
// makes anew each time, and the tasks, with Go and Process. The function that
// it returns looks at the state when all tasks have ended, and may be nil.
type Setup func(w *World) (check func() error)

// Bounds limit what is explored. The zero Bounds have no limit but that no
// task dies.
type Bounds struct {
	Schedules   int  // at most so many; 0 means all
	Preempt     bool // whether Preemptions counts at all
	Preemptions int  // how often a schedule takes the turn from a task that could go on
	Deaths      int  // how many processes a schedule kills
}

// Choice is one decision of a schedule: a task takes a step, or, having just
// taken one, is killed.
type Choice struct {
	Task int
	Die  bool
}

// Schedule is a list of choices. As a string it has a letter a step, A for the
// first task, and an exclamation mark after the task that is killed: "AAB!A".
type Schedule []Choice

func (s Schedule) String() string {
	var b strings.Builder
	for _, c := range s {
		if c.Die {
			b.WriteByte('!')
		} else {
			b.WriteByte(byte('A' + c.Task))
		}
	}
	return b.String()
}

// ParseSchedule is the reverse of Schedule.String.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	for i := range len(text) {
		switch {
		case text[i] >= 'A' && text[i] <= 'Z':
			s = append(s, Choice{Task: int(text[i] - 'A')})
		case text[i] == '!' && len(s) > 0:
			s = append(s, Choice{Task: s[len(s)-1].Task, Die: true})
		default:
			return nil, fmt.Errorf("schedule %q: no meaning in byte %d", text, i)
		}
	}
	return s, nil
}

// Report is what exploring came to.
type Report struct {
	Schedules int  // tried
	Failed    int  // of these
	Complete  bool // every schedule within the bounds on preemptions and deaths was tried
	First     *Run // of the failed ones the simplest; nil if none failed
}

// see counts a run and keeps it if it is the simplest failure.
func (r *Report) see(run Run) {
	r.Schedules++
	if run.Err == nil {
		return
	}
	r.Failed++
	if r.First == nil || run.simpler(r.First) {
		r.First = &run
	}
}

func (r Report) full(b Bounds) bool { return b.Schedules > 0 && r.Schedules >= b.Schedules }

// Exhaustive tries every schedule within the bounds. The error is about the
// program as something to explore: run twice, it did not do the same.
func Exhaustive(setup Setup, b Bounds) (Report, error) {
	r, err := search(setup, b)
	return r, errors.Join(err, r.tell(setup))
}

func search(setup Setup, b Bounds) (Report, error) {
	var r Report
	var prefix []int // which of its options each decision takes; then always the first
	for !r.full(b) {
		run := execute(setup, b, false, func(depth int, options []Choice) int {
			if depth < len(prefix) {
				return prefix[depth]
			}
			return 0
		})
		if run.lost {
			return r, fmt.Errorf("the program does not repeat itself: %s could not be replayed", run.Schedule)
		}
		r.see(run)
		i := len(run.picked) - 1
		for i >= 0 && run.picked[i]+1 == run.widths[i] {
			i--
		}
		if i < 0 {
			r.Complete = true
			return r, nil
		}
		prefix = append(run.picked[:i], run.picked[i]+1)
	}
	return r, nil
}

// tell runs the first failure again, and keeps the trace.
func (r *Report) tell(setup Setup) error {
	if r.First == nil {
		return nil
	}
	run, err := Replay(setup, r.First.Schedule)
	if err == nil && run.Err == nil {
		err = fmt.Errorf("%s failed once (%w) and then not", run.Schedule, r.First.Err)
	}
	r.First = &run
	return err
}

// Replay runs a single schedule. Where it ends before the program does, the
// running task goes on as long as it can, then the first one that can.
func Replay(setup Setup, s Schedule) (Run, error) {
	deaths := 0
	for _, c := range s {
		if c.Die {
			deaths++
		}
	}
	run := execute(setup, Bounds{Deaths: deaths}, true, func(depth int, options []Choice) int {
		if depth >= len(s) {
			return 0
		}
		for i, o := range options {
			if o == s[depth] {
				return i
			}
		}
		return -1
	})
	if run.lost {
		return run, fmt.Errorf("schedule %s: impossible after %s", s, run.Schedule)
	}
	return run, nil
}
