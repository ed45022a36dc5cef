package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
)

// small is a bench that is opened and tried, and never timed.
func small(t *testing.T) *bench {
	o, err := Options{Keys: 10, Value: 20, Connections: 3}.withDefaults()
	require.NoError(t, err)
	b := newBench(t.Context(), o)
	b.shrink = 1000
	t.Cleanup(b.close)
	return b
}

func quietly(int) {}

func TestEveryComparisonCanBeMade(t *testing.T) {
	b := small(t)
	for _, c := range comparisons() {
		t.Run(c.name, func(t *testing.T) {
			ours, bare, end, err := c.open(t.Context(), b)
			if errors.Is(err, errSkipped) {
				t.Skip(err)
			}
			require.NoError(t, err)
			defer end()
			rounds, err := pace{rounds: 2, length: time.Millisecond, cold: c.unit.short.cold}.takeTurns(t.Context(), ours.take, bare.take, quietly)
			require.NoError(t, err)
			require.Len(t, rounds, 2)
			r := c.result(ours.name, bare.name, rounds)
			assert.Positive(t, r.Ratio.Median)
			assert.LessOrEqual(t, r.Ratio.Min, r.Ratio.Median)
			assert.GreaterOrEqual(t, r.Ratio.Max, r.Ratio.Median)
			assert.NotEmpty(t, r.Ours.String())
			assert.NotEmpty(t, r.Bare.String())
			if c.unit == requests {
				assert.True(t, r.Ours.PerSecond > 0 && r.Ours.P50 > 0 && r.Ours.P99 >= r.Ours.P50)
			}
			if c.aim.WritesPerSync > 0 {
				assert.Greater(t, r.Ours.WritesPerSync, 1.0)
			}
		})
	}
}

func TestTheSidesTakeTurnsInGoingFirst(t *testing.T) {
	var order []string
	named := func(name string) take {
		return func(context.Context, time.Duration) (sample, error) {
			order = append(order, name)
			return sample{nanos: float64(len(order))}, nil
		}
	}
	rounds, err := pace{rounds: 2, length: time.Second}.takeTurns(t.Context(), named("ours"), named("bare"), quietly)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("ours bare bare ours ", 3), strings.Join(order, " ")+" ")
	warm := float64(2 * warmUps)
	assert.Equal(t, []round{
		{ours: sample{nanos: warm + 1}, bare: sample{nanos: warm + 2}},
		{ours: sample{nanos: warm + 4}, bare: sample{nanos: warm + 3}},
	}, rounds, "without those of the warming up")
}

func TestWhatCannotBeMeasuredIsAnError(t *testing.T) {
	broken := func(context.Context, time.Duration) (sample, error) { return sample{}, errors.New("no") }
	_, err := pace{rounds: 2, length: time.Second}.takeTurns(t.Context(), broken, broken, quietly)
	require.EqualError(t, err, "no")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = pace{rounds: 2, length: time.Second}.takeTurns(ctx, loop(func(int) {}), loop(func(int) {}), quietly)
	require.ErrorIs(t, err, context.Canceled)
}

func TestALoopCountsItsAllocationsAndGrows(t *testing.T) {
	var kept *[100]byte
	most := 0
	take := loop(func(n int) {
		most = max(most, n)
		for range n {
			kept = new([100]byte)
		}
	})
	var last sample
	for range warmUps {
		var err error
		last, err = take(t.Context(), time.Millisecond)
		require.NoError(t, err)
	}
	assert.NotNil(t, kept)
	assert.Greater(t, most, 10)
	assert.GreaterOrEqual(t, last.allocs, 1.0)
}

