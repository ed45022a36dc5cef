package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// most is how many lines a story has.
const most = 24

// tale is what happened, in lines: what the world did, and the operations that
// show what is wrong.
func (w *world) tale(h *history.History, f check.Finding) string {
	lines := slices.Clone(w.story)
	for _, op := range h.Ops {
		if slices.Contains(f.Ops, op.ID) {
			lines = append(lines, line{time.Duration(op.Call), operation(op)})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var text strings.Builder
	if left := len(lines) - most; left > 0 {
		lines = lines[left:]
		fmt.Fprintf(&text, "           (%d lines before this)\n", left)
	}
	for _, l := range lines {
		fmt.Fprintf(&text, "%9.3fs  %s\n", l.at.Seconds(), l.text)
	}
	if f.Verdict == check.Violation && w.failure == nil {
		fmt.Fprintf(&text, "        =>  %s\n", f.Reason)
	}
	return text.String()
}

// operation says what a client asked for, and what it was told.
func operation(op history.Op) string {
	text := fmt.Sprintf("client %d: %s %s", op.Client, op.Kind, op.Key)
	if op.Kind == history.Put {
		text += fmt.Sprintf(" = %.20q", op.Value)
	}
	if op.If != nil {
		text += fmt.Sprintf(" if version %d", *op.If)
	}
	if op.Level != "" {
		text += " (" + op.Level + ")"
	}
	if op.Outcome != history.OK {
		return fmt.Sprintf("%s; %s: %s", text, op.Outcome, op.Error)
	}
	text += fmt.Sprintf("; at %.3fs", time.Duration(op.Return).Seconds())
	if op.Node != "" {
		text += " by " + op.Node
	}
	if op.Kind == history.Get && op.Status == history.Done {
		return fmt.Sprintf("%s: %.20q (version %d)", text, op.Value, op.Version)
	}
	return fmt.Sprintf("%s: %s (version %d)", text, op.Status, op.Version)
}
