package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/report"
)

// drawing says what judge draws: the operations on a key, as a page.
type drawing struct{ page, key string }

func runJudge(_ context.Context, args []string) (int, error) {
	fs := flags("judge", "Reads histories (JSON lines, as run keeps them) and judges them again:\n\n  go run ./harness judge .build/runs/kill-restart-01-real-1.jsonl\n\nNothing is run. The verdict depends on the history alone, and the exit status is\nthat which run had.")
	var d drawing
	fs.StringVar(&d.page, "html", "", "also draw the operations on -key to this HTML `file`")
	fs.StringVar(&d.key, "key", "", "the key to draw")
	if err := parseFlags(fs, args); err != nil {
		return exitUsage, err
	}
	switch {
	case fs.NArg() == 0:
		return exitUsage, fmt.Errorf("which history? Name one or more files; run keeps them in .build/runs")
	case d.page == "" && d.key != "":
		return exitUsage, fmt.Errorf("-key %q: where to? Name a file with -html", d.key)
	case d.page != "" && fs.NArg() > 1:
		return exitUsage, fmt.Errorf("-html draws one history, and there are %d", fs.NArg())
	}
	worst := exitOK
	for i, file := range fs.Args() {
		if i > 0 {
			fmt.Println()
		}
		one, err := judge(file, d)
		if err != nil {
			return exitUsage, err
		}
		worst = max(worst, one)
	}
	return worst, nil
}

// judge judges the history in a file and returns the exit status for it.
func judge(file string, d drawing) (int, error) {
	h, sc, cell, err := load(file)
	if err != nil {
		return exitUsage, err
	}
	if err := d.check(h); err != nil {
		return exitUsage, err
	}
	findings := cell.Judge(&h)
	c := report.NewCell(sc, cell, h.Header.Seed, findings)
	fmt.Printf("%s × %s: %s\n", sc.Name, cell.Column, strings.TrimSpace(sc.Question))
	report.WriteStory(os.Stdout, h)
	report.WriteFindings(os.Stdout, cell, findings)
	conclude(os.Stdout, c, "")
	m := report.Matrix{}
	m.Add(c)
	return status(&m), d.draw(h)
}

// check sees whether the history has operations on the key.
func (d drawing) check(h history.History) error {
	keys := keysOf(h)
	switch {
	case d.page == "" || slices.Contains(keys, d.key):
		return nil
	case len(keys) == 0:
		return fmt.Errorf("-html: there is no operation on a key in this history")
	case d.key == "":
		return fmt.Errorf("-html: of which key? Name one with -key; there are %s", enumerate(keys))
	}
	return fmt.Errorf("-key %q: there is no operation on it; there are %s", d.key, enumerate(keys))
}

// enumerate lists keys, which may be any text, but no more than one wants to read.
func enumerate(keys []string) string {
	const most = 30
	var out []string
	for _, k := range keys[:min(most, len(keys))] {
		out = append(out, fmt.Sprintf("%.40q", k))
	}
	if len(keys) > most {
		out = append(out, fmt.Sprintf("and %d more", len(keys)-most))
	}
	return strings.Join(out, ", ")
}

// keysOf lists the keys that were read or written one at a time.
func keysOf(h history.History) []string {
	var keys []string
	for _, op := range h.Ops {
		if op.Kind != history.Scan && !slices.Contains(keys, op.Key) {
			keys = append(keys, op.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// draw writes the page, when there is one to write.
func (d drawing) draw(h history.History) error {
	if d.page == "" {
		return nil
	}
	var page bytes.Buffer
	if err := check.WriteLinHTML(&page, &h, d.key, 20*time.Second); err != nil {
		return err
	}
	return draw(d.page, func(w io.Writer) error { _, err := page.WriteTo(w); return err })
}
