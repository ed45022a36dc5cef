package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"zeyrho/harness/history"
)

const model finder = "model"

// maxWorlds is how many states a key may be in, for all that is known, before
// Model gives up.
const maxWorlds = 4096

// Model is the checker for one client, or several that take turns: every reply
// must be exactly what a sorted map gives that starts empty, and every write
// that is done must have a version greater than any that was ever named.
// Scans are checked item by item, with what they leave out.
//
// A write of unknown outcome may happen at any later time, or never. What is
// not promised is not checked: how short a page may be before its limit.
// Histories in which known operations overlap are for Linearizable; here they
// are inconclusive.
func Model(h *history.History) Finding {
	m := &sequential{numbers: values{}, keys: make(map[string]*modelKey), all: keysOf(h)}
	m.taken = make(map[uint64]bool)
	for _, op := range h.Ops {
		if op.Kind != history.Scan && op.Outcome == history.OK && op.Status == history.Done && op.Kind != history.Get {
			m.taken[op.Version] = true
		}
	}
	var last history.Op
	for _, op := range inOrder(h.Ops) {
		if op.Outcome == history.OK {
			if op.Call < last.Return {
				return model.inconclusive("operations %d and %d overlap: their order is not known", last.ID, op.ID)
			}
			last = op
		}
		if f := m.apply(op); f.Verdict != Pass {
			return f
		}
	}
	return model.pass()
}

// inOrder returns ops in the order of their calls. Nobody changes them: mostly
// they are in that order, and then they are not copied.
func inOrder(ops []history.Op) []history.Op {
	byCall := func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) }
	if slices.IsSortedFunc(ops, byCall) {
		return ops
	}
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, byCall)
	return ops
}

// sequential is the sorted map, as far as it can be known.
type sequential struct {
	numbers values
	keys    map[string]*modelKey
	all     []string        // keys of the whole history, sorted
	taken   map[uint64]bool // versions of the writes that are done
	named   uint64          // the greatest version in any reply so far
	namer   history.Op
}

// modelKey is what may be the case with one key.
type modelKey struct {
	worlds  []world
	pending []regOp // writes of unknown outcome so far
}

// world is one possible state of a key.
type world struct {
	register
	used uint64 // which of pending have happened in it, a bit each
}

func (m *sequential) key(name string) *modelKey {
	k := m.keys[name]
	if k == nil {
		k = &modelKey{worlds: make([]world, 1)}
		m.keys[name] = k
	}
	return k
}

func (m *sequential) apply(op history.Op) Finding {
	switch {
	case op.Outcome == history.Fail:
		return model.pass()
	case op.Outcome == history.Unknown:
		return m.unknown(op)
	case op.Kind == history.Scan:
		return m.scan(op)
	}
	if f := m.version(op); f.Verdict != Pass {
		return f
	}
	return m.reply(op, func(answers string) Finding {
		return model.violation([]int{op.ID}, "%s; right would have been %s", told(op), answers)
	})
}

func (m *sequential) unknown(op history.Op) Finding {
	if op.Kind == history.Get || op.Kind == history.Scan {
		return model.pass()
	}
	k := m.key(op.Key)
	if len(k.pending) == 64 {
		return model.inconclusive("more than 64 writes of %s have an unknown outcome", quote(op.Key))
	}
	o := m.regOp(op)
	o.least = m.named + 1
	k.pending = append(k.pending, o)
	return model.pass()
}

// version checks what a reply says about the whole history: a write has a
// version that is greater than every one that was named before.
func (m *sequential) version(op history.Op) Finding {
	write := op.Kind != history.Get && op.Status == history.Done
	if write && op.Version == 0 {
		return model.violation([]int{op.ID}, "%s, but 0 is no version", told(op))
	}
	if write && op.Version <= m.named {
		return model.violation([]int{op.ID, m.namer.ID}, "%s, after %s: versions must grow", told(op), told(m.namer))
	}
	if op.Version > m.named {
		m.named, m.namer = op.Version, op
	}
	return model.pass()
}

