package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
	"zeyrho/harness/report"
	"zeyrho/harness/scenario"
	"zeyrho/harness/zoo"
)

// mutant is what became of a bug. Its JSON form is stable.
type mutant struct {
	ID       string  `json:"id"`
	Column   string  `json:"column"`
	Caught   bool    `json:"caught"`
	Scenario string  `json:"scenario"`
	Checker  string  `json:"checker"`
	Seeds    int     `json:"seeds"` // that were run
	Seconds  float64 `json:"seconds"`
	World    string  `json:"world"`
	Title    string  `json:"title"`
	Reason   string  `json:"reason"` // what the checker said, or what the others did
}

// mutants is the result of a hunt.
type mutants struct {
	Bugs []mutant `json:"bugs"`
	OK   bool     `json:"ok"` // all were caught
}

func runMutants(ctx context.Context, args []string) (int, error) {
	fs := flags("mutants", "Plants known bugs in the steps, one at a time (in a copy: the sources do not\nchange), and runs the scenario that ought to catch each, until it does. A bug\nis caught if the checker that is named for it sees a violation.")
	var s selection
	fs.StringVar(&s.steps, "steps", "", "bugs of these steps, such as 2 or 1-3 (default all)")
	bug := fs.String("bug", "", "only the bug with this `id`")
	fs.StringVar(&s.json, "json", "", "write the results as JSON to this `file` (- for standard output)")
	fs.Uint64Var(&s.seed, "seed", 1, "first `seed`: it decides workloads and faults")
	fs.StringVar(&s.keep, "keep", "", "keep the histories in this `directory`, to be judged again")
	if err := parse(fs, args); err != nil {
		return exitUsage, err
	}
	bugs, err := chosen(s.steps, *bug)
	if err != nil {
		return exitUsage, err
	}
	m, err := hunt(ctx, bugs, s.seed, s.keep)
	if err != nil {
		return exitUsage, err
	}
	status := exitOK
	if !m.OK {
		status = exitViolation
	}
	if s.json == "-" {
		return status, report.WriteJSON(os.Stdout, m)
	}
	if s.json != "" {
		if err := writeTo(s.json, func(w io.Writer) error { return report.WriteJSON(w, m) }); err != nil {
			return exitUsage, err
		}
	}
	m.write(os.Stdout)
	if *bug == "" {
		writeNotHere(os.Stdout, s.steps)
	}
	return status, nil
}

// chosen returns the bugs that the flags ask for.
func chosen(steps, id string) ([]zoo.Bug, error) {
	columns, err := parseSteps(steps)
	if err != nil {
		return nil, err
	}
	var bugs []zoo.Bug
	for _, b := range zoo.Bugs() {
		if slices.Contains(columns, b.Column) && (id == "" || b.ID == id) {
			bugs = append(bugs, b)
		}
	}
	if len(bugs) == 0 {
		return nil, fmt.Errorf("there is no bug %q among those of the steps; docs/zoo.md lists them", id)
	}
	return bugs, nil
}

// hunt plants the bugs and runs after each of them.
func hunt(ctx context.Context, bugs []zoo.Bug, seed uint64, keep string) (*mutants, error) {
	p := newProgress(len(bugs))
	defer p.clear()
	m := &mutants{OK: true}
	for i, b := range bugs {
		p.show(i, fmt.Sprintf("%s: %s × %s", b.ID, b.Scenario, b.Column))
		got, err := chase(ctx, b, seed, keep)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil: // a patch that has gone stale, most likely: the others can still run
			got.Reason = err.Error()
		}
		m.Bugs = append(m.Bugs, got)
		m.OK = m.OK && got.Caught
	}
	return m, nil
}

