package check

import (
	"slices"

	"zeyrho/harness/history"
)

const answered finder = "answered"

// Answered returns the checker of phases in which nothing is broken: there,
// every operation is answered, and none is refused. Without it a store that
// crashes now and then, or turns every tenth request away, could pass all the
// others: what never happened cannot be wrong.
func Answered(phases ...string) Checker {
	return func(h *history.History) Finding {
		for _, op := range h.Ops {
			if op.Outcome == history.OK || !slices.Contains(phases, op.Phase) {
				continue
			}
			what := "failed"
			if op.Outcome == history.Unknown {
				what = "was left unknown"
			}
			return answered.violation([]int{op.ID}, "nothing was broken in the phase %q, and yet a %s of %s by client %d at %s %s: %s",
				op.Phase, op.Kind, quote(op.Key), op.Client, at(op.Call), what, op.Error)
		}
		return answered.pass()
	}
}
