package bench

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Curve is what step 04 does for more and more clients who write: with group
// commit, and with a sync for every write.
type Curve struct {
	Machine  Machine  `json:"machine"`
	Settings Settings `json:"settings"`
	Points   []Point  `json:"points"`
}

// Point is what both did for so many clients, taking turns.
type Point struct {
	Clients int  `json:"clients"`
	Group   Side `json:"group_commit"`
	Alone   Side `json:"one_sync_a_write"`
}

// mostClients is the last point of a curve, which doubles from 1 on.
const mostClients = 128

// RunCurve measures a curve. See Run. The points take turns too, so that what
// disturbs the machine for a while makes no dent in the curve.
func RunCurve(ctx context.Context, o Options) (*Curve, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := newBench(ctx, o)
	defer b.close()
	pairs, end, err := b.openCurve(ctx, mostClients)
	if err != nil {
		return nil, err
	}
	defer end()
	p := pace{rounds: 21, length: 100 * time.Millisecond}
	if o.Full {
		p = pace{rounds: 101, length: 200 * time.Millisecond}
	}
	rounds := make([][]round, len(pairs))
	for i := range warmUps + p.rounds {
		o.Progress(i, warmUps+p.rounds, "round by round, 1 to 128 clients")
		for at, one := range pairs {
			r, err := oneRound(ctx, i, p.length, one.group.take, one.alone.take)
			if err != nil {
				return nil, fmt.Errorf("%d clients: %w", one.clients, err)
			}
			rounds[at] = append(rounds[at], r)
		}
	}
	c := &Curve{Machine: thisMachine(), Settings: b.settings()}
	c.Settings.Connections = mostClients
	for at, one := range pairs {
		c.Points = append(c.Points, one.point(rounds[at][warmUps:]))
	}
	return c, nil
}

// curvePair is so many clients of each of the two servers of a curve.
type curvePair struct {
	clients      int
	group, alone *journaled
}

// openCurve opens the connections of all points up to most clients.
func (b *bench) openCurve(ctx context.Context, most int) (pairs []curvePair, end func(), err error) {
	end = func() {
		for _, p := range pairs {
			closeBoth(p.group, p.alone)()
		}
	}
	// The queue is patient: on a slow disk the last of many would be refused. So
	// is the server, with the clients whose turn it is not.
	patient := []string{"-queue-wait", "1m", "-timeout", "1m"}
	group, err := b.step04("batch", patient...)
	if err != nil {
		return nil, end, err
	}
	alone, err := b.step04("batch", append(patient, "-batch", "1")...)
	if err != nil {
		return nil, end, err
	}
	alone.name = "one sync a write"
	for n := 1; n <= most; n *= 2 {
		p := curvePair{clients: n}
		if p.group, err = b.journaled(ctx, group, n); err == nil {
			p.alone, err = b.journaled(ctx, alone, n)
		}
		if err != nil {
			end()
			return nil, end, err
		}
		pairs = append(pairs, p)
	}
	return pairs, end, nil
}

func (p curvePair) point(rounds []round) Point {
	c := comparison{unit: requests}
	return Point{
		Clients: p.clients,
		Group:   c.side("group commit", rounds, func(r round) sample { return r.ours }),
		Alone:   c.side("one sync a write", rounds, func(r round) sample { return r.bare }),
	}
}

// WriteJSON writes the curve for programs: harness/plot draws it.
func (c *Curve) WriteJSON(w io.Writer) error { return writeJSON(w, c) }

// WriteTable writes the curve for people.
func (c *Curve) WriteTable(w io.Writer) {
	fmt.Fprintf(w, "%s\n%s\n\n", c.Machine, c.Settings)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "clients\tgroup commit\tone sync a write")
	for _, p := range c.Points {
		fmt.Fprintf(t, "%d\t%s\t%s\n", p.Clients, p.Group, p.Alone)
	}
	t.Flush()
}
