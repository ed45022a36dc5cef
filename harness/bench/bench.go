// Package bench answers: what does a step cost, beside the barest thing that
// does the same duty?
//
// A number of nanoseconds says more about a machine than about a program. So
// nothing is measured alone. Two sides take turns in one run, round by round:
// first one, then the other, and in the next round the other way about. What
// disturbs the machine for a while disturbs both. Each round gives a ratio, and
// the median of those is the result. It is not moved by a few bad rounds; the
// smallest and the largest ratio show how bad they were.
//
// Some comparisons have an aim. It is never a test: on a busy machine a good
// program can miss it.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"zeyrho/harness/real"
	"zeyrho/steps/01-map/kv"
)

// Options says what to measure, and how long. The zero Options will do.
type Options struct {
	Full        bool   // longer rounds, and more of them
	Only        string // only comparisons whose names begin with this
	Value       int    // bytes of a value; 100
	Keys        int    // 1000
	Connections int    // to a server, one request at a time on each; 16
	Dir         string // where files go; "" means a directory for temporary files
	// Progress is told, every few rounds, how far the run has got. It may be nil.
	Progress func(done, total int, name string)
}

// maxConnections is what step 03 works on at a time. With more of them it
// would refuse, and a refusal is quick.
const maxConnections = 64

// withDefaults fills in the zeros, and refuses what cannot be measured.
func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name       string
		value      *int
		usual, top int
	}{
		{"value", &o.Value, 100, kv.MaxValue},
		{"keys", &o.Keys, 1000, 1_000_000},
		{"connections", &o.Connections, 16, maxConnections},
	} {
		if *f.value == 0 {
			*f.value = f.usual
		}
		if *f.value < 1 || *f.value > f.top {
			return o, fmt.Errorf("%s: %d is not between 1 and %d", f.name, *f.value, f.top)
		}
	}
	const most = 1 << 30
	if o.Keys*o.Value > most {
		return o, fmt.Errorf("%d keys with %d bytes each would take %d MiB, and more than once", o.Keys, o.Value, o.Keys*o.Value>>20)
	}
	if o.Progress == nil {
		o.Progress = func(int, int, string) {}
	}
	return o, nil
}

// comparison is two sides and what one hopes for.
type comparison struct {
	name string
	what string // in a line
	unit *unit  // what is counted
	aim  Aim
	// open prepares the two sides; end cleans up behind them. An error that
	// wraps errSkipped, here or of a take, means that this machine has not what
	// it takes.
	open func(ctx context.Context, b *bench) (ours, bare side, end func(), err error)
}

// side is one of two programs that are compared.
type side struct {
	name string
	take take
}

// errSkipped is wrapped when something cannot be compared here.
var errSkipped = errors.New("skipped")

func comparisons() []comparison {
	return slices.Concat(inProcess(), overHTTP(), onDisk(), recovering(), simulated(), replicated(), freezing(), snapshotting(), growths())
}

// Names returns the names of all comparisons.
func Names() []string {
	var names []string
	for _, c := range comparisons() {
		names = append(names, c.name)
	}
	return names
}

// selected returns the comparisons whose names begin with only.
func selected(only string) ([]comparison, error) {
	var out []comparison
	for _, c := range comparisons() {
		if strings.HasPrefix(c.name, only) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no comparison begins with %q; there are %s", only, strings.Join(Names(), ", "))
	}
	return out, nil
}

// bench is what the comparisons of a run share.
type bench struct {
	Options
	keys    []string
	value   []byte
	world   *real.World
	servers map[string]string // addresses of those that have been started, by name
	scratch scratch
	shrink  int // divides what is counted in thousands, for a test; 0: it does not
}

// scaled returns n or, in a test, fewer.
func (b *bench) scaled(n int) int { return n / max(b.shrink, 1) }

func newBench(ctx context.Context, o Options) *bench {
	b := &bench{Options: o, value: make([]byte, o.Value), world: real.NewWorld(ctx), servers: map[string]string{}}
	for i := range o.Keys {
		b.keys = append(b.keys, fmt.Sprintf("key-%04d", i))
	}
	return b
}

func (b *bench) close() {
	b.world.Close() // before the files go that its processes use
	if b.scratch.dir != "" {
		os.RemoveAll(b.scratch.dir)
	}
}

// Run measures. It builds the servers with the go command, in the repository
// that the working directory belongs to, and leaves no process and no file
// behind. An error means that something could not be measured at all.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	list, err := selected(o.Only)
	if err != nil {
		return nil, err
	}
	b := newBench(ctx, o)
	defer b.close()
	report := &Report{Machine: thisMachine(), OK: true}
	total := 0
	for _, c := range list {
		total += c.unit.pace(b.Full).rounds
	}
	done := 0
	for _, c := range list {
		r, err := b.compare(ctx, c, func(round int) { o.Progress(done+round, total, c.name) })
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", c.name, err)
		}
		report.add(r)
		done += c.unit.pace(b.Full).rounds
	}
	report.Settings = b.settings()
	return report, nil
}

func (b *bench) compare(ctx context.Context, c comparison, progress func(round int)) (Result, error) {
	progress(0) // opening may mean building
	ours, bare, end, err := c.open(ctx, b)
	if err != nil {
		return c.skipped(err)
	}
	defer end()
	rounds, err := c.unit.pace(b.Full).takeTurns(ctx, ours.take, bare.take, progress)
	if err != nil {
		return c.skipped(err)
	}
	return c.result(ours.name, bare.name, rounds), nil
}
