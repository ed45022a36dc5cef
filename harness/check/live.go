package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeyrho/harness/history"
)

const (
	liveness finder = "liveness"
	gap      finder = "gap"
)

// Live returns the checker of recovery: in the phase Liveness, within a time
// of its beginning, so many clients complete at least n operations each.
//
// A client with an unknown outcome goes on under another number, and that one
// counts from nothing: so ask for as many clients as the run has workers.
func Live(clients, n int, within time.Duration) Checker {
	return func(h *history.History) Finding {
		begin, _, ok := phase(h, Liveness)
		if !ok {
			return liveness.inconclusive("the run has no phase %q", Liveness)
		}
		done := make(map[int]int)
		for _, op := range h.Ops {
			if op.Phase != Liveness {
				continue
			}
			done[op.Client] += 0
			if op.Outcome == history.OK && op.Return-begin <= int64(within) {
				done[op.Client]++
			}
		}
		enough, slow := 0, -1
		for client, k := range done {
			if k >= n {
				enough++
			} else if slow < 0 || k < done[slow] || k == done[slow] && client < slow {
				slow = client
			}
		}
		if enough >= clients {
			return liveness.pass()
		}
		who := ""
		if slow >= 0 {
			who = fmt.Sprintf("; client %d completed %d", slow, done[slow])
		}
		return liveness.violation(nil, "within %s of healing (at %s), %d of %s completed %s each%s",
			within, at(begin), enough, plural(clients, "client"), plural(n, "operation"), who)
	}
}

// phase returns when a phase began and ended. It ends with the next phase, or
// with the last thing that happened in the run.
func phase(h *history.History, name string) (begin, end int64, ok bool) {
	for _, op := range h.Ops {
		end = max(end, op.Call)
		if op.Outcome != history.Unknown {
			end = max(end, op.Return)
		}
	}
	for _, e := range h.Events {
		end = max(end, e.At)
	}
	for _, e := range h.Events {
		switch {
		case e.Kind != "phase":
		case ok:
			return begin, e.At, true
		case e.Text == name:
			begin, ok = e.At, true
		}
	}
	return begin, end, ok
}

// Gap returns the checker of availability: in a phase, no time longer than
// bound passes without an operation that is answered and ok, whoever asked.
func Gap(name string, bound time.Duration) Checker {
	return func(h *history.History) Finding {
		begin, end, ok := phase(h, name)
		if !ok {
			return gap.inconclusive("the run has no phase %q", name)
		}
		var answered []history.Op
		for _, op := range h.Ops {
			if op.Outcome == history.OK && begin <= op.Return && op.Return <= end {
				answered = append(answered, op)
			}
		}
		slices.SortStableFunc(answered, func(a, b history.Op) int { return cmp.Compare(a.Return, b.Return) })
		from, longest, first := begin, int64(-1), -1
		var since int64
		for i, op := range answered {
			if op.Return-from > longest {
				longest, since, first = op.Return-from, from, i
			}
			from = op.Return
		}
		if end-from > longest {
			longest, since, first = end-from, from, -1
		}
		if longest <= int64(bound) {
			return gap.pass()
		}
		text := fmt.Sprintf("in the phase %q nobody got an answer for %s from %s on, and the bound is %s",
			name, time.Duration(longest), at(since), bound)
		if first < 0 {
			return gap.violation(nil, "%s; it lasted until the phase ended", text)
		}
		op := answered[first]
		return gap.violation([]int{op.ID}, "%s; client %d was the first to get one again, after waiting for %s",
			text, op.Client, time.Duration(op.Return-op.Call))
	}
}
