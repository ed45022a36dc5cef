package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/page"
	"zeyrho/harness/scenario"
)

func runView(ctx context.Context, args []string) (int, error) {
	fs := flags("view", `Makes one HTML page of a history (JSON lines, as run keeps them): who asked what,
what the nodes said to each other, what was broken when, and what the checkers
say about it. The page needs no network:

  go run ./harness view .build/runs/bad-network-05-sim-1.jsonl -open`)
	out := fs.String("o", "", "write the page to this `file` (default: beside the history)")
	open := fs.Bool("open", false, "open the page in a browser")
	if err := parseFlags(fs, args); err != nil {
		return exitUsage, err
	}
	file := fs.Arg(0)
	if fs.NArg() > 1 { // flags may follow the file
		if err := parse(fs, fs.Args()[1:]); err != nil {
			return exitUsage, err
		}
	}
	if file == "" {
		return exitUsage, errors.New("which history? Name a file; run keeps them in .build/runs")
	}
	if *out == "" {
		*out = strings.TrimSuffix(strings.TrimSuffix(file, ".gz"), ".jsonl") + ".html"
	}
	if err := view(file, *out); err != nil {
		return exitUsage, err
	}
	if *open {
		return exitOK, browse(ctx, *out)
	}
	return exitOK, nil
}

// view makes the page of the history in a file.
func view(file, out string) error {
	h, sc, cell, err := load(file)
	var findings []check.Finding
	var o page.Options
	switch {
	case err != nil && h.Header == (history.Header{}):
		return err
	case err != nil: // a history of nobody's scenario can be looked at all the same
		findings = []check.Finding{{Checker: "harness", Verdict: check.Inconclusive, Reason: "nothing was judged: " + err.Error()}}
	default:
		findings = cell.Judge(&h)
		o.Question = strings.TrimSpace(sc.Question)
		seen := func(f check.Finding) bool { return f.Verdict == check.Violation && f.Checker == cell.Checker }
		if cell.Expect == scenario.Fails && slices.ContainsFunc(findings, seen) {
			o.Expected = fmt.Sprintf("%s Step %s mends it.", cell.Why, cell.FixedBy)
		}
	}
	var text bytes.Buffer
	if err := page.Write(&text, &h, findings, o); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return draw(out, func(w io.Writer) error { _, err := text.WriteTo(w); return err })
}

// browse opens a file with whatever opens pages here.
func browse(ctx context.Context, file string) error {
	program := map[string]string{"darwin": "open", "linux": "xdg-open"}[runtime.GOOS]
	if program == "" {
		return fmt.Errorf("-open: nobody knows how to on %s; open %s yourself", runtime.GOOS, file)
	}
	cmd := exec.CommandContext(ctx, program, file)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("-open: %w; open %s yourself", err, file)
	}
	return nil
}
