package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/report"
	"zeyrho/harness/scenario"
)

// shrinking is what the flags of shrink say.
type shrinking struct {
	scenario string
	column   string
	seed     uint64
	seeds    int
	bug      string
	keep     string
	plan     string
	page     string
}

func runShrink(ctx context.Context, args []string) (int, error) {
	fs := flags("shrink", `Looks for a simulated run in which a step breaks its promise, and cuts the plan
that leads to it down to what is needed: the fewest faults, clients, requests. It
tells what happens then, and keeps the plan.

It works on the simulated cells of step 04 (power-loss, disk-errors, bit-rot) and
of the clusters from step 05 on. What must break does so by itself:

  go run ./harness shrink -scenario wrong-promotion -steps 5 -page page.html

Elsewhere nothing is broken, we hope. To see it at work, plant a bug:

  go run ./harness shrink -scenario power-loss -steps 4 -bug 04a`)
	var s shrinking
	var steps string
	fs.StringVar(&s.scenario, "scenario", "", "the scenario")
	fs.StringVar(&steps, "steps", "4", "the step")
	fs.Uint64Var(&s.seed, "seed", 1, "`seed` of the workload, as the report printed it")
	fs.IntVar(&s.seeds, "seeds", 20, "clusters: try so many seeds, from -seed on, until one breaks the promise")
	fs.StringVar(&s.bug, "bug", "", "plant the bug with this `id` first (see mutants)")
	fs.StringVar(&s.keep, "keep", filepath.Join(".build", "runs"), "keep the plan in this `directory`")
	fs.StringVar(&s.plan, "plan", "", "run the plan in this `file` again, to the letter, and shrink nothing")
	fs.StringVar(&s.page, "page", "", "clusters: write the run to this `file`, a page for a browser; if nothing goes wrong, the last one")
	if err := parse(fs, args); err != nil {
		return exitUsage, err
	}
	columns, err := parseSteps(steps)
	switch {
	case err != nil:
		return exitUsage, err
	case s.scenario == "" && s.plan == "":
		return exitUsage, errors.New("which scenario? Give -scenario and -seed, as the report printed them; or -plan")
	case len(columns) != 1 || columns[0] < "04":
		return exitUsage, fmt.Errorf("-steps %s: it must be one step, and 4 or later", steps)
	}
	s.column = columns[0]
	if s.column == "04" {
		return s.run(ctx)
	}
	return s.runCluster(ctx)
}

func (s *shrinking) run(ctx context.Context) (int, error) {
	lab, leave, err := openLab(ctx, s.bug, scenario.Options{Columns: []string{"04"}})
	if err != nil {
		return exitUsage, err
	}
	defer leave()
	var got scenario.Crashes
	if s.plan != "" {
		got, err = lab.ReplayPlan(ctx, s.plan)
	} else {
		got, err = lab.Shrink(ctx, s.scenario, s.seed)
	}
	if err != nil {
		return exitUsage, err
	}
	return s.tell(os.Stdout, got)
}

// tell prints what was found, and keeps the plan.
func (s *shrinking) tell(w io.Writer, got scenario.Crashes) (int, error) {
	what := s.scenario + " × 04"
	if s.plan != "" {
		what = s.plan
	}
	if s.bug != "" {
		what += ", with the bug " + s.bug
	}
	switch got.Verdict {
	case check.Pass:
		fmt.Fprintf(w, "%s: nothing goes wrong.\n", what)
		return exitOK, nil
	case check.Inconclusive:
		fmt.Fprintf(w, "%s: %s\n", what, got.Reason)
		return exitInconclusive, nil
	}
	fmt.Fprintf(w, "%s\n\n%s\n", report.Paint(report.Unexpected, what+": "+got.Checker), got.Story)
	if s.plan != "" {
		return exitViolation, nil
	}
	name := filepath.Join(s.keep, strings.TrimRight(fmt.Sprintf("%s-04-%d-%s", s.scenario, s.seed, s.bug), "-")+".plan.json")
	again := "go run ./harness shrink -plan " + name
	if s.bug != "" {
		again += " -bug " + s.bug
	}
	fmt.Fprintf(w, "The plan: %s\nThe same again, to the letter: %s\n", name, again)
	return exitViolation, writeTo(name, func(w io.Writer) error { return report.WriteJSON(w, got.Plan) })
}
