// Package sim answers: what does a cluster do when everything goes wrong that
// may, and would it do the same again?
//
// It is a world in one thread. The nodes in it are those of the steps, opened by
// the function that their programs call; a clock that is a number, the network,
// the disks, the clients and the operator are the world's. What happens is a
// function of a plan, which is data: a workload, faults, and the seed of all
// that is drawn. So what was seen once can be seen again, as often as one likes,
// and cut down until only that is left which matters.
//
// A run has phases: start, and see that the store is empty; warm up; faults;
// heal; see that it goes on; read everything once more. What clients were told
// is judged afterwards, by the checkers that judge real clusters too. What
// happens inside is judged while it happens; see guard.
package sim

import (
	"fmt"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// Report is what came of a run.
type Report struct {
	Scenario string          `json:"scenario"`
	Column   string          `json:"column"`
	Seed     uint64          `json:"seed"`
	Verdict  check.Verdict   `json:"verdict"`
	Checker  string          `json:"checker,omitempty"` // the promise that is broken
	Reason   string          `json:"reason,omitempty"`  // how, in a sentence
	Findings []check.Finding `json:"findings"`
	Story    string          `json:"story,omitempty"`
	Hash     string          `json:"hash"`     // of everything that happened
	Seconds  float64         `json:"seconds"`  // that were simulated
	Coverage map[string]int  `json:"coverage"` // how often what happened
	Plan     *Plan           `json:"plan,omitempty"`

	History *history.History `json:"-"`
}

// Run carries out a plan, and judges what came of it. With detailed, the history
// has every message and every position of a node.
func Run(p Plan, detailed bool) (*Report, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	w, err := newWorld(&p, detailed)
	if err != nil {
		return nil, err
	}
	w.run()
	r := &Report{
		Scenario: p.Scenario, Column: p.Column, Seed: p.Seed, Hash: fmt.Sprintf("%016x", uint64(w.trace)),
		Seconds: w.now.Seconds(), Coverage: w.coverage, Plan: &p,
	}
	h := w.rec.History()
	h.Events = append(h.Events, w.events...)
	r.History = &h
	r.Findings = w.judge(&h)
	decisive := check.All(r.Findings)
	r.Verdict, r.Checker, r.Reason = decisive.Verdict, decisive.Checker, decisive.Reason
	for _, l := range w.story {
		r.Story += fmt.Sprintf("%9.3fs  %s\n", l.at.Seconds(), l.text)
	}
	return r, nil
}

// Seeds draws plans and carries them out until one breaks a promise. It returns
// the report of that one; or of the last, with the coverage and the seconds of all.
func Seeds(scenario, column string, first uint64, n int, detailed bool) (*Report, error) {
	all := &Report{Coverage: map[string]int{}}
	for i := range uint64(max(n, 1)) {
		p, err := Draw(scenario, column, first+i)
		if err != nil {
			return nil, err
		}
		r, err := Run(p, detailed)
		if err != nil || r.Verdict != check.Pass {
			return r, err
		}
		for what, n := range r.Coverage {
			all.Coverage[what] += n
		}
		all.Seconds += r.Seconds
		r.Coverage, r.Seconds = all.Coverage, all.Seconds
		all = r
	}
	return all, nil
}

// judge lets the checkers look at the history.
func (w *world) judge(h *history.History) []check.Finding {
	findings := check.Judge(h, lin, check.Durable, check.Versions, check.Once, check.StartedEmpty,
		check.Live(w.plan.Work.Clients, 3, w.plan.Times.Live.time()))
	if w.failure != nil {
		findings = []check.Finding{{Checker: w.failure.checker, Verdict: check.Violation, Reason: w.failure.reason}}
	}
	return findings
}

var lin = strong(check.Linearizable(20 * time.Second))

// strong lets a checker see only what must be fresh: writes, and reads at the
// leader.
func strong(c check.Checker) check.Checker {
	return func(h *history.History) check.Finding {
		fresh := history.History{Header: h.Header, Events: h.Events}
		for _, op := range h.Ops {
			if op.Level == "" {
				fresh.Ops = append(fresh.Ops, op)
			}
		}
		return c(&fresh)
	}
}
