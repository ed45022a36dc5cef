// Package check answers: did the store keep its promises in this run?
//
// A checker looks at a history and at nothing else. It shares no code with
// the steps that it judges. Each says in its comment what it promises to see
// and what it cannot see. None raises a false alarm: what is merely suspicious
// is not a violation, and what could not be decided is inconclusive, never a
// pass.
package check

import (
	"fmt"

	"zeyrho/harness/history"
)

// Verdict is what a checker, or a whole run, came to.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Violation    Verdict = "violation"
	Inconclusive Verdict = "inconclusive"
)

// Finding is what one checker has to say about one history.
type Finding struct {
	Checker string  `json:"checker"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"` // in words; empty when it passed
	Ops     []int   `json:"ops,omitempty"`    // ids of the operations that show it
}

// Checker judges a history. It does not change it.
type Checker func(h *history.History) Finding

// Judge lets every checker look at h. A malformed history gets a single,
// inconclusive finding: it is the harness that is at fault, and nothing that
// follows from it can be trusted.
func Judge(h *history.History, checkers ...Checker) []Finding {
	if err := history.Validate(*h); err != nil {
		return []Finding{{Checker: "history", Verdict: Inconclusive, Reason: err.Error()}}
	}
	var findings []Finding
	for _, c := range checkers {
		findings = append(findings, c(h))
	}
	return findings
}

// All returns the finding that decides a run: the first violation, or else the
// first that is inconclusive, or else a pass. Where nothing was checked,
// nothing was shown.
func All(findings []Finding) Finding {
	if len(findings) == 0 {
		return Finding{Checker: "all", Verdict: Inconclusive, Reason: "nothing was checked"}
	}
	for _, v := range []Verdict{Violation, Inconclusive} {
		for _, f := range findings {
			if f.Verdict == v {
				return f
			}
		}
	}
	return Finding{Checker: "all", Verdict: Pass}
}

// The phases of a run that checkers ask for by name.
const (
	Liveness = "liveness" // after everything is healed
	Quiet    = "quiet"    // nobody writes any more; everything is read once
)

// finder makes the findings of one checker.
type finder string

func (name finder) pass() Finding { return Finding{Checker: string(name), Verdict: Pass} }

func (name finder) violation(ops []int, format string, args ...any) Finding {
	return Finding{string(name), Violation, fmt.Sprintf(format, args...), ops}
}

func (name finder) inconclusive(format string, args ...any) Finding {
	return Finding{string(name), Inconclusive, fmt.Sprintf(format, args...), nil}
}
