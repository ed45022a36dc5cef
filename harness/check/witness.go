package check

import "zeyrho/harness/history"

// Witness returns the checker of what the harness has seen with its own eyes,
// beside the operations, and recorded under the given name: an event of kind
// "seen" is as promised, one of kind "broken" is not. If nobody has looked it is
// inconclusive.
func Witness(name string) Checker {
	return func(h *history.History) Finding {
		f := Finding{Checker: name, Verdict: Inconclusive, Reason: "the run ended before anybody looked"}
		for _, e := range h.Events {
			switch {
			case e.Node != name:
			case e.Kind == "broken":
				return Finding{Checker: name, Verdict: Violation, Reason: e.Text}
			case e.Kind == "seen":
				f = Finding{Checker: name, Verdict: Pass}
			}
		}
		return f
	}
}
