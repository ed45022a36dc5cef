package check

import (
	"cmp"
	"fmt"
	"slices"

	"zeyrho/harness/history"
)

const versions finder = "versions"

// Versions is the checker of what versions promise across keys: a version is a
// position in one history. So it belongs to one write only, whatever replies
// name it; and what is called after a version was named gets a greater one.
//
// It sees writes that are done, and everything that a reply names. It does not
// see whether the right version was read: that is for Linearizable and Scans.
func Versions(h *history.History) Finding {
	all := claims(h)
	if f := oneWriteEach(all); f.Verdict != Pass {
		return f
	}
	return growing(all)
}

// claim is what a reply says about a version: that it is a write to a key, and
// perhaps which.
type claim struct {
	history.Op
	write  bool // the reply is to the write itself
	exact  bool // it says whether it was a put or a delete, and of what
	delete bool
}

// claims returns all claims of a history, in the order of their replies.
func claims(h *history.History) []claim {
	out := make([]claim, 0, len(h.Ops))
	for _, op := range h.Ops {
		switch {
		case op.Outcome != history.OK:
		case op.Kind == history.Get || op.Kind == history.Scan:
			for _, get := range reads(op, nil) {
				if get.Status == history.Done {
					out = append(out, claim{Op: get, exact: true})
				}
			}
		case op.Status == history.Done:
			out = append(out, claim{Op: op, write: true, exact: true, delete: op.Kind == history.Delete})
		case op.Status == history.Conflict && op.Version != 0:
			out = append(out, claim{Op: op})
		}
	}
	return byReturn(out)
}

// byReturn sorts claims. They are large: what is moved about is their numbers.
func byReturn(all []claim) []claim {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all[a].Return, all[b].Return) })
	sorted := make([]claim, len(all))
	for i, n := range order {
		sorted[i] = all[n]
	}
	return sorted
}

// oneWriteEach checks that claims of one version agree.
func oneWriteEach(all []claim) Finding {
	first := make(map[uint64]claim)
	for _, c := range all {
		if c.Version == 0 {
			return versions.violation([]int{c.ID}, "%s, but 0 is no version", told(c.Op))
		}
		before, ok := first[c.Version]
		if ok && !agree(before, c) {
			return versions.violation([]int{before.ID, c.ID}, "version %d belongs to two writes: %s, and %s",
				c.Version, told(before.Op), told(c.Op))
		}
		if !ok || !before.write && c.exact {
			first[c.Version] = c
		}
	}
	return versions.pass()
}

func agree(a, b claim) bool {
	if a.Key != b.Key || a.write && b.write {
		return false
	}
	if !a.exact || !b.exact {
		return !a.delete && !b.delete // a conflict names the version of a put
	}
	return !a.delete && !b.delete && a.Value == b.Value
}

// growing checks that a write that is done has a greater version than any that
// was named before the write was called.
func growing(replies []claim) Finding {
	var writes []claim
	for _, c := range replies {
		if c.write {
			writes = append(writes, c)
		}
	}
	slices.SortStableFunc(writes, func(a, b claim) int { return cmp.Compare(a.Call, b.Call) })
	var greatest claim
	next := 0
	for _, w := range writes {
		for ; next < len(replies) && replies[next].Return < w.Call; next++ {
			if replies[next].Version > greatest.Version {
				greatest = replies[next]
			}
		}
		if w.Version <= greatest.Version {
			return versions.violation([]int{greatest.ID, w.ID}, "%s, which it called at %s, after %s: versions must grow",
				told(w.Op), at(w.Call), heard(greatest.Op))
		}
	}
	return versions.pass()
}

// heard says how a version came to be known.
func heard(op history.Op) string {
	return fmt.Sprintf("version %d had been named: %s", op.Version, told(op))
}
