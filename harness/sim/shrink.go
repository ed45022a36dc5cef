package sim

import (
	"slices"
	"time"

	"zeyrho/harness/check"
)

// tries is how many plans Shrink carries out at most.
const tries = 500

// shrinker cuts a plan that breaks a promise down to what is needed for that.
type shrinker struct {
	report *Report // of the smallest plan so far
	left   int
}

// Shrink looks for a smaller plan that breaks the same promise as r does: with
// fewer faults, then fewer clients, then fewer operations. It returns the report
// of that.
func Shrink(r *Report) *Report {
	if r.Verdict != check.Violation {
		return r
	}
	s := &shrinker{r, tries}
	s.time()
	s.faults()
	s.plainer()
	if s.scripted() {
		s.clients()
		s.operations()
		s.faults()
	}
	return s.report
}

// accept carries out a plan that was changed, and keeps it if it breaks the same
// promise.
func (s *shrinker) accept(change func(*Plan)) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	p := s.report.Plan.copy()
	change(&p)
	r, err := Run(p, false)
	if err != nil || r.Verdict != check.Violation || r.Checker != s.report.Checker {
		return false
	}
	s.report = r
	return true
}

// time lets the faults end soon after the promise was broken.
func (s *shrinker) time() {
	if s.report.shown > 0 {
		end := max(s.report.shown-s.report.begun, 0)
		s.accept(func(p *Plan) { p.Times.Faults = Span(end + 100*time.Millisecond) })
	}
	s.accept(func(p *Plan) {
		p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool { return f.At > p.Times.Faults })
	})
}

// remove tries to do without parts of something of which there are n: first
// without half of it, then without smaller and smaller parts (ddmin).
func (s *shrinker) remove(n func() int, without func(p *Plan, from, to int)) {
	for size := (n() + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < n(); {
			if !s.accept(func(p *Plan) { without(p, from, min(from+size, n())) }) {
				from += size
			}
		}
	}
}

func (s *shrinker) faults() {
	s.remove(func() int { return len(s.report.Plan.Faults) }, func(p *Plan, from, to int) {
		p.Faults = slices.Delete(p.Faults, from, to)
	})
}

// plainer tries a smaller cluster, and faults that need not hit a certain moment.
func (s *shrinker) plainer() {
	s.accept(func(p *Plan) { p.Nodes, p.Acks = 3, min(p.Acks, 2) })
	s.accept(func(p *Plan) { p.Segment = 1 << 20 })
	s.accept(func(p *Plan) { p.Work.Size = 0 })
	for i := range s.report.Plan.Faults {
		if s.report.Plan.Faults[i].Op > 0 {
			s.accept(func(p *Plan) { p.Faults[i].Op = 0 })
		}
	}
}

// asked are the promises that only mean something while clients ask for as much as
// they were to ask for.
var asked = []string{"liveness", "gap", "goodput", "coverage"}

// scripted writes down what the clients do, so that it can be cut. What nobody
// does cannot be answered: where that is what is wrong, it stays as it is.
func (s *shrinker) scripted() bool {
	if slices.Contains(append(asked, "convergence", "cost"), s.report.Checker) {
		return false
	}
	s.accept(func(p *Plan) { p.Times.Settle, p.Times.Live = Span(500*time.Millisecond), Span(100*time.Millisecond) })
	return s.report.Plan.Work.Script != nil || s.accept(func(p *Plan) {
		script := make([][]Op, p.Work.Clients)
		for i := range script {
			d := newDrawer(p, i)
			for n := range s.report.done[i] {
				op, _ := d.op(n)
				script[i] = append(script[i], op)
			}
		}
		p.Work.Script = script
	})
}

// clients removes those that do something, all that they do.
func (s *shrinker) clients() {
	busy := func(p *Plan) (all []int) {
		for i, ops := range p.Work.Script {
			if len(ops) > 0 {
				all = append(all, i)
			}
		}
		return all
	}
	s.remove(func() int { return len(busy(s.report.Plan)) }, func(p *Plan, from, to int) {
		for _, i := range busy(p)[from:to] {
			p.Work.Script[i] = nil
		}
	})
}

// operations removes them, those of all clients in a row. Those that are left
// begin when they did.
func (s *shrinker) operations() {
	n := func() (n int) {
		for _, ops := range s.report.Plan.Work.Script {
			n += len(ops)
		}
		return n
	}
	s.remove(n, func(p *Plan, from, to int) {
		at := 0
		for i, ops := range p.Work.Script {
			var kept []Op
			var pause Span
			for _, op := range ops {
				if pause += op.Pause; at < from || at >= to {
					op.Pause, pause = pause, 0
					kept = append(kept, op)
				}
				at++
			}
			p.Work.Script[i] = kept
		}
	})
}