// chase plants one bug, in programs of its own, and runs its cell.
func chase(ctx context.Context, b zoo.Bug, seed uint64, keep string) (mutant, error) {
	start := time.Now()
	m := mutant{ID: b.ID, Column: b.Column, Scenario: b.Scenario, Checker: b.Checker, World: b.World, Title: b.Title}
	sc, err := scenario.Find(b.Scenario)
	if err != nil {
		return m, err
	}
	cell, ok := sc.Cell(b.Column, b.World)
	if !ok {
		return m, fmt.Errorf("%s has no cell for step %s in the %s world", b.Scenario, b.Column, b.World)
	}
	dir, err := os.MkdirTemp("", "zeyrho-mutant-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	lab, err := infect(ctx, b, dir)
	if err != nil {
		return m, err
	}
	defer lab.Close()
	judges := cell.Checkers
	cell.Checkers = nil // their turn comes below
	for m.Seeds < b.Seeds && !m.Caught && ctx.Err() == nil {
		out := lab.Execute(ctx, sc, cell, seed+uint64(m.Seeds))
		m.Seeds++
		m.judge(out, judges)
		if err := m.keep(out.History, keep); err != nil {
			return m, err
		}
	}
	m.Seconds = time.Since(start).Round(time.Millisecond).Seconds()
	return m, nil
}

// infect builds the programs with the bug in them, in dir.
func infect(ctx context.Context, b zoo.Bug, dir string) (*scenario.Lab, error) {
	root, err := real.Root(".")
	if err != nil {
		return nil, err
	}
	overlay, _, err := b.Plant(ctx, root, filepath.Join(dir, "overlay"))
	if err != nil {
		return nil, err
	}
	return scenario.NewLab(ctx, scenario.Options{Overlay: overlay, Columns: []string{b.Column}, Dir: filepath.Join(dir, "bin")})
}

func findBug(id string) (zoo.Bug, error) {
	for _, b := range zoo.Bugs() {
		if b.ID == id {
			return b, nil
		}
	}
	return zoo.Bug{}, fmt.Errorf("there is no bug %q; docs/zoo.md lists them", id)
}

// openLab builds the programs, with a bug in them if one is named. Call leave
// when done.
func openLab(ctx context.Context, bug string, o scenario.Options) (lab *scenario.Lab, leave func(), err error) {
	if bug == "" {
		lab, err := scenario.NewLab(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		return lab, func() { lab.Close() }, nil
	}
	b, err := findBug(bug)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "zeyrho-bug-")
	if err != nil {
		return nil, nil, err
	}
	lab, err = infect(ctx, b, dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return lab, func() { lab.Close(); os.RemoveAll(dir) }, nil
}

// keep writes a history down, if there is a directory for it.
func (m *mutant) keep(h history.History, dir string) error {
	if dir == "" {
		return nil
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%s-%s-%s-%d.jsonl", m.ID, m.Scenario, m.Column, m.World, h.Header.Seed))
	return writeTo(name, func(w io.Writer) error { return history.Write(w, h) })
}

// judge looks whether the checker that is named for the bug saw it. It asks the
// last checker first: linearizability, which comes first, takes its time over a
// history that is all wrong.
func (m *mutant) judge(out scenario.Outcome, checkers []check.Checker) {
	others := trouble(out.Findings)
	if m.seenBy(out.Findings) {
		return
	}
	for _, c := range slices.Backward(checkers) {
		found := check.Judge(&out.History, c)
		if m.seenBy(found) {
			return
		}
		others = append(others, trouble(found)...)
	}
	m.Reason = "nothing was found wrong"
	if len(others) > 0 {
		m.Reason = strings.Join(others, "; ")
	}
}

// seenBy reports whether one of the findings is the one that is named for the
// bug.
func (m *mutant) seenBy(findings []check.Finding) bool {
	for _, f := range findings {
		if f.Checker == m.Checker && f.Verdict == check.Violation {
			m.Caught, m.Reason = true, f.Reason
		}
	}
	return m.Caught
}

// trouble puts into words whatever is not a pass.
func trouble(findings []check.Finding) (words []string) {
	for _, f := range findings {
		if f.Verdict != check.Pass {
			words = append(words, fmt.Sprintf("%s by %s: %s", f.Verdict, f.Checker, f.Reason))
		}
	}
	return words
}

// write prints a line for every bug, and what was said about those that were
// not caught. If there is only one, it prints what was said in any case.
func (m *mutants) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "bug\tcaught by\tseeds\tseconds\twhat it is")
	caught := 0
	for _, b := range m.Bugs {
		by := "NOT CAUGHT"
		if b.Caught {
			caught++
			by = fmt.Sprintf("%s × %s (%s)", b.Scenario, b.Column, b.Checker)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.1f\t%s\n", b.ID, by, b.Seeds, b.Seconds, b.Title)
	}
	t.Flush()
	if len(m.Bugs) == 1 && m.Bugs[0].Caught {
		fmt.Fprintf(w, "\n%s\n", strings.Join(report.Wrap(m.Bugs[0].Reason, 78), "\n"))
	}
	for _, b := range m.Bugs {
		if !b.Caught {
			fmt.Fprintf(w, "\n%s should be caught by %s × %s (%s world), checker %s, within its seeds. The last of them: %s\n",
				b.ID, b.Scenario, b.Column, b.World, b.Checker, b.Reason)
		}
	}
	fmt.Fprintf(w, "\n%d of %d bugs were caught.\n", caught, len(m.Bugs))
}

// writeNotHere prints the bugs of the steps that cannot be planted, and why.
func writeNotHere(w io.Writer, steps string) {
	columns, err := parseSteps(steps)
	if err != nil {
		return // chosen has complained already
	}
	fmt.Fprintln(w, "\nKnown from elsewhere, and impossible here:")
	for _, a := range zoo.NotHere() {
		if slices.Contains(columns, a.ID[:2]) {
			fmt.Fprintf(w, "  %s  %s\n       %s\n", a.ID, a.Title, a.Why)
		}
	}
}
