package check

import (
	"slices"

	"zeyrho/harness/history"
)

const sessions finder = "sessions"

// Once is the checker of retries: a put is applied at most once, however often
// its client library sent it; and one that was refused is not applied at all.
// A put that is applied again gets another version. So all versions with which
// one value was seen in one key are counted: there can be no more of them than
// puts of that value that were done or may have been.
//
// It needs values that are unique, or nearly so, and clients that read. It does
// not see a second application that was overwritten before anybody looked; for
// increments, Counter sees that.
func Once(h *history.History) Finding {
	type write struct{ key, value string }
	puts := make(map[write][]history.Op)
	for _, op := range h.Ops {
		if op.Kind == history.Put {
			w := write{op.Key, op.Value}
			puts[w] = append(puts[w], op)
		}
	}
	seen := make(map[write][]history.Op) // one for every version
	for _, c := range claims(h) {
		if !c.exact || c.delete {
			continue
		}
		w := write{c.Key, c.Value}
		if slices.ContainsFunc(seen[w], func(op history.Op) bool { return op.Version == c.Version }) {
			continue
		}
		seen[w] = append(seen[w], c.Op)
		if f := applied(seen[w], puts[w]); f.Verdict != Pass {
			return f
		}
	}
	return sessions.pass()
}

// applied judges the replies that showed a value, each with another version,
// given all puts of that value to that key.
func applied(seen, puts []history.Op) Finding {
	last := seen[len(seen)-1]
	var refused, put *history.Op
	allowed := 0
	for i, p := range puts {
		if p.Outcome == history.Fail || p.Status == history.Conflict {
			refused = &puts[i]
		} else {
			put = &puts[i]
			allowed++
		}
	}
	switch {
	case len(seen) <= allowed || len(puts) == 0:
		return sessions.pass() // a value that nobody wrote is for other checkers
	case allowed == 0 && refused.Outcome == history.Fail:
		return sessions.violation([]int{refused.ID, last.ID}, "%s, although client %d had been told at %s that %s failed: it was refused and applied",
			told(last), refused.Client, at(refused.Return), wish(*refused))
	case allowed == 0:
		return sessions.violation([]int{refused.ID, last.ID}, "%s, although %s: it was refused and applied", told(last), told(*refused))
	case allowed > 1:
		return sessions.violation([]int{seen[0].ID, last.ID}, "%s, and the same value was seen with %s, although it was put only %d times: it was applied once too often",
			told(last), plural(len(seen), "version"), allowed)
	}
	return sessions.violation([]int{put.ID, seen[0].ID, last.ID}, "%s, and %s: the put by client %d was applied twice",
		told(seen[0]), told(last), put.Client)
}
