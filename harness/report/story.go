package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/scenario"
)

// Paint colours s as a square with that look would be.
func Paint(l Look, s string) string { return paint(l, s) }

// WriteStory prints the events of a run, and how many operations ended how in
// each phase.
func WriteStory(w io.Writer, h history.History) {
	phase := "start"
	tally := map[string]map[history.Outcome]int{}
	for _, op := range h.Ops {
		if tally[op.Phase] == nil {
			tally[op.Phase] = map[history.Outcome]int{}
		}
		tally[op.Phase][op.Outcome]++
	}
	for _, e := range h.Events {
		switch {
		case e.Frequent(), e.Kind == "broken", e.Kind == "seen" && e.Text == "as promised": // it is among the findings
			continue
		case e.Kind == "phase":
			phase = e.Text
			t := tally[phase]
			fmt.Fprintf(w, "  %s  %s%s\n", clock(e.At), phase, tallied(t))
			continue
		}
		fmt.Fprintf(w, "  %s    %s%s\n", clock(e.At), where(e), e.Text)
	}
}

// where says which node an event was at, or on which way.
func where(e history.Event) string {
	switch {
	case e.To != "":
		return e.Node + " → " + e.To + ": "
	case e.Node != "":
		return e.Node + ": "
	}
	return ""
}

// tallied says how many operations of a phase ended how; nothing if it had none.
func tallied(t map[history.Outcome]int) string {
	text := ""
	for _, o := range []struct {
		outcome history.Outcome
		word    string
	}{{history.OK, "ok"}, {history.Fail, "refused"}, {history.Unknown, "unknown"}} {
		if n := t[o.outcome]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, o.word)
		}
	}
	return strings.Replace(text, ",", ":", 1)
}

// clock prints an instant of a run.
func clock(ns int64) string { return fmt.Sprintf("%7.3fs", time.Duration(ns).Seconds()) }

// WriteFindings prints what every checker says.
func WriteFindings(w io.Writer, c scenario.Cell, findings []check.Finding) {
	for i, f := range findings {
		if saidElsewhere(findings, i) {
			continue
		}
		look := Good
		switch {
		case f.Verdict == check.Inconclusive:
			look = Inconclusive
		case f.Verdict == check.Violation && c.Expect == scenario.Fails && f.Checker == c.Checker:
			look = Planned
		case f.Verdict == check.Violation:
			look = Unexpected
		}
		fmt.Fprintf(w, "  %s\n", paint(look, f.Checker+": "+string(f.Verdict)))
		for _, line := range Wrap(f.Reason, 74) {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
}

// saidElsewhere reports whether finding i is a plain pass of a checker that has
// passed before, or has more to say elsewhere: several may have looked under one
// name.
func saidElsewhere(findings []check.Finding, i int) bool {
	plain := func(f check.Finding) bool { return f.Verdict == check.Pass && f.Reason == "" }
	for j, f := range findings {
		if i != j && f.Checker == findings[i].Checker && (j < i || !plain(f)) {
			return plain(findings[i])
		}
	}
	return false
}

// Wrap cuts text into lines of at most width characters, where it has blanks.
// The rows of a table stay as they are.
func Wrap(text string, width int) (lines []string) {
	for prose := range strings.SplitSeq(text, "\n") {
		if strings.Contains(prose, " |") || strings.Contains(prose, "-+-") {
			lines = append(lines, prose)
			continue
		}
		lines = append(lines, wrapLine(prose, width)...)
	}
	return lines
}

func wrapLine(text string, width int) (lines []string) {
	var line string
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
