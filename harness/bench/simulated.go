package bench

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/sim"
)

// simulated lists the measurements of the simulated world. There is nothing bare
// that does its duty: what is compared is a world in which nothing goes wrong,
// and which therefore gets the most done, with one in which everything does.
func simulated() []comparison {
	var list []comparison
	for _, column := range []string{"05", "06"} {
		list = append(list, comparison{
			name: "sim-" + column,
			what: "five nodes of step " + column + " on simulated disks, 25 clients that want to do 500 operations a second, history, invariants and checkers; simulated seconds in a second of one CPU",
			unit: seconds, aim: Aim{SecondsPerSecond: 200},
			open: func(_ context.Context, _ *bench) (ours, bare side, end func(), err error) {
				procs, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(400) // as the driver of simulations does
				end = func() {
					runtime.GOMAXPROCS(procs)
					debug.SetGCPercent(percent)
				}
				return side{"baseline", world("baseline", column)}, side{"everything", world("everything", column)}, end, nil
			},
		})
	}
	return list
}

// world returns a take of a scenario, which is a run of the next seed.
func world(scenario, column string) take {
	seed := uint64(0)
	return func(context.Context, time.Duration) (sample, error) {
		seed++
		s, err := sim.Find(scenario)
		if err != nil {
			return sample{}, err
		}
		p, err := s.Draw(column, seed)
		if err != nil {
			return sample{}, err
		}
		p.Nodes, p.Acks = 5, 3
		p.Work.Clients, p.Work.Rate, p.Work.Size = 25, 500, 50
		runtime.GC() // so that nobody cleans up behind the other side
		began := cpuTime()
		r, err := sim.Run(p, false)
		took := cpuTime() - began
		if err != nil {
			return sample{}, err
		}
		if r.Verdict == check.Violation {
			return sample{}, fmt.Errorf("%s × %s, seed %d: %s: %s", scenario, column, seed, r.Checker, r.Reason)
		}
		return sample{nanos: float64(took) / r.Seconds, operations: done(r.History) / r.Seconds}, nil
	}
}

// done counts the operations that were answered.
func done(h *history.History) (n float64) {
	for _, op := range h.Ops {
		if op.Outcome == history.OK {
			n++
		}
	}
	return n
}
