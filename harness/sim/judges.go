package sim

import (
	"slices"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/steps/05-replication/node"
)

// judges has the checkers that can judge a run, by name.
func (w *world) judges() map[string]check.Checker {
	p := w.plan
	there := 0
	for _, h := range w.hosts {
		if !h.gone && !h.absent {
			there++
		}
	}
	return map[string]check.Checker{
		"empty":                         check.StartedEmpty,
		"undisturbed":                   only(w.undisturbed, check.Answered("start", "warm-up", check.Quiet)),
		"linearizability":               only(fresh, check.Linearizable(20*time.Second)),
		"linearizability at every node": only(notStale, check.Linearizable(20*time.Second)),
		"durability":                    only(fresh, check.Durable),
		"versions":                      check.Versions,
		"once":                          check.Once,
		"session":                       check.Session,
		"liveness":                      check.Live(p.Work.Clients, 3, p.Times.Live.time()),
		"replicas":                      check.Agree(there),
		"convergence":                   check.Converge(there, agreement),
		"gap":                           check.Gap("faults", 2*time.Second),
		"enough":                        check.Coverage(check.Need{OK: p.Work.Rate}),
	}
}

// judge lets the checkers of the scenario look at the history, unless the run
// has ended by a broken promise of its own.
func (w *world) judge(h *history.History) []check.Finding {
	if f := w.failure; f != nil {
		return []check.Finding{{Checker: f.checker, Verdict: check.Violation, Reason: f.reason}}
	}
	names := everything
	if s, err := Find(w.plan.Scenario); err == nil {
		names = s.Judges
	}
	w.goodput(h)
	all := w.judges()
	var checkers []check.Checker
	for _, name := range append(slices.Clone(names), "enough") {
		if c := all[name]; c != nil {
			checkers = append(checkers, c)
		}
	}
	findings := append(check.Judge(h, checkers...), check.Finding{Checker: "inside", Verdict: check.Pass})
	for _, f := range w.findings {
		if slices.Contains(names, f.Checker) {
			findings = append(findings, f)
		}
	}
	return findings
}

// only lets a checker see some of the operations.
func only(wanted func(history.Op) bool, c check.Checker) check.Checker {
	return func(h *history.History) check.Finding {
		some := history.History{Header: h.Header, Events: h.Events}
		for _, op := range h.Ops {
			if wanted(op) {
				some.Ops = append(some.Ops, op)
			}
		}
		return c(&some)
	}
}

// undisturbed are operations that were surely answered before the faults began,
// or called after they were mended.
func (w *world) undisturbed(op history.Op) bool {
	return op.Call < int64(w.begun-100*time.Millisecond) || op.Call > int64(w.begun)
}

// fresh are writes, and reads at the leader.
func fresh(op history.Op) bool { return op.Level == "" }

func notStale(op history.Op) bool { return op.Level != string(node.Stale) }
