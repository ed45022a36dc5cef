package check

import (
	"fmt"
	"strconv"

	"zeyrho/harness/history"
)

const counters finder = "counter"

// Counter is the checker of a key that holds a decimal number, that starts
// absent, and to which every put adds one by way of a condition. At the end,
// as read in the quiet phase, it is at least the number of puts that were
// acknowledged, and at most that and those of unknown outcome.
//
// It does not see a lost and a doubled increment that make up for each other.
func Counter(key string) Checker {
	return func(h *history.History) Finding {
		acked, unknown := 0, 0
		var puts []history.Op
		for _, op := range writesByKey(h)[key] {
			switch {
			case op.Kind == history.Delete:
				return counters.inconclusive("%s is deleted by operation %d: it is no counter", quote(key), op.ID)
			case op.Outcome == history.Unknown:
				unknown++
			default:
				acked++
				puts = append(puts, op)
			}
		}
		judged := false
		for _, op := range inOrder(h.Ops) {
			for _, get := range reads(op, []string{key}) {
				if op.Phase != Quiet || get.Key != key {
					continue
				}
				judged = true
				if f := count(get, acked, unknown, puts); f.Verdict != Pass {
					return f
				}
			}
		}
		if !judged {
			return counters.inconclusive("nobody read %s in the quiet phase", quote(key))
		}
		return counters.pass()
	}
}

// count judges the number that get read at the end.
func count(get history.Op, acked, unknown int, puts []history.Op) Finding {
	n := 0
	if get.Status == history.Done {
		var err error
		if n, err = strconv.Atoi(get.Value); err != nil {
			return counters.violation([]int{get.ID}, "%s, which is not a number", told(get))
		}
	}
	sums := plural(acked, "increment") + " acknowledged"
	if unknown > 0 {
		sums += fmt.Sprintf(" and %d that may have happened", unknown)
	}
	switch {
	case n < acked:
		ids, why := sameCondition(puts)
		return counters.violation(append([]int{get.ID}, ids...), "%s, after %s: %d lost%s", told(get), sums, acked-n, why)
	case n > acked+unknown:
		return counters.violation([]int{get.ID}, "%s, after %s: %d too many, so some were made twice", told(get), sums, n-acked-unknown)
	}
	return counters.pass()
}

// sameCondition finds two puts that were both done on the same condition.
func sameCondition(puts []history.Op) ([]int, string) {
	by := make(map[uint64]history.Op)
	for _, op := range puts {
		if op.If == nil {
			continue
		}
		if first, ok := by[*op.If]; ok {
			return []int{first.ID, op.ID}, fmt.Sprintf("; %s, and %s", told(first), told(op))
		}
		by[*op.If] = op
	}
	return nil, ""
}
