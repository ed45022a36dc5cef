package check

import "zeyrho/harness/history"

const durability finder = "durability"

// Durable is the checker of “acknowledged means kept”: what is read in the
// quiet phase, after all faults, is for every key the last write that was
// acknowledged, or a write of unknown outcome, and nothing else. Of several
// acknowledged writes that overlap, the one with the greatest version is the
// last.
//
// It compares values, so they should be unique. It does not see what was lost
// and then written over; and a key that was written and not read in the quiet
// phase makes it inconclusive.
func Durable(h *history.History) Finding {
	byKey := writesByKey(h)
	all := keysOf(h)
	read := make(map[string]bool)
	var lost []history.Op
	var wrong []Finding
	for _, op := range inOrder(h.Ops) {
		if op.Phase != Quiet {
			continue
		}
		for _, get := range reads(op, all) {
			read[get.Key] = true
			if f := recovered(get, byKey[get.Key]); f.Verdict != Pass {
				wrong, lost = append(wrong, f), append(lost, get)
			}
		}
	}
	if len(wrong) > 0 {
		return withOthers(wrong[0], lost)
	}
	for _, key := range all {
		if len(byKey[key]) > 0 && !read[key] {
			return durability.inconclusive("nobody read %s in the quiet phase, although it had been written", quote(key))
		}
	}
	if len(read) == 0 {
		return durability.inconclusive("nothing was read in the quiet phase")
	}
	return durability.pass()
}

// withOthers adds to f on how many keys the same happened.
func withOthers(f Finding, lost []history.Op) Finding {
	keys := make(map[string]bool)
	for _, op := range lost {
		keys[op.Key] = true
	}
	if n := len(keys) - 1; n > 0 {
		f.Reason += "; " + plural(n, "other key") + " went wrong too"
	}
	return f
}

// writesByKey returns, a list a key, the writes that happened or may have.
func writesByKey(h *history.History) map[string][]history.Op {
	m := make(map[string][]history.Op)
	for _, op := range inOrder(h.Ops) {
		write := op.Kind == history.Put || op.Kind == history.Delete
		if write && (op.Outcome == history.Unknown || op.Status == history.Done) {
			m[op.Key] = append(m[op.Key], op)
		}
	}
	return m
}

// recovered judges one read, given the writes to its key.
func recovered(get history.Op, writes []history.Op) Finding {
	last, ok := lastAcked(get, writes)
	if get.Status == history.Absent && (!ok || last.Kind == history.Delete) {
		return durability.pass()
	}
	if ok && last.Kind == history.Put && get.Status == history.Done && get.Value == last.Value {
		return durability.pass()
	}
	var written *history.Op
	for i, w := range writes {
		same := w.Kind == history.Delete && get.Status == history.Absent ||
			w.Kind == history.Put && get.Status == history.Done && w.Value == get.Value
		if !same || w.Call > get.Return {
			continue
		}
		if w.Outcome == history.Unknown || w.Return >= get.Call {
			return durability.pass()
		}
		written = &writes[i]
	}
	ids := []int{get.ID}
	switch {
	case !ok && written == nil:
		return durability.violation(ids, "%s, which nobody had written", told(get))
	case ok && last.Kind == history.Delete:
		return durability.violation(append(ids, last.ID), "%s, but %s: it came back", told(get), had(last))
	}
	return durability.violation(append(ids, last.ID), "%s, but %s: that write was lost", told(get), had(last))
}

// lastAcked returns the last of the writes that were acknowledged before get.
// Those that nothing follows overlap each other; versions tell them apart.
func lastAcked(get history.Op, writes []history.Op) (last history.Op, ok bool) {
	var latest int64 = -1
	for _, w := range writes {
		if w.Outcome == history.OK && w.Return < get.Call {
			latest = max(latest, w.Call)
		}
	}
	for _, w := range writes {
		if w.Outcome == history.OK && w.Return < get.Call && w.Return >= latest && (!ok || w.Version > last.Version) {
			last, ok = w, true
		}
	}
	return last, ok
}
