package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zeyrho/harness/history"
	"zeyrho/harness/report"
	"zeyrho/harness/scenario"
)

func runRun(ctx context.Context, args []string) (int, error) {
	fs := flags("run", "Runs one scenario against the steps that are named, and tells what happened:\nthe phases, the faults, what every checker says, and where the history is.")
	var sel selection
	sel.register(fs)
	sel.registerBug(fs)
	if err := parse(fs, args); err != nil {
		return exitUsage, err
	}
	if sel.scenario == "" {
		return exitUsage, fmt.Errorf("which scenario? Name one with -scenario; list shows them all")
	}
	return tell(ctx, sel)
}

func runReplay(ctx context.Context, args []string) (int, error) {
	fs := flags("replay", `Runs a cell again by its seed and tells what happened.

The seed decides the workload and the plan of faults. The explorer repeats to
the letter. Real processes do not: the same plan meets other timing, so a rare
failure may take several tries. The history of the first run is still there:
judge looks at that one again.`)
	var sel selection
	sel.register(fs)
	sel.registerBug(fs)
	if err := parse(fs, args); err != nil {
		return exitUsage, err
	}
	sel.again = "-again"
	if sel.scenario == "" || sel.steps == "" {
		return exitUsage, fmt.Errorf("which cell? Give -scenario, -steps and -seed, as the report printed them")
	}
	return tell(ctx, sel)
}

// tell runs the selected cells and tells the story of each.
func tell(ctx context.Context, sel selection) (int, error) {
	if sel.keep == "" {
		sel.keep = filepath.Join(".build", "runs")
	}
	m, _, err := sel.run(ctx)
	if err != nil {
		return exitUsage, err
	}
	if sel.json == "-" {
		return status(m), report.WriteJSON(os.Stdout, m)
	}
	for _, c := range m.Cells {
		if c.Look() == report.Blank {
			if sel.steps != "" {
				fmt.Printf("%s × %s: the question makes no sense for this step\n", c.Scenario, c.Column)
			}
			continue
		}
		if err := story(os.Stdout, c, sel.bug); err != nil {
			return exitUsage, err
		}
		fmt.Println()
	}
	return status(m), nil
}

// story tells what happened in the run whose history c names, with a bug
// planted if one is named.
func story(w io.Writer, c report.Cell, bug string) error {
	h, sc, cell, err := load(c.History)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s × %s (%s world, seed %d): %s\n", c.Scenario, c.Column, c.World, c.Seed, sc.Question)
	report.WriteStory(w, h)
	report.WriteFindings(w, cell, cell.Judge(&h))
	conclude(w, c, fmt.Sprintf(" in %.1f s. The history: %s", c.Seconds, c.History))
	again := c.Replay()
	if bug != "" {
		again += " -bug " + bug
	}
	fmt.Fprintf(w, "Again: %s\n", again)
	return nil
}

// conclude says how the cell came out, and what it means if that is red as
// planned.
func conclude(w io.Writer, c report.Cell, more string) {
	fmt.Fprintf(w, "\n%s%s\n", report.Paint(c.Look(), c.Mark()), more)
	if c.Look() != report.Planned {
		return
	}
	for _, line := range report.Wrap(fmt.Sprintf("Red as planned: %s Step %s mends it.", c.Why, c.FixedBy), 78) {
		fmt.Fprintln(w, line)
	}
}

// load reads a history and finds the cell that it is a run of.
func load(file string) (h history.History, sc scenario.Scenario, cell scenario.Cell, err error) {
	f, err := os.Open(file)
	if err != nil {
		return h, sc, cell, err
	}
	defer f.Close()
	in := io.Reader(f)
	if strings.HasSuffix(file, ".gz") { // a long one, kept for a chapter
		if in, err = gzip.NewReader(f); err != nil {
			return h, sc, cell, fmt.Errorf("%s: %w", file, err)
		}
	}
	if h, err = history.Read(in); err != nil {
		return h, sc, cell, fmt.Errorf("%s: %w", file, err)
	}
	if sc, err = scenario.Find(h.Header.Scenario); err != nil {
		return h, sc, cell, fmt.Errorf("%s: %w", file, err)
	}
	cell, ok := sc.Cell(h.Header.Column, h.Header.World)
	if !ok {
		return h, sc, cell, fmt.Errorf("%s: scenario %s has no cell for step %s", file, sc.Name, h.Header.Column)
	}
	return h, sc, cell, nil
}

func runList(_ context.Context, args []string) (int, error) {
	fs := flags("list", "Lists the scenarios: what each asks, and what is expected of each step.\nNothing is run.")
	var sel selection
	sel.registerCells(fs)
	grid := fs.Bool("grid", false, "print the grid as it ought to come out instead")
	svg := fs.String("svg", "", "draw that grid to this `file` instead")
	if err := parse(fs, args); err != nil {
		return exitUsage, err
	}
	chosen, err := sel.chosen()
	if err != nil {
		return exitUsage, err
	}
	switch {
	case *svg != "":
		return exitOK, draw(*svg, func(w io.Writer) error { report.Plan(chosen).WriteSVG(w); return nil })
	case *grid:
		report.Plan(chosen).WriteGrid(os.Stdout)
	default:
		for _, s := range chosen {
			listScenario(s)
		}
	}
	return exitOK, nil
}

// draw fills a file and says so.
func draw(name string, fill func(io.Writer) error) error {
	err := writeTo(name, fill)
	if err == nil {
		fmt.Println("Written:", name)
	}
	return err
}

func listScenario(s scenario.Scenario) {
	if !slices.ContainsFunc(s.Cells, asks) {
		return
	}
	fmt.Printf("%s\n    %s\n", s.Name, s.Question)
	for _, c := range s.Cells {
		switch c.Expect {
		case scenario.NA:
		case scenario.Fails:
			fmt.Printf("    %s %-4s fails→%s  (%s) %s\n", c.Column, c.World, c.FixedBy, c.Checker, c.Why)
		default:
			fmt.Printf("    %s %-4s %s\n", c.Column, c.World, c.Expect)
		}
	}
}
