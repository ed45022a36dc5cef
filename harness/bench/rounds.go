package bench

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// sample is what one side of one round gave.
type sample struct {
	nanos         float64       // per operation, request or record
	allocs        float64       // per operation; in this process only
	p50, p99      time.Duration // of a request
	writesPerSync float64       // of a store on a disk
	operations    float64       // in a simulated second
	bytes         float64       // of memory, of files, or sent: see the unit
}

// take measures for about so long.
type take func(ctx context.Context, length time.Duration) (sample, error)

// round is a sample of each side, taken one right after the other.
type round struct{ ours, bare sample }

// warmUps is how many rounds are thrown away at the beginning. A loop learns
// meanwhile how many operations fill a sample.
const warmUps = 4

// warm is how many rounds of p are thrown away.
func (p pace) warm() int {
	if p.cold {
		return 0
	}
	return warmUps
}

// planned is how long a comparison should take.
func (p pace) planned() time.Duration { return 2 * p.length * time.Duration(p.warm()+p.rounds) }

// fewest is how many rounds there are at least, if time runs out.
const fewest = 11

// takeTurns measures two sides in rounds. Whoever went first in one round goes
// second in the next, so that being second costs both the same. On a machine
// that is so busy that a round takes much longer than it should, there are
// fewer rounds. It tells progress of every tenth.
func (p pace) takeTurns(ctx context.Context, ours, bare take, progress func(round int)) ([]round, error) {
	var rounds []round
	end := time.Now().Add(p.planned() * 5 / 4)
	for i := range p.warm() + p.rounds {
		if i >= p.warm()+fewest && time.Now().After(end) {
			break
		}
		r, err := oneRound(ctx, i, p.length, ours, bare)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
		if len(rounds)%10 == 0 {
			progress(len(rounds) - p.warm())
		}
	}
	return rounds[p.warm():], ctx.Err()
}

// oneRound takes both sides, in an order that depends on the number of the round.
func oneRound(ctx context.Context, number int, length time.Duration, ours, bare take) (r round, err error) {
	turns := []turn{{ours, &r.ours}, {bare, &r.bare}}
	if number%2 == 1 {
		slices.Reverse(turns)
	}
	for _, t := range turns {
		if *t.into, err = t.take(ctx, length); err != nil {
			return r, err
		}
	}
	return r, nil
}

// turn is one side's part of a round.
type turn struct {
	take take
	into *sample
}

// loop returns a take of run, which does n operations in this process.
func loop(run func(n int)) take {
	n := 1
	return func(ctx context.Context, length time.Duration) (sample, error) {
		var before, after runtime.MemStats
		runtime.GC() // so that nobody cleans up behind the other side
		runtime.ReadMemStats(&before)
		began := time.Now()
		run(n)
		took := max(time.Since(began), 1)
		runtime.ReadMemStats(&after)
		s := sample{
			nanos:  float64(took) / float64(n),
			allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		}
		fit := float64(n) * float64(length) / float64(took)
		n = int(max(1, min(fit, float64(n)*100)))
		return s, ctx.Err()
	}
}

// medianOf returns the median of what pick picks, or 0 of nothing.
func medianOf[T any](all []T, pick func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, one := range all {
		values[i] = pick(one)
	}
	slices.Sort(values)
	switch n := len(values); {
	case n == 0:
		return 0
	case n%2 == 1:
		return values[n/2]
	default:
		return (values[n/2-1] + values[n/2]) / 2
	}
}
