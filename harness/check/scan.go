package check

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"zeyrho/harness/history"
)

const scans finder = "scan"

// Scans is the checker of pages: a page shows the store at one instant between
// its call and its return. Versions are positions in one history, so that
// there must be a version V at which the whole page was true: every item the
// last write to its key up to V, and every key that the page leaves out absent
// at V. V is at least every version that was named before the scan was called,
// and less than that of every write that was called after its return.
//
// Of a write of unknown outcome it knows only what replies name. It therefore
// never blames a store for one, and may miss a page that is wrong because of
// one. It trusts versions: run Versions beside it. It does not compare pages
// with one another: several pages are several instants.
func Scans(h *history.History) Finding {
	w := newWrites(h)
	for _, op := range inOrder(h.Ops) {
		if op.Kind != history.Scan || op.Outcome != history.OK {
			continue
		}
		if f := w.page(op); f.Verdict != Pass {
			return f
		}
	}
	return scans.pass()
}

// writes is what replies tell about the history of a store.
type writes struct {
	sorted []string                   // all keys
	keys   map[string][]claim         // by version, one a version
	puts   map[string]map[string]bool // key, value: somebody may have put it
	maybe  map[string]bool            // keys with a delete of unknown outcome

	named    []claim // by Return
	greatest []claim // of named, up to each
	coming   []claim // writes, by Call
	least    []claim // of coming, from each on
}

func newWrites(h *history.History) *writes {
	w := &writes{sorted: keysOf(h), keys: make(map[string][]claim),
		puts: make(map[string]map[string]bool), maybe: make(map[string]bool)}
	for _, key := range w.sorted {
		w.puts[key] = make(map[string]bool)
	}
	for _, op := range h.Ops {
		if op.Kind == history.Delete && op.Outcome == history.Unknown {
			w.maybe[op.Key] = true
		}
		if op.Kind == history.Put && (op.Outcome == history.Unknown || op.Status == history.Done) {
			w.puts[op.Key][op.Value] = true
		}
	}
	w.order(claims(h))
	return w
}

// order makes the claims ready to be searched by key, by Return and by Call.
func (w *writes) order(named []claim) {
	w.named = named
	for i, c := range named {
		w.keys[c.Key] = append(w.keys[c.Key], c)
		if c.write {
			w.coming = append(w.coming, c)
		}
		if i > 0 && w.greatest[i-1].Version > c.Version {
			c = w.greatest[i-1]
		}
		w.greatest = append(w.greatest, c)
	}
	slices.SortStableFunc(w.coming, func(a, b claim) int { return cmp.Compare(a.Call, b.Call) })
	w.least = slices.Clone(w.coming)
	for i := len(w.least) - 2; i >= 0; i-- {
		if w.least[i+1].Version < w.least[i].Version {
			w.least[i] = w.least[i+1]
		}
	}
	for key, list := range w.keys {
		slices.SortStableFunc(list, func(a, b claim) int {
			return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(b.weight(), a.weight()))
		})
		w.keys[key] = slices.CompactFunc(list, func(a, b claim) bool { return a.Version == b.Version })
	}
}

// weight puts the reply to a write before what others say about it.
func (c claim) weight() int {
	switch {
	case c.write:
		return 2
	case c.exact:
		return 1
	}
	return 0
}

// before returns the claim with the greatest version that was named before an
// instant.
func (w *writes) before(instant int64) claim {
	n, _ := slices.BinarySearchFunc(w.named, instant, func(c claim, t int64) int { return cmp.Compare(c.Return, t) })
	if n == 0 {
		return claim{}
	}
	return w.greatest[n-1]
}

// after returns the write with the least version that was called after an
// instant.
func (w *writes) after(instant int64) claim {
	n, _ := slices.BinarySearchFunc(w.coming, instant+1, func(c claim, t int64) int { return cmp.Compare(c.Call, t) })
	if n == len(w.least) {
		return claim{Op: history.Op{Version: math.MaxUint64}}
	}
	return w.least[n]
}

// next returns the first write to key after version v, if there is one.
func (w *writes) next(key string, v uint64) (claim, bool) {
	list := w.keys[key]
	n, _ := slices.BinarySearchFunc(list, v+1, func(c claim, v uint64) int { return cmp.Compare(c.Version, v) })
	if n == len(list) {
		return claim{}, false
	}
	return list[n], true
}

