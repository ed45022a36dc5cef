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
	"slices"
	"strings"
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

	begun time.Duration // when the faults began
	shown time.Duration // when the promise was broken, if that is one moment; 0: it is not
	done  []int         // how many operations each client has begun
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
	r := &Report{Scenario: p.Scenario, Column: p.Column, Seed: p.Seed, Coverage: w.coverage, Plan: &p}
	w.finish(r)
	return r, nil
}

// finish fills in what is known at the end.
func (w *world) finish(r *Report) {
	for _, h := range w.hosts {
		w.trace.add(h.disk.Hash())
	}
	w.trace.add(uint64(w.now))
	r.Hash, r.Seconds = fmt.Sprintf("%016x", uint64(w.trace)), w.now.Seconds()
	h := w.rec.History()
	phases := h.Events
	h.Events = append(phases, w.events...)
	r.History = &h
	r.Findings = w.judge(&h)
	w.record(r.Findings)
	h.Events = append(phases, w.events...)
	decisive := check.All(r.Findings)
	r.Verdict, r.Checker, r.Reason = decisive.Verdict, decisive.Checker, decisive.Reason
	r.Story = w.tale(&h, decisive)
	r.begun = w.begun
	if w.failure != nil {
		r.shown = w.now
	}
	for _, op := range h.Ops {
		if slices.Contains(decisive.Ops, op.ID) {
			r.shown = max(r.shown, time.Duration(op.Return))
		}
	}
	for _, c := range w.clients {
		r.done = append(r.done, c.i)
	}
}

// Seeds draws plans and carries them out, one after another, until one does not
// come out as the scenario says. It returns the report of that one. If there is
// none, it is that of the first that breaks the promise which is to be broken, or
// of the last; with the coverage and the seconds of all.
func Seeds(name, column string, first uint64, n int, detailed bool) (*Report, error) {
	s, err := Find(name)
	if err != nil {
		return nil, err
	}
	var shows *Report
	coverage, seconds := map[string]int{}, 0.0
	for i := range uint64(max(n, 1)) {
		p, err := s.Draw(column, first+i)
		if err != nil {
			return nil, err
		}
		r, err := Run(p, detailed)
		if err != nil || !s.expects(r) {
			return r, err
		}
		for what, n := range r.Coverage {
			coverage[what] += n
		}
		seconds += r.Seconds
		if shows == nil || shows.Verdict == check.Pass {
			shows = r
		}
	}
	shows.Coverage, shows.Seconds = coverage, seconds
	s.doubt(shows, n)
	return shows, nil
}

// expects says whether a run may come out like that: nothing is broken, but what
// is to be.
func (s Scenario) expects(r *Report) bool {
	for _, f := range r.Findings {
		if f.Verdict != check.Pass && (f.Verdict != check.Violation || f.Checker != s.Broken[r.Column]) {
			return false
		}
	}
	return true
}

// enough is how many seeds come across everything that a scenario is about. Of
// fewer, half of it is expected.
const enough = 30

// doubt makes a pass of n seeds inconclusive if what should have been tried did
// not come up. One seed alone is somebody's choice.
func (s Scenario) doubt(r *Report, n int) {
	if n == 1 {
		return
	}
	var missing []string
	for _, what := range s.Needs {
		if r.Coverage[what] == 0 {
			missing = append(missing, what)
		}
	}
	if r.Verdict == check.Pass && (len(missing) > len(s.Needs)/2 || n >= enough && len(missing) > 0) {
		r.Verdict, r.Checker, r.Reason = check.Inconclusive, "coverage", "too little happened: no "+strings.Join(missing, ", no ")
	}
}
