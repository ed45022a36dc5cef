// Package crash answers: what does a store hold after the power went, whenever
// that was?
//
// It runs a workload against the engine of step 04 on a simulated disk. Before
// every single operation on that disk it stops the world and tries how the
// process may end there: by a loss of power, with every legal fate of what was
// not synced (or many, drawn, where there are too many), and by a kill, after
// which everything that was written is still in the memory of the operating
// system. Each time another process is started on what is left, which may be
// interrupted in its turn. What it holds must be a beginning of the log of
// requests, and no shorter than what was promised.
//
// The same is done with a disk on which operations fail, one after another, and
// with one on which bits rot. Nothing in here is real, and everything repeats
// to the letter: a plan is run twice with the same result.
package crash

import (
	"fmt"
	"slices"

	"zeyrho/harness/check"
)

// Options say what is to be tried.
type Options struct {
	What   string // power, errors, rot or lying-sync
	Sync   string // batch, interval or never
	Seed   uint64
	States int  // about so many crash states; workloads are added until there are
	Shrink bool // cut a plan that fails down to what is needed
}

// Report is what came of it.
type Report struct {
	What     string         `json:"what"`
	Sync     string         `json:"sync"`
	Seed     uint64         `json:"seed"`
	Verdict  check.Verdict  `json:"verdict"`
	States   int            `json:"states"` // crash states that were tried
	Kinds    map[string]int `json:"kinds"`  // of each kind
	Coverage Coverage       `json:"coverage"`
	Hash     string         `json:"hash"` // of everything that happened

	Checker string `json:"checker,omitempty"` // the promise that is broken
	Reason  string `json:"reason,omitempty"`  // how, in a sentence
	Story   string `json:"story,omitempty"`   // what led to it
	Plan    *Plan  `json:"plan,omitempty"`    // that shows it again
}

// Coverage says what a run has come across.
type Coverage struct {
	Workloads    int `json:"workloads"`
	Operations   int `json:"operations"`   // of the disk, in first processes
	Acknowledged int `json:"acknowledged"` // requests
	Rotations    int `json:"rotations"`    // new segments beside the first
	TornTails    int `json:"torn_tails"`   // that were cut off by a restart
	LostNames    int `json:"lost_names"`   // crash states in which a name was lost
	Drawn        int `json:"drawn"`        // moments with too many fates to try them all
	Faults       int `json:"faults"`       // of the disk, injected
	LivedOn      int `json:"lived_on"`     // processes that went on to acknowledge after one
	Stopped      int `json:"stopped"`      // processes that came to their end by one
	Confessed    int `json:"confessed"`    // damage that nothing can tell from a torn tail
	Lossy        int `json:"lossy"`        // restarts that lack what was acknowledged, as the policy allows
	Lost         int `json:"lost"`         // requests that were missing then, at most
}

// batches is the length of a workload.
const batches = 10

// tries has what can be tried, by name.
func tries() map[string]func(*explorer) {
	return map[string]func(*explorer){"power": tryPower, "errors": tryErrors, "rot": tryRot, "lying-sync": tryLies}
}

// Run tries everything that o asks for, and stops at the first failure.
func Run(o Options) (*Report, error) {
	try, ok := tries()[o.What]
	if !ok {
		return nil, fmt.Errorf("crash: nothing is called %q; there are power, errors, rot and lying-sync", o.What)
	}
	if !slices.Contains([]string{Batchwise, Interval, Never}, o.Sync) {
		return nil, fmt.Errorf("crash: no policy %q; there are batch, interval and never", o.Sync)
	}
	if o.What == "rot" && o.Sync != Batchwise {
		return nil, fmt.Errorf("crash: what rots must have been synced; the policy must be batch")
	}
	r := &Report{What: o.What, Sync: o.Sync, Seed: o.Seed, Verdict: check.Pass, Kinds: map[string]int{}}
	var hash uint64
	for i := uint64(0); r.States < max(o.States, 1); i++ {
		p := draw(o.What, o.Sync, o.Seed+i<<32, batches)
		x := &explorer{plan: &p, report: r, hash: hash}
		try(x)
		r.Coverage.Workloads++
		if hash = x.hash; x.failure != nil {
			r.blame(p, x.failure, try, o.Shrink)
			break
		}
	}
	r.Hash = fmt.Sprintf("%016x", hash)
	r.doubt()
	return r, nil
}

// tryPower cuts the power.
func tryPower(x *explorer) {
	x.limits = limits{fates: 64, later: 6, nested: 4}
	x.explore()
}

// doubt makes a pass inconclusive if what should have been tried did not come
// up.
func (r *Report) doubt() {
	c, missing := r.Coverage, ""
	switch {
	case r.Verdict != check.Pass:
		return
	case r.What == "power" && c.TornTails == 0:
		missing = "no restart found a torn tail"
	case r.What == "power" && c.Rotations == 0:
		missing = "no segment was ever full"
	case r.What == "power" && c.LostNames == 0:
		missing = "no name was ever lost"
	case r.What == "errors" && c.LivedOn == 0:
		missing = "no store lived on after an error of its disk"
	case r.What == "errors" && c.Stopped == 0:
		missing = "no store came to its end by an error of its disk"
	case c.Acknowledged == 0:
		missing = "nothing was acknowledged"
	}
	if missing != "" {
		r.Verdict, r.Checker, r.Reason = check.Inconclusive, "coverage", "too little happened: "+missing
	}
}

// blame reports a failure.
func (r *Report) blame(p Plan, f *Failure, try func(*explorer), shrunken bool) {
	if shrunken {
		f = shrink(p, f, try)
	}
	p = f.plan
	told := replay(p)
	r.Verdict, r.Checker, r.Reason = check.Violation, f.Checker, f.Reason
	r.Story, r.Plan = told.Story, &p
	if told.Reason != f.Reason {
		r.Reason += fmt.Sprintf(" (and when it was run again, something else: %s)", told.Reason)
	}
}

// Replay runs a plan again. If it names the ends of its processes, as the plan
// of a report does, it tells what happens.
func Replay(p Plan) (*Report, error) {
	try, ok := tries()[p.What]
	switch {
	case !ok || !slices.Contains([]string{Batchwise, Interval, Never}, p.Sync):
		return nil, fmt.Errorf("crash: a plan for %q with the policy %q makes no sense", p.What, p.Sync)
	case p.Ends != nil:
		return replay(p), nil
	}
	r := &Report{What: p.What, Sync: p.Sync, Seed: p.Seed, Verdict: check.Pass, Kinds: map[string]int{}}
	x := &explorer{plan: &p, report: r}
	try(x)
	r.Coverage.Workloads = 1
	r.Hash = fmt.Sprintf("%016x", x.hash)
	if x.failure != nil {
		r.blame(p, x.failure, try, false)
	}
	return r, nil
}

func replay(p Plan) *Report {
	r := &Report{What: p.What, Sync: p.Sync, Seed: p.Seed, Verdict: check.Pass, Kinds: map[string]int{}, Plan: &p}
	x := &explorer{plan: &p, report: r, story: &story{}, limits: limits{fates: 64}}
	x.explore()
	r.Hash, r.Story = fmt.Sprintf("%016x", x.hash), x.story.text()
	r.Coverage.Workloads = 1
	if x.failure != nil {
		r.Verdict, r.Checker, r.Reason = check.Violation, x.failure.Checker, x.failure.Reason
	}
	return r
}
