package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a run found. Its JSON form is stable.
type Report struct {
	Machine     Machine  `json:"machine"`
	Settings    Settings `json:"settings"`
	Comparisons []Result `json:"comparisons"`
	OK          bool     `json:"ok"` // no aim was missed
}

// Settings is how it was measured.
type Settings struct {
	Full        bool `json:"full"`
	ValueBytes  int  `json:"value_bytes"`
	Keys        int  `json:"keys"`
	Connections int  `json:"connections"`
}

func (b *bench) settings() Settings {
	return Settings{Full: b.Full, ValueBytes: b.Value, Keys: b.Keys, Connections: b.Connections}
}

// Result is what one comparison found. All numbers but Min and Max of the ratio
// are medians over its rounds.
type Result struct {
	Name    string  `json:"name"`
	What    string  `json:"what"` // is compared, in a line
	Ours    Side    `json:"ours"`
	Bare    Side    `json:"bare"`
	Ratio   Ratio   `json:"ratio"`
	Aim     *Aim    `json:"aim,omitempty"`
	Verdict Verdict `json:"verdict"`
}

// Side is what one side did. In one process that is nanoseconds and
// allocations per operation, over HTTP it is requests a second and latencies.
type Side struct {
	Name        string   `json:"name"`
	NsPerOp     float64  `json:"ns_per_op,omitempty"`
	AllocsPerOp *float64 `json:"allocs_per_op,omitempty"`
	PerSecond   float64  `json:"requests_per_second,omitempty"`
	P50         float64  `json:"p50_ms,omitempty"`
	P99         float64  `json:"p99_ms,omitempty"`
}

// Ratio is ours divided by bare: of times, where less is better, or of requests
// a second, where more is better.
type Ratio struct {
	Of     string  `json:"of"` // "time" or "throughput"
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"`
}

// Aim is what a ratio should be. The zero Aim is none.
type Aim struct {
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	Allocs  float64 `json:"allocs_per_op,omitempty"` // ours, at most
}

// Verdict is what came of an aim.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "ok"
	Missed Verdict = "missed"
	Shown  Verdict = "shown" // there is no aim
)

// result sums up the rounds of c.
func (c comparison) result(ours, bare string, rounds []round) Result {
	r := Result{
		Name: c.name, What: c.what, Ratio: c.ratio(rounds), Verdict: Shown,
		Ours: c.side(ours, rounds, func(r round) sample { return r.ours }),
		Bare: c.side(bare, rounds, func(r round) sample { return r.bare }),
	}
	if c.aim != (Aim{}) {
		r.Aim, r.Verdict = &c.aim, c.aim.judge(r)
	}
	return r
}

func (c comparison) ratio(rounds []round) Ratio {
	of := func(r round) float64 { return r.ours.nanos / r.bare.nanos }
	out := Ratio{Of: "time", Rounds: len(rounds), Min: math.Inf(1)}
	if c.served {
		of = func(r round) float64 { return r.bare.nanos / r.ours.nanos }
		out.Of = "throughput"
	}
	out.Median = medianOf(rounds, of)
	for _, r := range rounds {
		out.Min, out.Max = min(out.Min, of(r)), max(out.Max, of(r))
	}
	return out
}

func (c comparison) side(name string, rounds []round, of func(round) sample) Side {
	median := func(pick func(sample) float64) float64 {
		return medianOf(rounds, func(r round) float64 { return pick(of(r)) })
	}
	nanos := median(func(s sample) float64 { return s.nanos })
	if c.served {
		return Side{
			Name: name, PerSecond: float64(time.Second) / nanos,
			P50: median(func(s sample) float64 { return milliseconds(s.p50) }),
			P99: median(func(s sample) float64 { return milliseconds(s.p99) }),
		}
	}
	// The runtime makes a few of its own now and then, hence the rounding.
	allocs := math.Round(median(func(s sample) float64 { return s.allocs })*100) / 100
	return Side{Name: name, NsPerOp: nanos, AllocsPerOp: &allocs}
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func (a Aim) judge(r Result) Verdict {
	switch {
	case a.AtMost > 0 && r.Ratio.Median > a.AtMost,
		a.AtLeast > 0 && r.Ratio.Median < a.AtLeast,
		a.Allocs > 0 && r.Ours.AllocsPerOp != nil && *r.Ours.AllocsPerOp > a.Allocs:
		return Missed
	}
	return Met
}

func (r *Report) add(one Result) {
	r.Comparisons = append(r.Comparisons, one)
	r.OK = r.OK && one.Verdict != Missed
}

// String returns the aim as one writes it into a table.
func (a *Aim) String() string {
	if a == nil {
		return "–"
	}
	var parts []string
	if a.AtMost > 0 {
		parts = append(parts, fmt.Sprintf("≤ %g", a.AtMost))
	}
	if a.AtLeast > 0 {
		parts = append(parts, fmt.Sprintf("≥ %g", a.AtLeast))
	}
	if a.Allocs > 0 {
		parts = append(parts, allocations(a.Allocs))
	}
	return strings.Join(parts, ", ")
}

func allocations(n float64) string {
	if n == 1 {
		return "1 alloc"
	}
	return fmt.Sprintf("%g allocs", n)
}

// String returns the numbers: those of a table.
func (s Side) String() string {
	if s.PerSecond > 0 {
		return fmt.Sprintf("%.1fk/s, %.2f / %.2f ms", s.PerSecond/1000, s.P50, s.P99)
	}
	text := fmt.Sprintf("%.0f ns", s.NsPerOp)
	if s.AllocsPerOp != nil {
		text += ", " + allocations(*s.AllocsPerOp)
	}
	return text
}

func (r Ratio) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Median, r.Min, r.Max) }

var heads = []string{"name", "ours", "bare", "ratio (min–max)", "aim", "verdict"}

func (r Result) cells() []string {
	return []string{r.Name, r.Ours.String(), r.Bare.String(), r.Ratio.String(), r.Aim.String(), string(r.Verdict)}
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) {
	fmt.Fprintf(w, "%s\n%s\n\n", r.Machine, r.Settings)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(heads, "\t"))
	for _, one := range r.Comparisons {
		fmt.Fprintln(t, strings.Join(one.cells(), "\t"))
	}
	t.Flush() // an error of w comes back at the next write, and is told there
	fmt.Fprintln(w)
	for _, one := range r.Comparisons {
		fmt.Fprintf(w, "%s: %s beside %s; %s\n", one.Name, one.Ours.Name, one.Bare.Name, one.What)
	}
	fmt.Fprintf(w, "\n%s\n", r.Summary())
}

// Summary says in a sentence or two what came out.
func (r *Report) Summary() string {
	aims, missed := 0, 0
	for _, one := range r.Comparisons {
		if one.Aim != nil {
			aims++
		}
		if one.Verdict == Missed {
			missed++
		}
	}
	switch {
	case aims == 0:
		return "Nothing here has an aim."
	case missed == 0:
		return "Every aim is met."
	}
	return fmt.Sprintf("%d of %d aims missed. A busy machine can cause that: everything that runs beside\n"+
		"this shares its CPUs. Run it again, with -full for more and longer rounds, before\nyou believe it.", missed, aims)
}

// String says how it was measured.
func (s Settings) String() string {
	length := ""
	if s.Full {
		length = ", long rounds"
	}
	return fmt.Sprintf("values of %d bytes, %d keys, %d connections%s", s.ValueBytes, s.Keys, s.Connections, length)
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
