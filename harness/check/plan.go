package check

import (
	"slices"

	"zeyrho/harness/history"
)

// plan is what replies tell about the order of the operations on one key,
// before any order is tried. It leaves a search with little to find out:
// mostly, when writes of unknown outcome happened.
//
//   - Versions grow, so a version that somebody named comes after all smaller
//     ones that were named, and is not left before all who saw it have looked.
//   - A write of unknown outcome that nobody can notice may as well never have
//     happened.
//   - Of two that are alike, the one that was called first may as well be the
//     one that happened first.
//
// So there is an order that keeps to the plan if there is one at all. (The
// tests compare with a search that knows no plan.)
type plan struct {
	named    map[uint64]*mark
	versions []uint64 // of named, sorted
	deletes  bool     // somebody deleted without naming what
	absences bool     // somebody saw the key absent, or asked for that
	guessed  bool     // a condition of unknown outcome names what nobody else names
	values   map[int]*usage
}

// mark is what is known about a version.
type mark struct {
	done  bool // it belongs to a write that is known to be done
	read  bool // somebody read it, with this value:
	value int
	looks int // how many look at it
}

// usage is what is known about a value.
type usage struct {
	writers int  // writes of it whose version nobody was told
	reads   int  // versions with which it was read and that belong to one of them
	anyRead bool // it is read without regard to its version
}

// kindred tells apart writes of unknown outcome of which only the number
// matters, not which of them happened.
type kindred int

const (
	single    kindred = iota // like no other
	deletion                 // unconditional deletes
	unread                   // unconditional puts of values that nobody read
	unreadNew                // the same, if absent
	kinds     = iota
)

// newPlan makes the plan for ops, which are in the order of their calls, and
// gives every one its part of it.
func newPlan(ops []regOp) {
	p := &plan{named: make(map[uint64]*mark), values: make(map[int]*usage)}
	absent := 0
	for i := range ops {
		o := &ops[i]
		o.plan = p
		switch {
		case o.Outcome == history.Unknown || o.noVersion:
		case o.Status == history.Absent || o.Status == history.Conflict && o.Version == 0:
			o.turn = absent
			absent++
		case o.Status == history.Done && o.Kind != history.Get:
			p.mark(o.Version).done = true
		default:
			m := p.mark(o.Version)
			o.turn = m.looks
			m.looks++
			if o.Kind == history.Get {
				m.read, m.value = true, o.value
			}
		}
	}
	p.absences = absent > 0
	for i := range ops {
		p.condition(&ops[i])
	}
	for v := range p.named {
		p.versions = append(p.versions, v)
	}
	slices.Sort(p.versions)
	p.sort(ops)
}

func (p *plan) mark(v uint64) *mark {
	m := p.named[v]
	if m == nil {
		m = &mark{}
		p.named[v] = m
	}
	return m
}

func (p *plan) usage(value int) *usage {
	u := p.values[value]
	if u == nil {
		u = &usage{}
		p.values[value] = u
	}
	return u
}

// condition enters what o's condition says.
func (p *plan) condition(o *regOp) {
	known := o.Outcome == history.OK && o.Status == history.Done
	switch {
	case o.If == nil:
		p.deletes = p.deletes || known && o.Kind == history.Delete
	case *o.If == 0:
		p.absences = true
	case known:
		p.mark(*o.If)
	case o.Outcome == history.Unknown && p.named[*o.If] == nil:
		p.guessed = true
	}
	if m := p.named[o.Version]; m != nil {
		o.taken = m.done
	}
	if o.If != nil && p.named[*o.If] != nil {
		o.ifTaken = p.named[*o.If].done
	}
}

// sort finds out which writes of unknown outcome are alike.
func (p *plan) sort(ops []regOp) {
	for _, o := range ops {
		switch {
		case o.Kind == history.Put && (o.Outcome == history.Unknown || o.noVersion):
			p.usage(o.value).writers++
		case o.Kind == history.Get && o.noVersion:
			p.usage(o.value).anyRead = true
		}
	}
	for _, m := range p.named {
		if m.read && !m.done {
			p.usage(m.value).reads++
		}
	}
	var count [kinds]int
	for i := range ops {
		o := &ops[i]
		if o.Outcome != history.Unknown {
			continue
		}
		nobody := p.usage(o.value).reads == 0 && !p.usage(o.value).anyRead
		switch {
		case o.Kind == history.Delete && o.If == nil:
			o.kindred = deletion
		case o.Kind == history.Put && nobody && o.If == nil:
			o.kindred = unread
		case o.Kind == history.Put && nobody && *o.If == 0:
			o.kindred = unreadNew
		}
		o.turn = count[o.kindred]
		count[o.kindred]++
	}
}

// before returns the greatest named version below v, or 0.
func (p *plan) before(v uint64) uint64 {
	i, _ := slices.BinarySearch(p.versions, v)
	if i == 0 {
		return 0
	}
	return p.versions[i-1]
}

// complete reports whether everybody who looks at r as it is has looked.
func (p *plan) complete(r register) bool {
	m := p.named[r.version]
	return !r.exists || r.version == 0 || m == nil || r.turn == m.looks
}

// worthwhile reports whether it makes a difference if o, a write of unknown
// outcome, happens to r now. A put is noticed by its version, the next that is
// named, or by a delete that finds something; a delete by those who find
// nothing.
func (p *plan) worthwhile(r register, o regOp) bool {
	switch {
	case p.guessed:
		return true
	case o.kindred != single && o.turn != r.used[o.kindred]:
		return false
	case o.Kind == history.Delete:
		return p.absences
	}
	u := p.usage(o.value)
	if u.anyRead || p.deletes && !r.exists && u.reads < u.writers {
		return true
	}
	floor := r.floor
	if o.If != nil {
		floor = max(floor, *o.If)
	}
	i, _ := slices.BinarySearch(p.versions, floor+1)
	if i == len(p.versions) {
		return false
	}
	m := p.named[p.versions[i]]
	return !m.done && (!m.read || m.value == o.value)
}
