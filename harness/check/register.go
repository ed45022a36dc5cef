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
	unseen  bool // the last operation was a write of unknown outcome
	over    bool // all operations with a known outcome lie behind
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
		ok = !r.exists && (o.If == nil || *o.If == 0)
	case o.Kind == history.Get:
		if ok = r.exists && r.value == o.value; ok && !o.noVersion {
			r, ok = r.at(o.Version, o.taken)
		}
	case o.Status == history.Conflict && o.Version == 0:
		ok = !r.exists && *o.If != 0
	case o.Status == history.Conflict:
		r, ok = r.at(o.Version, o.taken)
		ok = ok && *o.If != o.Version
	default:
		r, ok = r.done(o)
	}
	r.unseen = false
	return r, ok
}

// done is step for a write that took effect.
func (r register) done(o regOp) (register, bool) {
	r, ok := r.write(o)
	if o.noVersion {
		r.floor++
		return r, ok
	}
	ok = ok && o.Version > r.floor
	r.floor = o.Version
	if r.exists {
		r.version = o.Version
	}
	return r, ok
}

// maybe is step for a write of unknown outcome. Where it would change nothing
// it is refused: it may as well come last.
func (r register) maybe(o regOp) (register, bool) {
	r, ok := r.write(o)
	r.version, r.floor, r.unseen = 0, max(r.floor+1, o.least), true
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
	if !ok || o.Kind == history.Delete && !r.exists {
		return r, false
	}
	r.exists, r.value, r.version = o.Kind == history.Put, o.value, 0
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

// regOps prepares the operations on one key for a register: what did not
// happen, and reads that nobody got, are left out.
func regOps(ops []history.Op, numbers values) []regOp {
	known := make(map[uint64]bool)
	for _, op := range ops {
		if op.Kind != history.Get && op.Outcome == history.OK && op.Status == history.Done {
			known[op.Version] = true
		}
	}
	var out []regOp
	for _, op := range ops {
		read := op.Kind == history.Get || op.Kind == history.Scan
		if op.Outcome == history.Fail || op.Outcome == history.Unknown && read {
			continue
		}
		o := regOp{Op: op, value: numbers.number(op.Value), taken: known[op.Version]}
		if op.Kind == history.Get && op.Status == history.Absent || op.Kind == history.Delete {
			o.value = 0
		}
		o.ifTaken = op.If != nil && known[*op.If]
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
