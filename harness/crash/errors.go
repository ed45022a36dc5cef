package crash

import (
	"math"
	"math/rand/v2"

	"zeyrho/harness/simdisk"
)

// tryErrors lets every operation of the disk fail in turn, in every way that
// suits it: those of the first process, and those of a process that starts on
// what a crash has left. What is promised: no acknowledgement that is not true,
// and nothing is lost, or comes back, after the next crash.
func tryErrors(x *explorer) {
	x.limits = limits{from: math.MaxInt, to: 1, ends: []End{}}
	x.explore() // to see which operations there are
	trace := x.first.disk.Trace
	for _, op := range trace {
		for _, f := range failures(op, x.plan.Seed) {
			x.withFault(limits{fates: 5, from: f.At + 1, to: f.At + max(1, f.Times) + 6}, Fault{0, f})
		}
		if op.Kind == simdisk.Append { // it is cut off again, and the sync of the cut fails
			cut := simdisk.Fault{At: op.N, Kind: simdisk.EIO, Keep: op.Size}
			x.withFault(limits{fates: 5, from: op.N + 1, to: op.N + 9}, Fault{0, cut}, Fault{0, simdisk.Fault{At: op.N + 2, Kind: simdisk.FailedSync}})
		}
	}
	for _, e := range crashes(trace, x.plan.Seed) {
		x.limits = limits{ends: []End{e}, later: 1}
		x.explore()
		if x.failure != nil {
			return
		}
		for _, op := range x.second.disk.Trace {
			for _, f := range failures(op, x.plan.Seed) {
				x.withFault(limits{ends: []End{e}, later: 3}, Fault{1, f})
			}
		}
	}
}

// failures returns the ways in which an operation can fail. Of an append that
// meets an input/output error, everything has been written nevertheless: that
// is the hardest to take back.
func failures(op simdisk.Op, seed uint64) (out []simdisk.Fault) {
	rng := rand.New(rand.NewPCG(seed, uint64(300+op.N)))
	for _, kind := range []simdisk.FaultKind{simdisk.EIO, simdisk.NoSpace, simdisk.Short, simdisk.FailedSync} {
		if !kind.Suits(op.Kind) {
			continue
		}
		f := simdisk.Fault{At: op.N, Kind: kind}
		switch {
		case op.Kind == simdisk.Append && kind == simdisk.EIO:
			f.Keep = op.Size
		case op.Kind == simdisk.Append:
			f.Keep = rng.IntN(op.Size + 1)
		}
		if kind == simdisk.NoSpace && rng.IntN(2) == 0 {
			f.Times = 6 // it stays full for a while
		}
		out = append(out, f)
	}
	if op.Kind == simdisk.Append { // and what should take it back fails too
		out = append(out, simdisk.Fault{At: op.N, Times: 2, Kind: simdisk.EIO, Keep: rng.IntN(op.Size + 1)})
	}
	return out
}

// crashes returns some ends of the first process, on which restarts are tried
// that meet errors: a kill when all is done, and two losses of power while a
// batch was being synced.
func crashes(trace []simdisk.Op, seed uint64) []End {
	rng := rand.New(rand.NewPCG(seed, 299))
	var syncs []int
	for i, op := range trace {
		if op.Kind == simdisk.Sync && i > 0 && trace[i-1].Kind == simdisk.Append {
			syncs = append(syncs, op.N)
		}
	}
	ends := []End{{Before: len(trace) + 1, Kill: true}}
	for range min(2, len(syncs)) {
		ends = append(ends, End{Before: syncs[rng.IntN(len(syncs))], Fate: simdisk.Fate{math.MaxInt32}}) // the length, and of the bytes none
	}
	return ends
}

// withFault explores the plan with faults.
func (x *explorer) withFault(l limits, faults ...Fault) {
	if x.failure != nil {
		return
	}
	plain := x.plan
	p := plain.copy()
	p.Faults = faults
	x.plan, x.limits = &p, l
	x.report.Coverage.Faults++
	x.explore()
	x.plan = plain
}

// tryLies lets the disk say that it has synced when it has not, from the moment
// on when the store is open. That is outside of its contract, and so of the
// store's: something gets lost.
func tryLies(x *explorer) {
	x.limits = limits{from: math.MaxInt, to: 1, ends: []End{}}
	x.explore()
	at := x.first.opened + 1
	lie := simdisk.Fault{At: at, Times: math.MaxInt32, Kind: simdisk.Lie}
	x.withFault(limits{fates: 16, from: at}, Fault{0, lie})
}
