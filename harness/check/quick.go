package check

import (
	"cmp"
	"slices"

	"zeyrho/harness/history"
)

// quick finds, without trying any order, replies on one key that cannot be
// true: versions tell most of the order, and most violations go against that.
// It saves the search, which takes longest where there is nothing to find.
type quick struct {
	replies   []history.Op          // by Return
	greatest  []uint64              // the greatest version named in replies up to each
	done      map[uint64]history.Op // writes, by version: the first of each
	versions  []uint64              // of done, sorted
	maybe     map[string]int64      // values of puts of unknown outcome: the first call
	deleted   int64                 // the first call of a delete that may have happened
	firstDone int64                 // the first reply to a put that was done
}

const never = 1<<63 - 1

func newQuick(ops []history.Op) *quick {
	q := &quick{done: make(map[uint64]history.Op), maybe: make(map[string]int64), deleted: never, firstDone: never}
	q.replies = slices.DeleteFunc(slices.Clone(ops), func(op history.Op) bool { return op.Outcome != history.OK })
	slices.SortFunc(q.replies, func(a, b history.Op) int { return cmp.Or(cmp.Compare(a.Return, b.Return), cmp.Compare(a.ID, b.ID)) })
	var greatest uint64
	for _, op := range q.replies {
		greatest = max(greatest, op.Version)
		q.greatest = append(q.greatest, greatest)
		if op.Kind == history.Get || op.Status != history.Done {
			continue
		}
		if _, twice := q.done[op.Version]; !twice {
			q.done[op.Version] = op
			q.versions = append(q.versions, op.Version)
		}
		if op.Kind == history.Put {
			q.firstDone = min(q.firstDone, op.Return)
		}
	}
	for _, op := range ops {
		first, ok := q.maybe[op.Value]
		switch {
		case op.Kind == history.Put && op.Outcome == history.Unknown && (!ok || op.Call < first):
			q.maybe[op.Value] = op.Call
		case op.Kind == history.Delete && (op.Outcome == history.Unknown || op.Status == history.Done):
			q.deleted = min(q.deleted, op.Call)
		}
	}
	slices.Sort(q.versions)
	return q
}

// find returns the place among replies of the first that cannot be true.
func (q *quick) find() (int, bool) {
	for i, op := range q.replies {
		if q.impossible(op) {
			return i, true
		}
	}
	return 0, false
}

func (q *quick) impossible(op history.Op) bool {
	before, _ := slices.BinarySearchFunc(q.replies, op.Call, func(o history.Op, t int64) int { return cmp.Compare(o.Return, t) })
	var known uint64 // some version at least as great as this was there before op began
	if before > 0 {
		known = q.greatest[before-1]
	}
	write := op.Kind != history.Get && op.Status == history.Done
	switch {
	case op.Status == history.Done && op.Version == 0,
		op.Status == history.Conflict && op.Version == *op.If,
		absentFor(op) && q.deleted > op.Return && q.firstDone < op.Call:
		return true
	case write:
		return q.impossibleWrite(op, known)
	case op.Version != 0 && op.Version < known:
		return true
	case op.Kind == history.Get && op.Status == history.Done:
		w, ok := q.done[op.Version]
		first, maybe := q.maybe[op.Value]
		return ok && (w.Kind != history.Put || w.Value != op.Value || w.Call > op.Return) || !ok && (!maybe || first > op.Return)
	}
	return false
}

// impossibleWrite judges a write that is said to be done.
func (q *quick) impossibleWrite(op history.Op, known uint64) bool {
	switch {
	case op.Version <= known || q.done[op.Version].ID != op.ID:
		return true
	case op.If == nil || *op.If == 0:
		return false
	}
	i, _ := slices.BinarySearch(q.versions, op.Version)
	return *op.If < known || i > 0 && q.versions[i-1] > *op.If
}

// absentFor reports whether op was told that the key was absent.
func absentFor(op history.Op) bool {
	done := op.Status == history.Done
	return done && op.Kind != history.Get && op.If != nil && *op.If == 0 || !done && op.Version == 0
}
