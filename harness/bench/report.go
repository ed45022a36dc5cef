package bench

import (
	"encoding/json"
	"errors"
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
	// Of the comparisons that use a disk, if there are any.
	FileSystem string  `json:"file_system,omitempty"` // in words
	SyncMS     float64 `json:"sync_ms,omitempty"`     // a bare append with its fsync, the median
}

func (b *bench) settings() Settings {
	return Settings{
		Full: b.Full, ValueBytes: b.Value, Keys: b.Keys, Connections: b.Connections,
		FileSystem: b.scratch.kind, SyncMS: milliseconds(b.scratch.sync),
	}
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
	Why     string  `json:"why,omitempty"` // it was skipped
}

// Side is what one side did; its unit says which of these are told.
type Side struct {
	Name             string   `json:"name"`
	NsPerOp          float64  `json:"ns_per_op,omitempty"`
	AllocsPerOp      *float64 `json:"allocs_per_op,omitempty"`
	PerSecond        float64  `json:"requests_per_second,omitempty"`
	P50              float64  `json:"p50_ms,omitempty"`
	P99              float64  `json:"p99_ms,omitempty"`
	WritesPerSync    float64  `json:"writes_per_sync,omitempty"`
	RecordsPerSecond float64  `json:"records_per_second,omitempty"`
	PeakBytes        float64  `json:"peak_bytes,omitempty"`
	DiskBytes        float64  `json:"disk_bytes,omitempty"`
	SentBytes        float64  `json:"sent_bytes,omitempty"`
	BytesPerSecond   float64  `json:"bytes_per_second,omitempty"`
	SecondsPerSecond float64  `json:"seconds_per_second,omitempty"` // simulated ones
	OpsPerSecond     float64  `json:"ops_per_second,omitempty"`     // done in a simulated second
}

// Ratio is ours divided by bare: of times or memory, where less is better, or
// of how much is done in a second, where more is better.
type Ratio struct {
	Of     string  `json:"of"` // "time", "latency", "memory" or "throughput"
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"`
}

// Verdict is what came of an aim.
type Verdict string

// The verdicts.
const (
	Met     Verdict = "ok"
	Missed  Verdict = "missed"
	Shown   Verdict = "shown"   // there is no aim
	Skipped Verdict = "skipped" // this machine has not what it takes
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

// skipped is the result of a comparison that could not be made here. Any other
// error than that is handed back.
func (c comparison) skipped(why error) (Result, error) {
	if !errors.Is(why, errSkipped) {
		return Result{}, why
	}
	r := Result{Name: c.name, What: c.what, Verdict: Skipped, Why: why.Error()}
	if c.aim != (Aim{}) {
		r.Aim = &c.aim
	}
	return r, nil
}

func (c comparison) ratio(rounds []round) Ratio {
	of := func(r round) float64 {
		if c.unit.rate {
			return c.unit.size(r.bare) / c.unit.size(r.ours)
		}
		return c.unit.size(r.ours) / c.unit.size(r.bare)
	}
	out := Ratio{Of: c.unit.of, Rounds: len(rounds), Min: math.Inf(1)}
	out.Median = medianOf(rounds, of)
	for _, r := range rounds {
		out.Min, out.Max = min(out.Min, of(r)), max(out.Max, of(r))
	}
	return out
}

func (c comparison) side(name string, rounds []round, of func(round) sample) Side {
	s := Side{Name: name}
	c.unit.tell(&s, func(size func(sample) float64) float64 {
		return medianOf(rounds, func(r round) float64 { return size(of(r)) })
	})
	return s
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func (r *Report) add(one Result) {
	r.Comparisons = append(r.Comparisons, one)
	r.OK = r.OK && one.Verdict != Missed
}

func allocations(n float64) string {
	if n == 1 {
		return "1 alloc"
	}
	return fmt.Sprintf("%g allocs", n)
}

// String returns the numbers: those of a table.
func (s Side) String() string {
	var parts []string
	add := func(there bool, format string, args ...any) {
		if there {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.NsPerOp > 0, "%s", inUnits(s.NsPerOp))
	if s.AllocsPerOp != nil {
		parts = append(parts, allocations(*s.AllocsPerOp))
	}
	add(s.PerSecond > 0, "%.1fk/s", s.PerSecond/1000)
	add(s.P50 > 0, "%.2f / %.2f ms", s.P50, s.P99)
	add(s.WritesPerSync > 0, "%.1f writes a sync", s.WritesPerSync)
	add(s.RecordsPerSecond > 0, "%.2fM/s", s.RecordsPerSecond/1e6)
	add(s.PeakBytes > 0, "%.1f MiB", s.PeakBytes/(1<<20))
	add(s.DiskBytes > 0, "%.1f MiB on disk", s.DiskBytes/(1<<20))
	add(s.SentBytes > 0, "%.1f MiB sent", s.SentBytes/(1<<20))
	add(s.BytesPerSecond > 0, "%.0f MB/s", s.BytesPerSecond/1e6)
	add(s.SecondsPerSecond > 0, "%.0f s/s with %.0f operations in each", s.SecondsPerSecond, s.OpsPerSecond)
	return strings.Join(parts, ", ")
}

// inUnits writes nanoseconds with a unit that suits them.
func inUnits(ns float64) string {
	switch {
	case ns < 10e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	case ns < 10e6:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	case ns < 1e9:
		return fmt.Sprintf("%.0f ms", ns/1e6)
	}
	return fmt.Sprintf("%.2f s", ns/1e9)
}

// String returns the numbers: those of a table.
func (r Ratio) String() string {
	return fmt.Sprintf("%s (%s–%s)", times(r.Median), times(r.Min), times(r.Max))
}

// times writes a ratio. One that is very small is told from nothing.
func times(ratio float64) string {
	if ratio < 0.01 {
		return fmt.Sprintf("1/%.0f", 1/ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}

var heads = []string{"name", "ours", "bare", "ratio (min–max)", "aim", "verdict"}

func (r Result) cells() []string {
	if r.Verdict == Skipped {
		return []string{r.Name, "–", "–", "–", r.Aim.String(), string(r.Verdict)}
	}
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
		fmt.Fprintf(w, "%s: %s\n", one.Name, one.explained())
	}
	fmt.Fprintf(w, "\n%s\n", r.Summary())
}

// explained says what was compared.
func (r Result) explained() string {
	if r.Verdict == Skipped {
		return fmt.Sprintf("%s; %s", r.Why, r.What)
	}
	return fmt.Sprintf("%s beside %s; %s", r.Ours.Name, r.Bare.Name, r.What)
}

// Summary says in a sentence or two what came out.
func (r *Report) Summary() string {
	aims, missed := 0, 0
	for _, one := range r.Comparisons {
		if one.Aim != nil && one.Verdict != Skipped {
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
	text := fmt.Sprintf("values of %d bytes, %d keys, %d connections%s", s.ValueBytes, s.Keys, s.Connections, length)
	if s.FileSystem != "" {
		text += fmt.Sprintf("; files on %s, where an append with its fsync takes %.2f ms", s.FileSystem, s.SyncMS)
	}
	return text
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
