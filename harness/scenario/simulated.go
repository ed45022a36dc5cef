package scenario

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/sim"
)

// withSimulated adds the simulated cells of clusters to scenarios, and scenarios
// that only have such cells before the last.
func withSimulated(all []Scenario) []Scenario {
	for i := range all {
		all[i].Cells = append(all[i].Cells, simulated(all[i].Name)...)
	}
	for _, s := range sim.Scenarios() {
		if !s.Stress && !slices.ContainsFunc(all, func(o Scenario) bool { return o.Name == s.Name }) {
			all = slices.Insert(all, len(all)-1, Scenario{Name: s.Name, Question: s.Question, Cells: simulated(s.Name)})
		}
	}
	return all
}

// simulated returns the cells of a scenario in which the nodes of a cluster run
// in a simulated world: see package sim, which also says what must come out. The
// driver carries it out, for it is built anew with every bug that is planted.
func simulated(name string) []Cell {
	s, err := sim.Find(name)
	if err != nil {
		return nil
	}
	var checkers []check.Checker
	for _, c := range s.Checkers() {
		checkers = append(checkers, witness(c))
	}
	var cells []Cell
	for _, column := range s.Columns() {
		c := Cell{Column: column, World: Sim, Expect: Pass, Checkers: checkers, Run: func(r *Run) error { return r.simulate(name) }}
		if s.Refuses {
			c.Expect = Safe
		}
		if broken := s.Broken[column]; broken != "" {
			c.Expect, c.Checker, c.FixedBy, c.Why = Fails, broken, s.Fixed[column], s.Why
		}
		cells = append(cells, c)
	}
	return cells
}

// seeds is how many runs a cell consists of: as many as fit into about two
// seconds.
func (r *Run) seeds(scenario string) int {
	n := cmp.Or(map[string]int{"months-of-writes": 1, "late-joiner": 10, "overload": 8, "broken-transfer": 20}[scenario], 40)
	if r.lab.full {
		return 50 * n
	}
	return n
}

// simulate carries a scenario out, with one seed after another, and notes what
// each checker has to say.
func (r *Run) simulate(name string) error {
	n := r.seeds(name)
	got, err := r.lab.simulate(r.ctx, "-column", r.cell.Column, "-scenario", name, "-seeds", fmt.Sprint(n), "-seed", fmt.Sprint(1+(r.seed-1)*uint64(n)))
	switch {
	case err != nil:
		return err
	case got.Verdict == check.Inconclusive:
		return fmt.Errorf("seed %d: %s: %s", got.Seed, got.Checker, got.Reason)
	case got.Verdict == check.Violation:
		r.note("", "seed %d, and what happens when it is cut down to that: go run ./harness/driver sim -column %s -scenario %s -seed %d -shrink",
			got.Seed, got.Column, got.Scenario, got.Seed)
		for line := range strings.Lines(got.Story) {
			r.note("", "%s", strings.TrimRight(line, "\n"))
		}
	}
	if got.Verdict == check.Violation && !slices.ContainsFunc(got.Findings, func(f check.Finding) bool { return f.Checker == inside }) {
		r.expect(inside, false, "%s: %s", got.Checker, got.Reason) // and the run ended with that
		return nil
	}
	for _, f := range got.Findings {
		r.expect(f.Checker, f.Verdict == check.Pass, "%s", cmp.Or(f.Reason, fmt.Sprintf("%.0f simulated seconds", got.Seconds)))
	}
	return nil
}

// inside is the name of what is promised inside of a cluster, which no client ever
// hears of.
const inside = "inside"

// simulate runs the driver's verb sim.
func (l *Lab) simulate(ctx context.Context, args ...string) (got sim.Report, err error) {
	_, err = l.ask(ctx, &got, append([]string{"sim", "-json"}, args...)...)
	return got, err
}
