package crash

import (
	"slices"

	"zeyrho/harness/check"
)

// tests is how many plans shrink tries at most.
const tests = 600

// shrinker cuts a plan that fails down to what is needed to fail.
type shrinker struct {
	plan    Plan
	failure *Failure
	try     func(*explorer)
	left    int

	direct, shallow bool // as in explorer
}

// shrink looks for a smaller plan that breaks the same promise: with fewer
// requests, in fewer batches, and each of them simpler.
func shrink(p Plan, f *Failure, try func(*explorer)) *Failure {
	s := &shrinker{plan: p, failure: f, try: try, left: tests, direct: true, shallow: true}
	same := func(*Plan) {}
	if s.direct = s.accept(same); !s.direct { // what fails early makes a better story
		s.shallow = s.accept(same)
	}
	s.accept(func(p *Plan) { p.SegmentSize = oneFile })
	s.requests()
	s.batches()
	for range 2 {
		s.simplify()
	}
	s.requests()
	return s.failure
}

// accept changes the plan, if it still fails in the same way then.
func (s *shrinker) accept(change func(*Plan)) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	p := s.plan.copy()
	change(&p)
	p.Batches = slices.DeleteFunc(p.Batches, func(b Batch) bool { return len(b.Requests) == 0 && !b.Sync })
	x := &explorer{plan: &p, direct: s.direct, shallow: s.shallow, report: &Report{Verdict: check.Pass, Kinds: map[string]int{}}}
	s.try(x)
	if x.failure == nil || x.failure.Checker != s.failure.Checker {
		return false
	}
	s.plan, s.failure = p, x.failure
	return true
}

// requests removes requests: first half of them, then smaller and smaller
// parts, as long as the rest still fails (ddmin).
func (s *shrinker) requests() {
	for size := (s.plan.Requests() + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < s.plan.Requests(); {
			if !s.accept(func(p *Plan) { p.remove(from, from+size) }) {
				from += size
			}
		}
	}
}

// remove removes the requests with the given numbers, counted over all batches.
func (p *Plan) remove(from, to int) {
	n := 0
	for i := range p.Batches {
		p.Batches[i].Requests = slices.DeleteFunc(p.Batches[i].Requests, func(Request) bool {
			n++
			return n > from && n <= to
		})
	}
}

// batches puts batches together, and leaves out syncs.
func (s *shrinker) batches() {
	for i := len(s.plan.Batches) - 1; i >= 0; i-- {
		if i < len(s.plan.Batches) && s.plan.Batches[i].Sync {
			s.accept(func(p *Plan) { p.Batches[i].Sync = false })
		}
	}
	for i := len(s.plan.Batches) - 1; i > 0; i-- {
		s.accept(func(p *Plan) {
			p.Batches[i-1].Requests = append(p.Batches[i-1].Requests, p.Batches[i].Requests...)
			p.Batches = slices.Delete(p.Batches, i, i+1)
		})
	}
}

// simplify makes what is left simpler, one request at a time.
func (s *shrinker) simplify() {
	for i := range s.plan.Batches {
		for j := range s.plan.Batches[i].Requests {
			r := s.plan.Batches[i].Requests[j]
			for _, simpler := range []func(*Request){
				func(r *Request) { r.Size = 0 },
				func(r *Request) { r.If = "" },
				func(r *Request) { r.Numbered = false },
				func(r *Request) { r.Client = 0 },
			} {
				q := r
				if simpler(&q); q != r && s.accept(func(p *Plan) { p.Batches[i].Requests[j] = q }) {
					r = q
				}
			}
		}
	}
}
