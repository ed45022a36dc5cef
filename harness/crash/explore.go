package crash

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"zeyrho/harness/simdisk"
)

// limits say how thoroughly the ends of processes are tried.
type limits struct {
	fates  int   // of the first process, at each of its operations
	later  int   // of the second, likewise
	nested int   // of so many crashes in a hundred, also the restart is interrupted
	from   int   // the first process is watched from this operation on
	to     int   // and up to this one, and at its end; 0 is all the time
	ends   []End // if set, the first process ends in these ways only
}

// explorer tries the ends of processes.
type explorer struct {
	plan   *Plan
	limits limits
	report *Report
	// direct leaves out what goes wrong only when a restart is interrupted, and
	// shallow what goes wrong only when a store that was started again has gone
	// on for a while.
	direct, shallow bool

	path   []End // how the processes so far have ended
	story  *story
	first  *process // number 0, when it has run
	second *process // number 1, the last of them

	failure *Failure
	hash    uint64
}

// Failure is a broken promise.
type Failure struct {
	Checker string
	Reason  string
	plan    Plan // with everything that led to it
}

// fail keeps the first thing that is wrong.
func (x *explorer) fail(checker, reason string) {
	if x.failure != nil {
		return
	}
	p := x.plan.copy()
	if p.Ends = append([]End{}, x.path...); len(x.path) == 0 {
		p.Ends = []End{{Before: -1}} // it happened before any process ended
	}
	x.failure = &Failure{checker, reason, p}
	x.tell("=> %s", reason)
	x.story.close()
}

// mix adds text to the hash of everything that happened.
func (x *explorer) mix(text string) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%016x %s", x.hash, text)
	x.hash = h.Sum64()
}

// explore runs the plan, and tries every end of it that the limits allow; or,
// if the plan names the ends, these. It stops at the first failure.
func (x *explorer) explore() {
	p := x.newProcess(0, simdisk.New(), newBook(x.plan), true)
	x.first = p
	p.survive(func() {
		if p.open() {
			p.run()
		}
	})
	x.count(p)
	p.lastEnd()
	x.mix(fmt.Sprint(p.disk.Hash()))
}

// count adds to the coverage what the first process did.
func (x *explorer) count(p *process) {
	segments := 0
	for _, op := range p.disk.Trace {
		if op.Kind == simdisk.Rename {
			segments++
		}
	}
	x.report.Coverage.Rotations += max(0, segments-1)
	x.report.Coverage.Acknowledged += p.book.acked
	x.report.Coverage.Operations += len(p.disk.Trace)
}

// lastEnd tries what can end the process when it has nothing more to do.
func (p *process) lastEnd() {
	op := simdisk.Op{N: len(p.disk.Trace) + 1}
	if p.watched {
		p.end(op)
	}
}

// end tries the ways in which the process may end just before op, each with
// what comes then.
func (p *process) end(op simdisk.Op) {
	x := p.x
	if x.failure != nil || p.number == 0 && x.outside(op) {
		return
	}
	if ends := x.named(p.number); ends != nil {
		for _, e := range ends {
			if e.Before == op.N && len(x.path) == p.number {
				p.endAs(op, e)
				x.story.close() // the process runs on, in a world that nobody looks at
			}
		}
		return
	}
	limit := x.limits.fates
	if p.number > 0 {
		limit = x.limits.later
	}
	rng := rand.New(rand.NewPCG(x.plan.Seed, uint64(200+1000*len(x.path)+op.N)))
	fates, all := p.disk.Fates(limit, rng)
	if !all && p.number == 0 {
		x.report.Coverage.Drawn++
	}
	for _, f := range fates {
		if p.disk.LostNames(f) > 0 {
			x.report.Coverage.LostNames++
		}
		p.endAs(op, End{Before: op.N, Fate: f})
	}
	if p.number == 0 {
		p.endAs(op, End{Before: op.N, Kill: true})
	}
}

// outside says whether the first process is not to end before op.
func (x *explorer) outside(op simdisk.Op) bool {
	l, over := x.limits, op.Kind == ""
	return op.N < l.from || l.to > 0 && op.N > l.to && !over
}

// named returns the ends that are named for a process; nil if any will do.
func (x *explorer) named(process int) []End {
	switch {
	case x.plan.Ends != nil:
		return append([]End{}, x.plan.Ends[min(process, len(x.plan.Ends)):min(process+1, len(x.plan.Ends))]...)
	case process == 0:
		return x.limits.ends
	}
	return nil
}

// endAs lets the process end, starts the next one and looks what it makes of
// what it finds.
func (p *process) endAs(op simdisk.Op, e End) {
	x := p.x
	if x.failure != nil {
		return
	}
	x.path = append(x.path, e)
	defer func() { x.path = x.path[:len(x.path)-1] }()
	x.tellEnd(p, op, e)
	d, must, kind := p.disk.Clone(), p.book.acked, "kill"
	if !e.Kill {
		d, must, kind = p.disk.After(e.Fate), p.book.safe, "power"
	}
	switch {
	case e.Rot != nil:
		e.Rot.apply(d)
		kind = string(e.Rot.Kind)
	case p.number > 0:
		kind = x.path[0].kind() + ", then " + kind
	}
	x.report.Kinds[kind]++
	x.report.States++
	next := x.newProcess(p.number+1, d, p.book.copy(), x.watch(p.number+1))
	if next.number == 1 {
		x.second = next
	}
	next.survive(func() {
		if e.Rot != nil {
			next.rotten(*e.Rot)
		} else {
			next.again(must)
		}
	})
	x.mix(fmt.Sprint(d.Hash()))
}

func (e End) kind() string {
	if e.Kill {
		return "kill"
	}
	return "power"
}

// watch says whether the ends of the process that comes next are tried: of
// some that follow on a loss of power, and of all that follow on a kill, for
// they found bytes that were not synced.
func (x *explorer) watch(number int) bool {
	switch {
	case x.plan.Ends != nil:
		return number < len(x.plan.Ends)
	case number > 1 || x.direct:
		return false
	case x.path[0].Kill, len(x.plan.faults(number)) > 0:
		return true
	}
	rng := rand.New(rand.NewPCG(x.plan.Seed, uint64(7_000_000+x.report.States)))
	return rng.IntN(100) < x.limits.nested
}

// again is a process that is not the first.
func (p *process) again(must int) {
	if !p.open() {
		if p.x.failure == nil {
			p.lastEnd()
		}
		return
	}
	p.look(must)
	if p.x.failure != nil || p.number > 1 || p.x.shallow {
		return
	}
	p.goOn()
	switch {
	case p.x.failure != nil:
	case p.watched:
		p.lastEnd()
	default: // once more, and only what was synced is there
		p.endAs(simdisk.Op{N: len(p.disk.Trace) + 1}, End{Before: len(p.disk.Trace) + 1})
	}
}
