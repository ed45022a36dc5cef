package check

import (
	"cmp"
	"slices"

	"zeyrho/harness/history"
)

const session finder = "session"

// Session is the checker of what a client is promised that reads at any server
// (the level "session"): it never sees less of the history than it has seen
// before, be it by reading or by writing. Versions are positions in one
// history. So after version V was named to a client, every read of its shows,
// for each key, the last write up to V, or a later one. It may be older than
// what others have written meanwhile: that is for Linearizable.
//
// It knows of writes what replies name. Where a delete of unknown outcome may
// explain that a key is absent, it explains it. Reads at the level "stale"
// are promised nothing, and are left out. A client whose program was started
// anew must have a new number.
func Session(h *history.History) Finding {
	w := newWrites(h)
	clients := make(map[int]*sight)
	for _, op := range inOrder(h.Ops) {
		if op.Outcome != history.OK || op.Level == "stale" {
			continue
		}
		s := clients[op.Client]
		if s == nil {
			s = &sight{gone: make(map[string]history.Op)}
			clients[op.Client] = s
		}
		for _, get := range reads(op, w.sorted) {
			if f := s.judge(get, w); f.Verdict != Pass {
				return f
			}
		}
		s.learn(op)
	}
	return session.pass()
}

// sight is what one client has seen.
type sight struct {
	latest history.Op            // the reply that named the greatest version
	gone   map[string]history.Op // what had been in a key that the client found absent since
}

// learn notes what a reply says of the history.
func (s *sight) learn(op history.Op) {
	all := []history.Op{op}
	if op.Kind == history.Scan {
		all = reads(op, nil)
	}
	for _, one := range all {
		if one.Version > s.latest.Version {
			s.latest = one
		}
	}
}

// judge judges one read.
func (s *sight) judge(get history.Op, w *writes) Finding {
	if gone, ok := s.gone[get.Key]; ok && get.Status == history.Done && get.Version <= gone.Version {
		return session.violation([]int{gone.ID, get.ID}, "%s, but the same client had found %s absent after this version: it went back in time",
			told(get), quote(get.Key))
	}
	last, known := w.upTo(get.Key, s.latest.Version)
	switch {
	case !known || get.Status == history.Done && get.Version >= last.Version:
		return session.pass()
	case get.Status == history.Absent && (last.delete || w.deletedAfter(get.Key, last.Version)):
		if !last.delete {
			s.gone[get.Key] = last.Op
		}
		return session.pass()
	}
	return session.violation([]int{s.latest.ID, get.ID}, "%s, but version %d had been named to the same client (%s), and up to there %s: it went back in time",
		told(get), s.latest.Version, told(s.latest), had(last.Op))
}

// upTo returns the last known write to key with a version of at most v.
func (w *writes) upTo(key string, v uint64) (claim, bool) {
	list := w.keys[key]
	n, _ := slices.BinarySearchFunc(list, v+1, func(c claim, v uint64) int { return cmp.Compare(c.Version, v) })
	if n == 0 {
		return claim{}, false
	}
	return list[n-1], true
}

// deletedAfter says whether key may have been deleted after version v.
func (w *writes) deletedAfter(key string, v uint64) bool {
	return w.maybe[key] || slices.ContainsFunc(w.keys[key], func(c claim) bool { return c.delete && c.Version > v })
}
