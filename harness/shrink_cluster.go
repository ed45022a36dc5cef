package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/page"
	"zeyrho/harness/report"
	"zeyrho/harness/scenario"
	"zeyrho/harness/sim"
)

// runCluster is run for the simulated clusters.
func (s *shrinking) runCluster(ctx context.Context) (int, error) {
	lab, leave, err := openLab(ctx, s.bug, scenario.Options{Columns: []string{s.column}})
	if err != nil {
		return exitUsage, err
	}
	defer leave()
	var got sim.Report
	var h history.History
	if s.plan != "" {
		got, h, err = lab.SimulatePlan(ctx, s.plan)
	} else {
		got, err = lab.ShrinkCluster(ctx, s.scenario, s.column, s.seed, s.seeds)
		if err == nil {
			s.plan = s.planFile(got)
			err = writeTo(s.plan, func(w io.Writer) error { return report.WriteJSON(w, got.Plan) })
		}
		if err == nil && s.page != "" {
			_, h, err = lab.SimulatePlan(ctx, s.plan)
		}
	}
	if err != nil {
		return exitUsage, err
	}
	code := s.tellCluster(os.Stdout, got)
	if s.page != "" {
		err = writePage(s.page, got, h)
	}
	return code, err
}

func (s *shrinking) planFile(got sim.Report) string {
	name := fmt.Sprintf("%s-%s-%d-%s", got.Scenario, got.Column, got.Seed, s.bug)
	return filepath.Join(s.keep, strings.TrimRight(name, "-")+".plan.json")
}

// tellCluster prints what was found, and returns the exit status.
func (s *shrinking) tellCluster(w io.Writer, got sim.Report) int {
	what := fmt.Sprintf("%s × %s, seed %d", got.Scenario, got.Column, got.Seed)
	again := fmt.Sprintf("go run ./harness shrink -steps %s -plan %s", strings.TrimLeft(got.Column, "0"), s.plan)
	if s.bug != "" {
		what += ", with the bug " + s.bug
		again += " -bug " + s.bug
	}
	code := exitOK
	switch got.Verdict {
	case check.Pass:
		fmt.Fprintf(w, "%s: nothing goes wrong.\n", what)
	case check.Inconclusive:
		fmt.Fprintf(w, "%s: %s: %s\n", what, got.Checker, got.Reason)
		return exitInconclusive
	default:
		fmt.Fprintf(w, "%s\n\n%s\n", report.Paint(report.Unexpected, what+": "+got.Checker), got.Story)
		code = exitViolation
	}
	fmt.Fprintf(w, "The same again, to the letter: %s\n", again)
	return code
}

// writePage writes a simulated run as a page.
func writePage(name string, got sim.Report, h history.History) error {
	var o page.Options
	if sc, err := scenario.Find(got.Scenario); err == nil {
		o.Question = sc.Question
		if c, ok := sc.Cell(got.Column, scenario.Sim); ok && c.Expect == scenario.Fails && c.Checker == got.Checker {
			o.Expected = fmt.Sprintf("%s Step %s mends it.", c.Why, c.FixedBy)
		}
	}
	// A plan that was cut down may be too little for other checkers.
	findings := slices.DeleteFunc(slices.Clone(got.Findings), func(f check.Finding) bool {
		return got.Verdict == check.Violation && f.Checker != got.Checker && f.Verdict != check.Pass
	})
	var text bytes.Buffer
	if err := page.Write(&text, &h, findings, o); err != nil {
		return err
	}
	return draw(name, func(w io.Writer) error { _, err := text.WriteTo(w); return err })
}
