package check

import (
	"fmt"
	"slices"
	"strings"

	"zeyrho/harness/history"
)

const (
	coverage finder = "coverage"
	empty    finder = "empty"
)

// Need is what must have happened in a run for its verdict to mean something.
type Need struct {
	OK        int                  // operations that are ok
	Unknown   int                  // operations of unknown outcome
	Conflicts int                  // conditions that did not hold
	Kinds     map[history.Kind]int // operations that are ok, by kind
	Faults    []string             // names: each begins the text of some fault event
}

// Coverage returns the checker of the harness itself: a run in which too
// little happened is inconclusive, whatever the others say.
func Coverage(need Need) Checker {
	return func(h *history.History) Finding {
		ok, unknown, conflicts := 0, 0, 0
		kinds := make(map[history.Kind]int)
		for _, op := range h.Ops {
			switch op.Outcome {
			case history.OK:
				ok++
				kinds[op.Kind]++
			case history.Unknown:
				unknown++
			}
			if op.Status == history.Conflict {
				conflicts++
			}
		}
		var missing []string
		atLeast := func(have, want int, what string) {
			if have < want {
				missing = append(missing, fmt.Sprintf("%s that %s instead of %d", plural(have, "operation"), what, want))
			}
		}
		atLeast(ok, need.OK, "went well")
		atLeast(unknown, need.Unknown, "had an unknown outcome")
		atLeast(conflicts, need.Conflicts, "met a conflict")
		for _, kind := range []history.Kind{history.Get, history.Put, history.Delete, history.Scan} {
			atLeast(kinds[kind], need.Kinds[kind], fmt.Sprintf("were a %s and went well", kind))
		}
		for _, name := range need.Faults {
			if !slices.ContainsFunc(h.Events, func(e history.Event) bool { return isFault(e, name) }) {
				missing = append(missing, fmt.Sprintf("the fault %q never fired", name))
			}
		}
		if len(missing) > 0 {
			return coverage.inconclusive("too little happened: %s", strings.Join(missing, "; "))
		}
		return coverage.pass()
	}
}

// isFault reports whether e is the fault with that name: its text is the name,
// or goes on after it with something that is not a letter.
func isFault(e history.Event, name string) bool {
	rest, ok := strings.CutPrefix(e.Text, name)
	return e.Kind == "fault" && ok && (rest == "" || strings.ContainsAny(rest[:1], " :,;("))
}

// StartedEmpty is the checker of the harness's first look: the first operation
// of a run is a scan of everything, and finds nothing. A store that still holds
// the keys of another run would make every verdict wrong.
func StartedEmpty(h *history.History) Finding {
	if len(h.Ops) == 0 {
		return empty.inconclusive("nothing happened")
	}
	first := inOrder(h.Ops)[0]
	switch {
	case first.Kind != history.Scan || first.Key != "" || first.After != "" || first.Outcome != history.OK:
		return empty.inconclusive("the run did not begin with a scan of everything")
	case len(first.Items) > 0:
		return empty.inconclusive("the store was not empty when the run began: it held %s", quote(first.Items[0].Key))
	}
	return empty.pass()
}