// reply keeps the worlds in which op can have had its reply. If there are
// none, wrong is told which replies would have been right.
func (m *sequential) reply(op history.Op, wrong func(answers string) Finding) Finding {
	k, o := m.key(op.Key), m.regOp(op)
	before := k.reachable()
	next := make(map[world]bool)
	for _, w := range before {
		if r, ok := w.step(o); ok {
			next[world{r, w.used}] = true
		}
	}
	switch {
	case len(next) == 0:
		return wrong(m.answers(op, before))
	case len(next) > maxWorlds:
		return model.inconclusive("too many writes of %s have an unknown outcome to follow them all", quote(op.Key))
	}
	k.worlds = k.worlds[:0]
	for w := range next {
		k.worlds = append(k.worlds, w)
	}
	return model.pass()
}

func (m *sequential) regOp(op history.Op) regOp {
	o := regOp{Op: op, value: m.numbers.number(op.Value), taken: m.taken[op.Version]}
	o.ifTaken = op.If != nil && m.taken[*op.If]
	return o
}

// reachable returns the worlds, and those that writes of unknown outcome can
// make of them now.
func (k *modelKey) reachable() []world {
	seen := make(map[world]bool)
	out := slices.Clone(k.worlds)
	for i := 0; i < len(out) && len(out) <= maxWorlds; i++ {
		for bit, o := range k.pending {
			if out[i].used&(1<<bit) != 0 {
				continue
			}
			if r, ok := out[i].step(o); ok && !seen[world{r, out[i].used | 1<<bit}] {
				next := world{r, out[i].used | 1<<bit}
				seen[next] = true
				out = append(out, next)
			}
		}
	}
	return out
}

// answers says what op could have been told in any of the worlds.
func (m *sequential) answers(op history.Op, worlds []world) string {
	names := make([]string, len(m.numbers))
	for v, n := range m.numbers {
		names[n] = v
	}
	var right []string
	for _, w := range worlds {
		right = append(right, w.answer(op, names[w.value]))
	}
	slices.Sort(right)
	return strings.Join(slices.Compact(right), " or ")
}

// answer says what op should be told of a register that holds value.
func (r register) answer(op history.Op, value string) string {
	fits := op.If == nil || *op.If == 0 && !r.exists || *op.If != 0 && *op.If == r.version
	switch {
	case op.Kind == history.Get:
		return r.describe(value)
	case fits && op.Kind == history.Delete && !r.exists:
		return "that there is nothing to delete"
	case fits:
		return "done"
	case !r.exists:
		return "a conflict, the key being absent"
	case r.version == 0:
		return "a conflict"
	}
	return fmt.Sprintf("a conflict, the key being at version %d", r.version)
}

// scan checks a page: its shape, then every key that it speaks about.
func (m *sequential) scan(op history.Op) Finding {
	if wrong := pageShape(op); wrong != "" {
		return model.violation([]int{op.ID}, "%s and %s", told(op), wrong)
	}
	for _, get := range reads(op, m.all) {
		m.version(get)
		f := m.reply(get, func(answers string) Finding {
			saw := "did not get " + quote(get.Key)
			if get.Status == history.Done {
				saw = fmt.Sprintf("got %s as %s", quote(get.Key), shown(get.Value, get.Version))
			}
			return model.violation([]int{op.ID}, "%s and %s; right would have been %s", told(op), saw, answers)
		})
		if f.Verdict != Pass {
			return f
		}
	}
	return m.more(op)
}

// more checks that a page that says that there is more tells the truth.
func (m *sequential) more(op history.Op) Finding {
	if !op.More {
		return model.pass()
	}
	last := op.Items[len(op.Items)-1].Key
	for _, key := range m.all {
		if key <= last || !strings.HasPrefix(key, op.Key) {
			continue
		}
		if slices.ContainsFunc(m.key(key).reachable(), func(w world) bool { return w.exists }) {
			return model.pass()
		}
	}
	return model.violation([]int{op.ID}, "%s and was told that there is more after %s, but there is nothing", told(op), quote(last))
}
