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

// inTurn lets each side take a sample, beginning with another one in every round.
func (p pace) inTurn(ctx context.Context, number int, sides []side, into [][]sample) error {
	for i := range sides {
		at := (number + i) % len(sides)
		s, err := sides[at].take(ctx, p.length)
		if err != nil {
			return fmt.Errorf("%s: %w", sides[at].name, err)
		}
		if number >= p.warm() {
			into[at] = append(into[at], s)
		}
	}
	return ctx.Err()
}

// sums says what each side did.
func (u *unit) sums(sides []side, samples [][]sample) (all []Side) {
	for i, r := range sides {
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
	loads, end, err := b.openAcks(ctx, counts)
	defer end()
	if err != nil {
		return nil, err
	}
	samples := make([][][]sample, len(counts))
	for i := range counts {
		samples[i] = make([][]sample, len(loads[i]))
	}
	p := requests.paced(15, 61).pace(b.Full)
	for number := range p.warm() + p.rounds {
		b.Progress(number, p.warm()+p.rounds, "round by round, with more and more clients")
		for i := range counts {
			if err := p.inTurn(ctx, number, loads[i], samples[i]); err != nil {
				return nil, fmt.Errorf("%d clients: %w", counts[i], err)
			}
		}
	}
	for i, clients := range counts {
		places = append(places, Place{clients, requests.sums(loads[i], samples[i])})
	}
	return places, nil
}

// openAcks opens the loads of so many clients each, on step 04 and on step 05 in
// all its modes. end is to be called in any case.
func (b *bench) openAcks(ctx context.Context, counts []int) (loads [][]side, end func(), err error) {
	var ends []func()
	end = func() {
		for _, f := range ends {
			f()
		}
	}
	one, err := b.one(ctx)
	if err != nil {
		return nil, end, err
	}
	names, urls := []string{"step 04"}, [][]string{one}
	for _, mode := range modes {
		nodes, err := b.three(ctx, mode)
		if err != nil {
			return nil, end, err
		}
		ends = append(ends, func() { nodes.Close() }) // with SIGKILL at the latest
		names, urls = append(names, "step 05, "+mode), append(urls, nodes.URLs())
	}
	for _, clients := range counts {
		var place []side
		for i, name := range names {
			l, err := b.writers(urls[i], clients)
			if err != nil {
				return nil, end, err
			}
			ends = append(ends, l.close)
			place = append(place, side{name, l.take})
		}
		loads = append(loads, place)
	}
	return loads, end, nil
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
			measure measure
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
func (b *bench) lookAt(ctx context.Context, growers []*grower, u *unit, what string, measure measure) ([]Side, error) {
	var sides []side
	for _, g := range growers {
		t, end, err := measure(g, ctx, b)
		if err != nil {
			return nil, err
		}
		defer end()
		sides = append(sides, side{g.step.name + what, t})
	}
	p := u.pace(b.Full)
	samples := make([][]sample, len(sides))
	for number := range p.warm() + p.rounds {
		if err := p.inTurn(ctx, number, sides, samples); err != nil {
			return nil, err
		}
	}
	return u.sums(sides, samples), nil
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
