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

// RunCurve measures a curve. See Run.
func RunCurve(ctx context.Context, o Options) (*Curve, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := newBench(ctx, o)
	defer b.close()
	// The queue is patient: on a slow disk the last of many would be refused.
	group, err := b.step04("batch", "-queue-wait", "1m")
	if err != nil {
		return nil, err
	}
	alone, err := b.step04("batch", "-queue-wait", "1m", "-batch", "1")
	if err != nil {
		return nil, err
	}
	alone.name = "one sync a write"
	c := &Curve{Machine: thisMachine()}
	p := pace{21, 100 * time.Millisecond}
	if o.Full {
		p = requests.long
	}
	for clients := 1; clients <= mostClients; clients *= 2 {
		o.Progress(len(c.Points), 8, fmt.Sprintf("%d clients", clients))
		point, err := b.point(ctx, p, group, alone, clients)
		if err != nil {
			return nil, fmt.Errorf("%d clients: %w", clients, err)
		}
		c.Points = append(c.Points, point)
	}
	c.Settings = b.settings()
	c.Settings.Connections = mostClients
	return c, nil
}

func (b *bench) point(ctx context.Context, p pace, group, alone server, clients int) (Point, error) {
	one, err := b.journaled(ctx, group, clients)
	if err != nil {
		return Point{}, err
	}
	defer one.close()
	two, err := b.journaled(ctx, alone, clients)
	if err != nil {
		return Point{}, err
	}
	defer two.close()
	rounds, err := p.takeTurns(ctx, one.take, two.take, func(int) {})
	if err != nil {
		return Point{}, err
	}
	c := comparison{unit: requests}
	return Point{
		Clients: clients,
		Group:   c.side("group commit", rounds, func(r round) sample { return r.ours }),
		Alone:   c.side(alone.name, rounds, func(r round) sample { return r.bare }),
	}, nil
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
