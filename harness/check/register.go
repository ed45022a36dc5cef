package check

import (
	"fmt"

	"zeyrho/harness/history"
)

// register is one key of a store as the checkers imagine it: the sequential
// model of model.go and, with every order of the operations tried, of lin.go.
//
// Invariants:
//   - A key that exists has a value; its version is 0 while nobody was told it.
//   - floor is the least version that the last write can have had. Every write
//     has a greater version than the one before it.
//
// A write of unknown outcome may happen at any time after it was called, or
// never. “Never” is “after everything else”, when nobody looks: so step need
// not branch, if whoever orders the operations may put it last.
type register struct {
	exists  bool
	value   int // see values
	version uint64
	floor   uint64
	unseen  bool       // the last operation was a write of unknown outcome
	over    bool       // all operations with a known outcome lie behind
	turn    int        // whose turn it is to look
	used    [kinds]int // how many writes of each kindred have happened
}

// regOp is an operation on a register.
type regOp struct {
	history.Op
	value     int    // Op.Value as a number
	least     uint64 // of a write of unknown outcome: the least version it can have
	ifTaken   bool   // Op.If is the version of a write whose outcome is known
	taken     bool   // Op.Version of a get or a conflict likewise
	noVersion bool   // any version will do; used to find out what would have been right
	end       bool   // not an operation: what follows was never seen by anybody

	// What is known beforehand, so that a search need not find it out: nil for
	// a register that is not searched.
	plan    *plan
	turn    int     // its place among those that look at the same version, or at absence; or among its kindred
	kindred kindred // of a write of unknown outcome
}

// values gives every value a number, so that registers are cheap to compare.
type values map[string]int

func (v values) number(s string) int {
	n, ok := v[s]
	if !ok {
		n = len(v)
		v[s] = n
	}
	return n
}

// step returns the register after o, or false if o cannot have had its outcome
// here.
func (r register) step(o regOp) (register, bool) {
	switch {
	case o.end:
		return register{over: true}, true
	case r.over:
		return r, true
	case o.Outcome == history.Unknown:
		return r.maybe(o)
	}
	ok := true
	switch {
	case o.Status == history.Absent:
		ok = (o.If == nil || *o.If == 0) && r.look(o, false)
	case o.Kind == history.Get:
		if ok = r.exists && r.value == o.value; ok && !o.noVersion {
			r, ok = r.at(o.Version, o.taken)
			ok = ok && r.look(o, true)
		}
	case o.Status == history.Conflict && o.Version == 0:
		ok = *o.If != 0 && r.look(o, false)
	case o.Status == history.Conflict:
		r, ok = r.at(o.Version, o.taken)
		ok = ok && *o.If != o.Version && r.look(o, true)
	default:
		r, ok = r.done(o)
	}
	r.unseen = false
	return r, ok
}

// look counts those that look at the register as it is, and reports whether
// it is as o says, there or absent. Their order does not matter as long as
// nobody writes, so that it may as well be that of their calls.
func (r *register) look(o regOp, there bool) bool {
	if o.plan != nil {
		if o.turn < r.turn || there && o.turn > r.turn {
			return false
		}
		r.turn = o.turn + 1
	}
	return r.exists == there
}

// done is step for a write that took effect.
func (r register) done(o regOp) (register, bool) {
	r, ok := r.write(o)
	if o.noVersion {
		r.floor++
		return r, ok
	}
	ok = ok && o.Version > r.floor && (o.plan == nil || r.floor >= o.plan.before(o.Version))
	r.floor = o.Version
	if r.exists {
		r.version = o.Version
	}
	return r, ok
}

// maybe is step for a write of unknown outcome. Where it would change nothing
// it is refused: it may as well come last.
func (r register) maybe(o regOp) (register, bool) {
	if o.plan != nil && !o.plan.worthwhile(r, o) {
		return r, false
	}
	r, ok := r.write(o)
	r.version, r.floor, r.unseen = 0, max(r.floor+1, o.least), true
	r.used[o.kindred]++
	return r, ok
}

// write changes the register as o asks, without looking at o's version.
func (r register) write(o regOp) (register, bool) {
	ok := true
	switch {
	case o.If == nil && r.unseen && (o.Kind == history.Put || o.Outcome == history.Unknown):
		// The write before it might as well not have happened.
		return r, false
	case o.If != nil && *o.If == 0:
		ok = !r.exists
	case o.If != nil:
		r, ok = r.at(*o.If, o.ifTaken)
	}
	if !ok || o.Kind == history.Delete && !r.exists || o.plan != nil && !o.plan.complete(r) {
		return r, false
	}
	r.exists, r.value, r.version, r.turn = o.Kind == history.Put, o.value, 0, 0
	return r, true
}

// at returns the register when it is known to be at version v. A version that
// belongs to a write of known outcome cannot be that of another.
func (r register) at(v uint64, taken bool) (register, bool) {
	if !r.exists || v == 0 {
		return r, false
	}
	if r.version == 0 && v >= r.floor && !taken {
		r.version, r.floor = v, v
	}
	return r, r.version == v
}

// regOps prepares the operations on one key, in the order of their calls, for
// a register: what did not happen, and reads that nobody got, are left out.
func regOps(ops []history.Op, numbers values) []regOp {
	var out []regOp
	for _, op := range ops {
		read := op.Kind == history.Get || op.Kind == history.Scan
		if op.Outcome == history.Fail || op.Outcome == history.Unknown && read {
			continue
		}
		o := regOp{Op: op}
		if op.Value != "" || op.Kind == history.Put || op.Status == history.Done {
			o.value = numbers.number(op.Value)
		}
		out = append(out, o)
	}
	return out
}

// describe prints a register, given its value.
func (r register) describe(value string) string {
	switch {
	case !r.exists:
		return "absent"
	case r.version == 0:
		return quote(value)
	}
	return shown(value, r.version)
}

func (o regOp) String() string {
	if o.end {
		return "the end of the run"
	}
	if o.Outcome == history.Unknown {
		return fmt.Sprintf("maybe: %s", wish(o.Op))
	}
	return told(o.Op)
}
