package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"zeyrho/harness/history"
	"zeyrho/harness/report"
	"zeyrho/harness/scenario"
)

// selection is what the flags of matrix and run have in common: which cells,
// with which seeds.
type selection struct {
	steps    string
	scenario string
	world    string
	seed     uint64
	seeds    int
	full     bool
	json     string
	keep     string
	again    string // what a replay adds to the names of histories, so that none is lost
	bug      string // to be planted, in run and replay
}

// registerBug adds the flag that plants a bug.
func (s *selection) registerBug(fs *flag.FlagSet) {
	fs.StringVar(&s.bug, "bug", "", "plant the bug with this `id` first, in its own step (see mutants)")
}

// registerCells adds the flags that say which cells.
func (s *selection) registerCells(fs *flag.FlagSet) {
	fs.StringVar(&s.steps, "steps", "", "these steps only, such as 2, 1-3 or 1,3 (default all)")
	fs.StringVar(&s.scenario, "scenario", "", "this scenario only (see list)")
	fs.StringVar(&s.world, "world", "", "cells of this world only: real or sim")
}

// register adds all flags.
func (s *selection) register(fs *flag.FlagSet) {
	s.registerCells(fs)
	fs.Uint64Var(&s.seed, "seed", 1, "first `seed`: it decides workloads and faults")
	fs.IntVar(&s.seeds, "seeds", 1, "how many seeds to run, counting up")
	fs.BoolVar(&s.full, "full", false, "the long tier: longer loads, longer waits")
	fs.StringVar(&s.json, "json", "", "write the results as JSON to this `file` (- for standard output)")
	fs.StringVar(&s.keep, "keep", "", "keep every history in this `directory`; otherwise run and replay keep theirs in .build/runs, and matrix those of surprises")
}

// job is a cell to be run with a seed.
type job struct {
	scenario scenario.Scenario
	cell     scenario.Cell
	seed     uint64
}

// errNothing is the answer to flags that fit no cell, or only such as ask nothing.
var errNothing = errors.New("no question is asked there: it would make no sense for this step, or in this world; list shows what there is")

// chosen returns the scenarios that the flags select, with the cells that they
// select, in the order of the matrix.
func (s *selection) chosen() ([]scenario.Scenario, error) {
	columns, err := s.columns()
	if err != nil {
		return nil, err
	}
	if s.world != "" && s.world != scenario.Real && s.world != scenario.Sim {
		return nil, fmt.Errorf("-world %q: must be real or sim", s.world)
	}
	all := scenario.All()
	if s.scenario != "" {
		one, err := scenario.Find(s.scenario)
		if err != nil {
			return nil, err
		}
		all = []scenario.Scenario{one}
	}
	asked := false
	for i, sc := range all {
		all[i].Cells = slices.DeleteFunc(slices.Clone(sc.Cells), func(c scenario.Cell) bool {
			return !slices.Contains(columns, c.Column) || (s.world != "" && c.World != s.world)
		})
		asked = asked || slices.ContainsFunc(all[i].Cells, asks)
	}
	if !asked {
		return nil, errNothing
	}
	return all, nil
}

// asks says whether there is anything to run.
func asks(c scenario.Cell) bool { return c.Expect != scenario.NA }

// jobs lists what the flags select, in the order of the matrix.
func (s *selection) jobs() ([]job, error) {
	if s.seeds < 1 {
		return nil, fmt.Errorf("-seeds %d: must be at least 1", s.seeds)
	}
	chosen, err := s.chosen()
	if err != nil {
		return nil, err
	}
	var jobs []job
	for _, sc := range chosen {
		for _, c := range sc.Cells {
			jobs = append(jobs, s.repeat(sc, c)...)
		}
	}
	return jobs, nil
}

// columns returns the columns that the flags select: with a bug, that of its
// step, since no other is built.
func (s *selection) columns() ([]string, error) {
	columns, err := parseSteps(s.steps)
	if err != nil || s.bug == "" {
		return columns, err
	}
	b, err := findBug(s.bug)
	if err != nil {
		return nil, err
	}
	if s.steps != "" && !slices.Equal(columns, []string{b.Column}) {
		return nil, fmt.Errorf("-steps %s: the bug %s is one of step %s", s.steps, b.ID, b.Column)
	}
	return []string{b.Column}, nil
}

func (s *selection) repeat(sc scenario.Scenario, c scenario.Cell) []job {
	n := s.seeds
	if !asks(c) {
		n = 1
	}
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = job{sc, c, s.seed + uint64(i)}
	}
	return jobs
}

// parseSteps turns "2", "1-3" or "1,3" into columns; "" means all.
func parseSteps(text string) ([]string, error) {
	all := scenario.Columns()
	if text == "" {
		return all, nil
	}
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 1 || b < a || b > len(all) {
			return nil, fmt.Errorf("-steps %q: want numbers from 1 to %d, such as 2 or 1-3", text, len(all))
		}
		for i := a; i <= b; i++ {
			out = append(out, fmt.Sprintf("%02d", i))
		}
	}
	return out, nil
}