func TestTheMedianIsTheMiddle(t *testing.T) {
	same := func(f float64) float64 { return f }
	assert.Equal(t, 2.0, medianOf([]float64{9, 1, 2}, same))
	assert.Equal(t, 2.5, medianOf([]float64{9, 1, 2, 3}, same))
	assert.Zero(t, medianOf(nil, same))
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"value":              {Value: 2 << 20},
		"keys":               {Keys: -1},
		"connections":        {Connections: maxConnections + 1},
		"MiB":                {Keys: 1_000_000, Value: 1 << 20},
		"there are kv-get, ": {Only: "nonsense"},
	} {
		_, err := Run(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

// timed makes rounds out of pairs of times.
func timed(pairs ...[2]float64) (rounds []round) {
	for _, p := range pairs {
		rounds = append(rounds, round{sample{nanos: p[0], allocs: 1.002}, sample{nanos: p[1]}})
	}
	return rounds
}

func TestARatioIsTheMedianOfTheRounds(t *testing.T) {
	rounds := timed([2]float64{2, 1}, [2]float64{3, 2}, [2]float64{1000, 1})
	r := comparison{unit: operations}.result("a", "b", rounds)
	assert.Equal(t, Ratio{Of: "time", Median: 2, Min: 1.5, Max: 1000, Rounds: 3}, r.Ratio)
	assert.Equal(t, 3.0, r.Ours.NsPerOp)
	assert.Equal(t, 1.0, *r.Ours.AllocsPerOp)
	r = comparison{unit: requests}.result("a", "b", rounds)
	assert.Equal(t, Ratio{Of: "throughput", Median: 0.5, Min: 0.001, Max: 2.0 / 3, Rounds: 3}, r.Ratio)
}

func TestAnAimIsMetOrMissed(t *testing.T) {
	for _, c := range []struct {
		aim  Aim
		unit *unit
		ours float64 // nanoseconds, and the other side takes 100
		want Verdict
	}{
		{Aim{}, operations, 1000, Shown},
		{Aim{AtMost: 2}, operations, 200, Met},
		{Aim{AtMost: 2}, operations, 201, Missed},
		{Aim{AtMost: 2, Allocs: 1}, operations, 100, Met},
		{Aim{AtMost: 2, Allocs: 0.5}, operations, 100, Missed},
		{Aim{AtLeast: 0.8}, requests, 125, Met},
		{Aim{AtLeast: 0.8}, requests, 126, Missed},
		{Aim{RecordsPerSecond: 1e7}, records, 100, Met},
		{Aim{RecordsPerSecond: 1e7}, records, 101, Missed},
		{Aim{SecondsPerSecond: 1e7}, seconds, 100, Met},
		{Aim{SecondsPerSecond: 1e7}, seconds, 101, Missed},
		{Aim{WritesPerSync: 16}, requests, 100, Missed}, // none is known
	} {
		r := comparison{aim: c.aim, unit: c.unit}.result("a", "b", timed([2]float64{c.ours, 100}))
		assert.Equal(t, c.want, r.Verdict, "%+v", c)
	}
}

// example is a report with everything in it that a report can have.
func example() *Report {
	r := &Report{
		Machine:  Machine{Go: "go1.26", OS: "linux", Arch: "amd64", CPUs: 2, GOMAXPROCS: 2},
		Settings: Settings{ValueBytes: 100, Keys: 1000, Connections: 16}, OK: true,
	}
	r.add(comparison{name: "one", what: "in a loop", unit: operations, aim: Aim{AtMost: 2, Allocs: 1}}.
		result("this", "that", timed([2]float64{30, 20})))
	answers := []round{{sample{nanos: 40_000, p50: 600_000, p99: 5_000_000}, sample{nanos: 20_000, p50: 400_000, p99: 2_000_000}}}
	r.add(comparison{name: "two", what: "over HTTP", unit: requests, aim: Aim{AtLeast: 0.8}}.result("him", "her", answers))
	r.add(comparison{name: "three", what: "no aim", unit: operations}.result("x", "y", timed([2]float64{1, 1})))
	return r
}

func TestTheTableSaysWhatCameOut(t *testing.T) {
	var out bytes.Buffer
	example().WriteTable(&out)
	assert.Equal(t, `unknown CPU, 2 CPUs, GOMAXPROCS 2, go1.26 linux/amd64
values of 100 bytes, 1000 keys, 16 connections

name   ours                     bare                     ratio (min–max)   aim           verdict
one    30 ns, 1 alloc           20 ns, 0 allocs          1.50 (1.50–1.50)  ≤ 2, 1 alloc  ok
two    25.0k/s, 0.60 / 5.00 ms  50.0k/s, 0.40 / 2.00 ms  0.50 (0.50–0.50)  ≥ 0.8         missed
three  1 ns, 1 alloc            1 ns, 0 allocs           1.00 (1.00–1.00)  –             shown

one: this beside that; in a loop
two: him beside her; over HTTP
three: x beside y; no aim

1 of 2 aims missed. A busy machine can cause that: everything that runs beside
this shares its CPUs. Run it again, with -full for more and longer rounds, before
you believe it.
`, out.String())
}

func TestWhatIsNotHereIsSkippedAndSaysWhy(t *testing.T) {
	absent := fmt.Errorf("%w: no redis here", errSkipped)
	r := &Report{OK: true}
	c := comparison{name: "one", what: "a race", aim: Aim{AtLeast: 0.8}}
	for _, c.open = range []func(context.Context, *bench) (side, side, func(), error){
		func(context.Context, *bench) (a, z side, end func(), err error) { return a, z, nil, absent },
		func(context.Context, *bench) (a, z side, end func(), err error) {
			a.take = func(context.Context, time.Duration) (sample, error) { return sample{}, absent }
			return a, a, nothing, nil
		},
	} {
		c.unit = operations
		one, err := small(t).compare(t.Context(), c, quietly)
		require.NoError(t, err)
		r.add(one)
	}
	assert.True(t, r.OK)
	assert.Equal(t, "Nothing here has an aim.", r.Summary(), "that could be missed")
	var out bytes.Buffer
	r.WriteTable(&out)
	assert.Contains(t, out.String(), "one   –     –     –                ≥ 0.8  skipped\n")
	assert.Contains(t, out.String(), "one: skipped: no redis here; a race\n")
}

func TestASideSaysWhatItsUnitCounts(t *testing.T) {
	for want, s := range map[string]Side{
		"2.5k/s, 0.50 / 1.00 ms, 18.0 writes a sync": {PerSecond: 2500, P50: 0.5, P99: 1, WritesPerSync: 18},
		"0.50 / 1.00 ms": {P50: 0.5, P99: 1},
		"2.50M/s":        {RecordsPerSecond: 2.5e6},
		"1.5 MiB":        {PeakBytes: 1.5 * (1 << 20)},
	} {
		assert.Equal(t, want, s.String())
	}
}

func TestTheSummaryKnowsThreeCases(t *testing.T) {
	r := example()
	assert.False(t, r.OK)
	r.Comparisons = r.Comparisons[:1]
	assert.Equal(t, "Every aim is met.", r.Summary())
	r.Comparisons = nil
	assert.Equal(t, "Nothing here has an aim.", r.Summary())
}

func TestTheJSONHoldsTheSameFacts(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, example().WriteJSON(&out))
	var back Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	assert.Equal(t, example(), &back)
	for _, fact := range []string{`"verdict": "missed"`, `"at_least": 0.8`, `"p99_ms": 5`, `"of": "throughput"`, `"ok": false`} {
		assert.Contains(t, out.String(), fact)
	}
}

func TestAPageGetsItsTableBetweenTheMarks(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) { require.NoError(t, os.WriteFile(page, []byte(text), 0o644)) }
	for _, bad := range []string{"no marks\n", beginMark + "\nno end\n", endMark + "\n" + beginMark + "\n"} {
		write(bad)
		require.ErrorContains(t, CheckMarkdown(page), "needs a place")
		require.ErrorContains(t, example().RefreshMarkdown(page), "needs a place")
	}
	write("before\n" + beginMark + "\nold\n" + endMark + "\nafter\n")
	require.NoError(t, CheckMarkdown(page))
	for range 2 { // and again
		require.NoError(t, example().RefreshMarkdown(page))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Equal(t, "before\n"+beginMark+"\n\n"+example().Markdown()+"\n"+endMark+"\nafter\n", string(got))
	assert.Contains(t, string(got), "| one | 30 ns, 1 alloc | 20 ns, 0 allocs | 1.50 (1.50–1.50) | ≤ 2, 1 alloc | ok |\n")
	require.ErrorIs(t, CheckMarkdown(page+"x"), os.ErrNotExist)
}

// The page in the documents must be one that the command can refresh.
func TestThePageOfTheDocumentsHasItsMarks(t *testing.T) {
	root, err := real.Root(".")
	require.NoError(t, err)
	require.NoError(t, CheckMarkdown(filepath.Join(root, "docs", "bench.md")))
}
