package scenario

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
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
	var cells []Cell
	for _, column := range s.Columns() {
		c := Cell{Column: column, World: Sim, Expect: Pass, Checkers: s.Checkers(), Run: func(r *Run) error { return r.simulate(name) }}
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

// seeds is how many runs a cell consists of: so many that all cells of a column
// take some ten seconds.
func (r *Run) seeds(scenario string) int {
	n := cmp.Or(map[string]int{"months-of-writes": 1, "late-joiner": 3, "overload": 2}[scenario], 8)
	if r.lab.full {
		return 100 * n
	}
	return n
}

// simulate carries a scenario out, with one seed after another. The history is
// that of the run which shows what there is to be seen.
func (r *Run) simulate(name string) error {
	n := r.seeds(name)
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(r.dir, "simulated.jsonl")
	got, err := r.lab.simulate(r.ctx, "-column", r.cell.Column, "-scenario", name, "-out", file,
		"-seeds", fmt.Sprint(n), "-seed", fmt.Sprint(1+(r.seed-1)*uint64(n)))
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h, err := history.Read(f)
	if err != nil {
		return err
	}
	r.rec.Take(h)
	if got.Verdict != check.Pass { // else it is the last of many
		r.note("", "this is seed %d; cut down: go run ./harness shrink -scenario %s -steps %s -seed %d",
			got.Seed, got.Scenario, strings.TrimLeft(got.Column, "0"), got.Seed)
	}
	if got.Verdict == check.Inconclusive {
		return fmt.Errorf("seed %d: %s: %s", got.Seed, got.Checker, got.Reason)
	}
	return nil
}

// simulate runs the driver's verb sim.
func (l *Lab) simulate(ctx context.Context, args ...string) (got sim.Report, err error) {
	_, err = l.ask(ctx, &got, append([]string{"sim", "-json"}, args...)...)
	return got, err
}
