package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"zeyrho/harness/history"
)

const (
	replicas    finder = "replicas"
	convergence finder = "convergence"
)

// Agree returns the checker of copies: when nobody writes any more, so many
// nodes hold the same keys, with the same values and versions. It looks at
// scans of everything, at the level "stale", of which it is known who answered
// them, in the phase Quiet.
//
// It does not see what is not shown to readers: entries of a log that are not
// applied, sessions.
func Agree(nodes int) Checker {
	return func(h *history.History) Finding {
		all := make(map[string]map[string]history.Item)
		seen := make(map[string]history.Op)
		for _, op := range inOrder(h.Ops) {
			if op.Phase != Quiet || op.Kind != history.Scan || op.Level != "stale" || op.Node == "" || op.Key != "" {
				continue
			}
			if op.Outcome != history.OK {
				return replicas.violation([]int{op.ID}, "asked at %s for everything, %s does not show what it has: %s", at(op.Call), op.Node, op.Error)
			}
			if op.After == "" {
				all[op.Node] = make(map[string]history.Item)
			}
			for _, it := range op.Items {
				all[op.Node][it.Key] = it
			}
			seen[op.Node] = op
		}
		names := slices.Sorted(maps.Keys(all))
		if len(names) < nodes {
			return replicas.inconclusive("in the quiet phase, %d of %s said what they hold", len(names), plural(nodes, "node"))
		}
		for _, name := range names[1:] {
			if why := differ(names[0], name, all); why != "" {
				return replicas.violation([]int{seen[names[0]].ID, seen[name].ID}, "when nobody wrote any more, %s", why)
			}
		}
		return replicas.pass()
	}
}

// differ says in which key two nodes differ, or "".
func differ(a, b string, all map[string]map[string]history.Item) string {
	both := slices.AppendSeq(slices.Collect(maps.Keys(all[a])), maps.Keys(all[b]))
	slices.Sort(both)
	for _, key := range both {
		one, inA := all[a][key]
		other, inB := all[b][key]
		if one != other {
			return a + " " + holds(key, one, inA) + ", and " + b + " " + holds(key, other, inB)
		}
	}
	return ""
}

func holds(key string, it history.Item, there bool) string {
	if !there {
		return "had nothing in " + quote(key)
	}
	return "had " + shown(it.Value, it.Version) + " in " + quote(key)
}

// Converge returns the checker of copies that get there: within a time of the
// last beginning of the phase Quiet, so many nodes have written, synced,
// committed and applied the same entries, in the same epoch.
func Converge(nodes int, within time.Duration) Checker {
	return func(h *history.History) Finding {
		begin := int64(-1)
		for _, e := range h.Events {
			if e.Kind == "phase" && e.Text == Quiet {
				begin = e.At
			}
		}
		if begin < 0 {
			return convergence.inconclusive("the run has no phase %q", Quiet)
		}
		latest := make(map[string]history.Event)
		for _, e := range h.Events {
			if e.Kind != history.Position || e.Positions == nil || e.At < begin {
				continue
			}
			latest[e.Node] = e
			if took := time.Duration(e.At - begin); len(latest) >= nodes && together(latest) {
				if took <= within {
					return convergence.pass()
				}
				return convergence.violation(nil, "the nodes held the same entries only %s after the last write, and the bound is %s", took, within)
			}
		}
		if len(latest) < nodes {
			return convergence.inconclusive("in the quiet phase, %d of %s said how far they were", len(latest), plural(nodes, "node"))
		}
		return convergence.violation(nil, "after the last write (at %s) the nodes never held the same entries; in the end %s", at(begin), standing(latest))
	}
}

// together says whether all nodes stand in one place, with nothing under way.
func together(latest map[string]history.Event) bool {
	var first *history.Event
	for _, e := range latest {
		if first == nil {
			first = &e
		}
		n := e.Positions.Written
		if *e.Positions != (history.Positions{Written: n, Synced: n, Committed: n, Applied: n}) || n != first.Positions.Written || e.Epoch != first.Epoch {
			return false
		}
	}
	return true
}

// standing says where every node stands.
func standing(latest map[string]history.Event) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(latest)) {
		e := latest[name]
		lines = append(lines, fmt.Sprintf("%s had written up to %d, synced %d, committed %d and applied %d, in epoch %s",
			name, e.Positions.Written, e.Positions.Synced, e.Positions.Committed, e.Positions.Applied, e.Epoch))
	}
	return strings.Join(lines, "; ")
}
