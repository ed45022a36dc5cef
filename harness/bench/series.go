package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Series is what several programs do where something gets more and more.
type Series struct {
	Machine  Machine  `json:"machine"`
	Settings Settings `json:"settings"`
	Of       string   `json:"of"` // what there is more and more of
	Places   []Place  `json:"places"`
}

// Place is where there is so much of it. All places have the same sides.
type Place struct {
	At    int    `json:"at"`
	Sides []Side `json:"sides"`
}

// RunSeries measures a series: "acks" is step 04 and step 05 with every meaning of
// an acknowledgement, under more and more clients who write; "growth" is step 05
// and step 06 after more and more writes. See Run.
func RunSeries(ctx context.Context, o Options, name string) (*Series, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := newBench(ctx, o)
	defer b.close()
	s := &Series{Machine: thisMachine()}
	switch name {
	case "acks":
		s.Of = "clients"
		s.Places, err = b.acks(ctx, []int{1, 2, 4, 8, 16, 32, 64})
	case "growth":
		s.Of = "writes"
		s.Places, err = b.growth(ctx, 10, 100_000)
	default:
		return nil, fmt.Errorf("there is no series %q; there are acks and growth", name)
	}
	s.Settings = b.settings()
	return s, err
}

// runner is one of several that take turns.
type runner struct {
	name string
	take take
}

// rounds lets runners take turns, the next one first in every round, and returns
// what each of them did.
func rounds(ctx context.Context, p pace, runners []runner, samples [][]sample, number int) error {
	for i := range runners {
		at := (number + i) % len(runners)
		s, err := runners[at].take(ctx, p.length)
		if err != nil {
			return fmt.Errorf("%s: %w", runners[at].name, err)
		}
		if number >= p.warm() {
			samples[at] = append(samples[at], s)
		}
	}
	return ctx.Err()
}

// sides sums up what runners did.
func sides(u *unit, runners []runner, samples [][]sample) (all []Side) {
	for i, r := range runners {
		one := Side{Name: r.name}
		u.tell(&one, func(size func(sample) float64) float64 { return medianOf(samples[i], size) })
		all = append(all, one)
	}
	return all
}

// acks lets more and more clients write to step 04, and to three nodes of step
// 05. All places take turns, so that what disturbs the machine for a while makes
// no dent in the picture.
func (b *bench) acks(ctx context.Context, counts []int) (places []Place, err error) {
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	one, err := b.one(ctx)
	if err != nil {
		return nil, err
	}
	names, urls := []string{"step 04"}, [][]string{one}
	for _, mode := range modes {
		nodes, err := b.three(ctx, mode)
		if err != nil {
			return nil, err
		}
		ends = append(ends, func() { nodes.Close() })
		names, urls = append(names, "step 05, "+mode), append(urls, nodes.URLs())
	}
	runners := make([][]runner, len(counts))
	samples := make([][][]sample, len(counts))
	for i, clients := range counts {
		samples[i] = make([][]sample, len(names))
		for j := range names {
			l, err := b.writers(urls[j], clients)
			if err != nil {
				return nil, err
			}
			ends = append(ends, l.close)
			runners[i] = append(runners[i], runner{names[j], l.take})
		}
	}
	p := requests.paced(15, 61).pace(b.Full)
	for number := range p.warm() + p.rounds {
		b.Progress(number, p.warm()+p.rounds, "round by round, with more and more clients")
		for i := range counts {
			if err := rounds(ctx, p, runners[i], samples[i], number); err != nil {
				return nil, fmt.Errorf("%d clients: %w", counts[i], err)
			}
		}
	}
	for i, clients := range counts {
		places = append(places, Place{clients, sides(requests, runners[i], samples[i])})
	}
	return places, nil
}

// growth writes more and more to a node of step 05 and to one of step 06, and
// looks at both after every so many writes.
func (b *bench) growth(ctx context.Context, steps, writes int) (places []Place, err error) {
	var growers []*grower
	for _, step := range []*growing{step05, step06} {
		g, err := b.grower(ctx, step)
		if err != nil {
			return nil, err
		}
		growers = append(growers, g)
	}
	for i := 1; i <= steps; i++ {
		b.Progress(i-1, steps, "more and more writes")
		place := Place{At: i * writes}
		for _, g := range growers {
			if err := g.grow(ctx, b, writes); err != nil {
				return nil, err
			}
		}
		for _, look := range []struct {
			unit    *unit
			what    string
			measure func(*grower, context.Context, *bench) (take, func(), error)
		}{{restarts, "", (*grower).restarted}, {joins, ", a new node", (*grower).joined}} {
			found, err := b.lookAt(ctx, growers, look.unit, look.what, look.measure)
			if err != nil {
				return nil, err
			}
			place.Sides = append(place.Sides, found...)
		}
		places = append(places, place)
	}
	return places, nil
}

// lookAt measures all growers, in turn.
func (b *bench) lookAt(ctx context.Context, growers []*grower, u *unit, what string, measure func(*grower, context.Context, *bench) (take, func(), error)) ([]Side, error) {
	var runners []runner
	for _, g := range growers {
		t, end, err := measure(g, ctx, b)
		if err != nil {
			return nil, err
		}
		defer end()
		runners = append(runners, runner{g.step.name + what, t})
	}
	p := u.pace(b.Full)
	samples := make([][]sample, len(runners))
	for number := range p.warm() + p.rounds {
		if err := rounds(ctx, p, runners, samples, number); err != nil {
			return nil, err
		}
	}
	return sides(u, runners, samples), nil
}

// WriteJSON writes the series for programs: harness/plot draws it.
func (s *Series) WriteJSON(w io.Writer) error { return writeJSON(w, s) }

// WriteTable writes the series for people.
func (s *Series) WriteTable(w io.Writer) {
	fmt.Fprintf(w, "%s\n%s\n\n", s.Machine, s.Settings)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	heads := []string{s.Of}
	for _, one := range s.Places[0].Sides {
		heads = append(heads, one.Name)
	}
	fmt.Fprintln(t, strings.Join(heads, "\t"))
	for _, p := range s.Places {
		fmt.Fprint(t, p.At)
		for _, one := range p.Sides {
			fmt.Fprintf(t, "\t%s", one)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}
