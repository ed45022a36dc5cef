package sim

import (
	"slices"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/steps/05-replication/node"
)

// known are the checkers that need to know nothing but the history.
func known() map[string]check.Checker {
	return map[string]check.Checker{
		"empty":                         check.StartedEmpty,
		"linearizability":               only(fresh, check.Linearizable(20*time.Second)),
		"linearizability at every node": only(notStale, check.Linearizable(20*time.Second)),
		"durability":                    only(fresh, check.Durable),
		"versions":                      check.Versions,
		"once":                          check.Once,
		"session":                       check.Session,
	}
}

// judges has the checkers that can judge a run, by name.
func (w *world) judges(h *history.History) map[string]check.Checker {
	all, p := known(), w.plan
	strong := part(h, fresh)
	all["linearizability"] = of(strong, check.Linearizable(20*time.Second))
	all["durability"] = of(strong, check.Durable)
	there := 0
	for _, h := range w.hosts {
		if !h.gone && !h.absent {
			there++
		}
	}
	all["undisturbed"] = only(w.undisturbed, check.Answered("start", "warm-up", check.Quiet))
	all["liveness"] = check.Live(p.Work.Clients, 3, p.Times.Live.time())
	all["replicas"] = check.Agree(there)
	all["convergence"] = check.Converge(there, agreement)
	all["gap"] = check.Gap("faults", 2*time.Second)
	all["enough"] = check.Coverage(check.Need{OK: p.Work.Rate})
	return all
}

// Checkers returns the checkers of a history that was recorded in this world. What
// needs more than the history was judged when it was recorded, and is read back.
func (s Scenario) Checkers() (checkers []check.Checker) {
	all := known()
	for _, name := range s.Judges {
		if c := all[name]; c != nil {
			checkers = append(checkers, c)
		} else {
			checkers = append(checkers, check.Witness(name))
		}
	}
	return append(checkers, check.Witness("coverage"), check.Witness(inside))
}

// inside is the name of all that is promised inside of a cluster, of which no
// client ever hears.
const inside = "inside"

// record adds to the history what the checkers have said.
func (w *world) record(findings []check.Finding) {
	for _, f := range findings {
		e := history.Event{Kind: "seen", Node: f.Checker, Text: "as promised"}
		if f.Checker == "answered" {
			e.Node = "undisturbed"
		}
		switch f.Verdict {
		case check.Violation:
			e.Kind, e.Text = "broken", f.Reason
		case check.Inconclusive:
			e.Kind, e.Text = "trouble", f.Checker+": "+f.Reason
		}
		if w.failure != nil {
			e.Node, e.Text = inside, f.Checker+": "+f.Reason
		}
		w.event(e)
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
	all := w.judges(h)
	var checkers []check.Checker
	for _, name := range append(slices.Clone(names), "enough") {
		if c := all[name]; c != nil {
			checkers = append(checkers, c)
		}
	}
	findings := append(check.Judge(h, checkers...), check.Finding{Checker: inside, Verdict: check.Pass})
	for _, f := range w.findings {
		if slices.Contains(names, f.Checker) {
			findings = append(findings, f)
		}
	}
	for i := range findings {
		if f := &findings[i]; w.plan.Work.Script != nil && slices.Contains(asked, f.Checker) {
			*f = check.Finding{Checker: f.Checker, Verdict: check.Pass} // the plan was cut down
		}
	}
	return findings
}

// part is a history with some of the operations.
func part(h *history.History, wanted func(history.Op) bool) *history.History {
	some := &history.History{Header: h.Header, Ops: make([]history.Op, 0, len(h.Ops)), Events: h.Events}
	for i := range h.Ops {
		if wanted(h.Ops[i]) {
			some.Ops = append(some.Ops, h.Ops[i])
		}
	}
	return some
}

// only lets a checker see some of the operations.
func only(wanted func(history.Op) bool, c check.Checker) check.Checker {
	return func(h *history.History) check.Finding { return c(part(h, wanted)) }
}

// of lets a checker see another history than the one that it is shown.
func of(h *history.History, c check.Checker) check.Checker {
	return func(*history.History) check.Finding { return c(h) }
}

// undisturbed are operations that were surely answered before the faults began,
// or called after they were mended.
func (w *world) undisturbed(op history.Op) bool {
	return op.Call < int64(w.begun-100*time.Millisecond) || op.Call > int64(w.begun)
}

// fresh are writes, and reads at the leader.
func fresh(op history.Op) bool { return op.Level == "" }

func notStale(op history.Op) bool { return op.Level != string(node.Stale) }