// progress shows how far a long work has got, on standard error if that is a
// terminal, and nowhere otherwise.
type progress struct {
	on    bool
	start time.Time
	total int
}

func newProgress(total int) *progress {
	return &progress{on: term.IsTerminal(int(os.Stderr.Fd())), start: time.Now(), total: total}
}

func (p *progress) show(done int, what string) {
	if !p.on {
		return
	}
	const width = 20
	full := done * width / max(p.total, 1)
	bar := strings.Repeat("█", full) + strings.Repeat("░", width-full)
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s %d/%d  %2.0fs  %s", bar, done, p.total, time.Since(p.start).Seconds(), what)
}

func (p *progress) clear() {
	if p.on {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

func runMatrix(ctx context.Context, args []string) (int, error) {
	fs := flags("matrix", "Runs every scenario that applies against every step and prints the grid.\nSome cells must fail: the harness has to see the violation, and the step that\nmends it is named.")
	var sel selection
	sel.register(fs)
	svg := fs.String("svg", "", "also draw the grid to this `file`")
	if err := parse(fs, args); err != nil {
		return exitUsage, err
	}
	m, took, err := sel.run(ctx)
	if err != nil {
		return exitUsage, err
	}
	if *svg != "" {
		if err := writeTo(*svg, func(w io.Writer) error { m.WriteSVG(w); return nil }); err != nil {
			return exitUsage, err
		}
	}
	if sel.json == "-" {
		return status(m), report.WriteJSON(os.Stdout, m)
	}
	m.WriteGrid(os.Stdout)
	fmt.Println()
	m.WriteLegend(os.Stdout)
	m.WriteReasons(os.Stdout)
	fmt.Printf("\n%s\n", verdictLine(m, sel.seeds, took))
	return status(m), nil
}

// run builds what is needed, runs the selected cells and writes the JSON file.
func (s *selection) run(ctx context.Context) (*report.Matrix, time.Duration, error) {
	jobs, err := s.jobs()
	if err != nil {
		return nil, 0, err
	}
	runs := 0
	for _, j := range jobs {
		if asks(j.cell) {
			runs++
		}
	}
	p := newProgress(runs)
	p.show(0, "building the steps")
	lab, leave, err := openLab(ctx, s.bug, scenario.Options{Full: s.full})
	if err != nil {
		p.clear()
		return nil, 0, err
	}
	defer leave()
	start := time.Now()
	m := &report.Matrix{}
	done := 0
	for _, j := range jobs {
		if asks(j.cell) {
			p.show(done, fmt.Sprintf("%s × %s", j.scenario.Name, j.cell.Column))
			done++
		}
		c, err := s.runJob(ctx, lab, j)
		if err != nil {
			p.clear()
			return nil, 0, err
		}
		m.Add(c)
	}
	p.clear()
	if s.json != "" && s.json != "-" {
		err = writeTo(s.json, func(w io.Writer) error { return report.WriteJSON(w, m) })
	}
	return m, time.Since(start), err
}

// runJob runs one cell with one seed and keeps its history if it is wanted.
func (s *selection) runJob(ctx context.Context, lab *scenario.Lab, j job) (report.Cell, error) {
	start := time.Now()
	out := lab.Execute(ctx, j.scenario, j.cell, j.seed)
	if ctx.Err() != nil {
		return report.Cell{}, ctx.Err()
	}
	c := report.NewCell(j.scenario, j.cell, j.seed, out.Findings)
	c.Seconds = time.Since(start).Round(time.Millisecond).Seconds()
	dir := s.keep
	if dir == "" && !c.OK {
		dir = filepath.Join(".build", "runs")
	}
	if dir == "" || c.Expected == string(scenario.NA) {
		return c, nil
	}
	c.History = filepath.Join(dir, fmt.Sprintf("%s-%s-%s-%d%s.jsonl", j.scenario.Name, j.cell.Column, j.cell.World, j.seed, s.again))
	return c, writeTo(c.History, func(w io.Writer) error { return history.Write(w, out.History) })
}

// writeTo creates a file, with its directory, and fills it.
func writeTo(name string, fill func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// status turns a matrix into an exit status.
func status(m *report.Matrix) int {
	n := m.Counts()
	switch {
	case n[report.Unexpected]+n[report.LostTeeth] > 0:
		return exitViolation
	case n[report.Inconclusive] > 0:
		return exitInconclusive
	}
	return exitOK
}

func verdictLine(m *report.Matrix, seeds int, took time.Duration) string {
	n := m.Counts()
	ran := len(m.Cells) - n[report.Blank]
	text := fmt.Sprintf("%d runs (%d per cell) in %.0f s: ", ran, seeds, took.Seconds())
	if m.OK {
		return text + "every cell came out as expected."
	}
	return text + fmt.Sprintf("%d not as expected.", n[report.Unexpected]+n[report.LostTeeth]+n[report.Inconclusive])
}