// absentAt says whether key may have been absent at version v.
func (w *writes) absentAt(key string, v uint64) bool {
	list := w.keys[key]
	n, _ := slices.BinarySearchFunc(list, v+1, func(c claim, v uint64) int { return cmp.Compare(c.Version, v) })
	return n == 0 || list[n-1].delete || w.maybe[key]
}

// span is the versions at which a page can have been true, from low to just
// below high, and what makes the borders: items, and what replaced them.
type span struct {
	low, high         uint64
	lowItem, highItem history.Item // Version 0: the border is another
	lowWhy, highWhy   claim
}

func (w *writes) page(op history.Op) Finding {
	if wrong := pageShape(op); wrong != "" {
		return scans.violation([]int{op.ID}, "%s and %s", told(op), wrong)
	}
	s := span{lowWhy: w.before(op.Call), highWhy: w.after(op.Return)}
	s.low, s.high = s.lowWhy.Version, s.highWhy.Version
	for _, it := range op.Items {
		if !w.puts[it.Key][it.Value] {
			return scans.violation([]int{op.ID}, "%s: the page shows %s as %s, which nobody wrote",
				told(op), quote(it.Key), shown(it.Value, it.Version))
		}
		if it.Version > s.low {
			s.low, s.lowItem, s.lowWhy = it.Version, it, claim{}
		}
		if c, ok := w.next(it.Key, it.Version); ok && c.Version < s.high {
			s.high, s.highItem, s.highWhy = c.Version, it, c
		}
	}
	if s.low >= s.high {
		return s.violation(op)
	}
	return w.gaps(op, s)
}

// gaps looks for a version of s at which all keys that the page covers and
// does not show were absent.
func (w *writes) gaps(op history.Op, s span) Finding {
	var absent []string
	instants := []uint64{s.low}
	from, _ := slices.BinarySearch(w.sorted, op.Key)
	for _, key := range w.sorted[from:] {
		if !strings.HasPrefix(key, op.Key) {
			break
		}
		if _, there := shownBy(op, key); there || !covers(op, key) {
			continue
		}
		absent = append(absent, key)
		for _, c := range w.keys[key] {
			if c.delete && s.low < c.Version && c.Version < s.high {
				instants = append(instants, c.Version)
			}
		}
	}
	var missed string
	for _, v := range slices.Backward(instants) {
		n := slices.IndexFunc(absent, func(key string) bool { return !w.absentAt(key, v) })
		if n < 0 {
			return scans.pass()
		}
		missed = absent[n]
	}
	return w.missing(op, s, missed)
}

func (w *writes) missing(op history.Op, s span, key string) Finding {
	list := w.keys[key]
	n, _ := slices.BinarySearchFunc(list, s.low+1, func(c claim, v uint64) int { return cmp.Compare(c.Version, v) })
	put := list[n-1]
	return scans.violation([]int{op.ID, put.ID}, "%s: the page leaves out %s, which was there when the rest of the page became true (at version %d): %s",
		told(op), quote(key), s.low, told(put.Op))
}

func (s span) violation(op history.Op) Finding {
	low, high := s.lowItem, s.highItem
	ids := []int{op.ID}
	for _, c := range []claim{s.lowWhy, s.highWhy} {
		if c.Version != 0 && c.Version != math.MaxUint64 {
			ids = append(ids, c.ID)
		}
	}
	switch {
	case low.Version != 0 && high.Version != 0:
		return scans.violation(ids, "%s: the page shows %s as %s beside %s as %s, but the latter had been replaced by version %d before: no instant had both (%s)",
			told(op), quote(low.Key), shown(low.Value, low.Version), quote(high.Key), shown(high.Value, high.Version), s.high, told(s.highWhy.Op))
	case high.Version != 0:
		return scans.violation(ids, "%s: the page shows %s as %s, which version %d had replaced, although version %d had been named before the scan was called at %s: %s",
			told(op), quote(high.Key), shown(high.Value, high.Version), s.high, s.low, at(op.Call), told(s.lowWhy.Op))
	case low.Version != 0:
		return scans.violation(ids, "%s: the page shows %s as %s, although version %d belongs to a write that was called only later, at %s: %s",
			told(op), quote(low.Key), shown(low.Value, low.Version), s.high, at(s.highWhy.Call), told(s.highWhy.Op))
	}
	return scans.violation(ids, "%s, but no instant is left for it: version %d had been named before it was called, and version %d belongs to a write that was called later",
		told(op), s.low, s.high)
}
