package bench

import (
	"math"
	"time"
)

// unit is what a comparison counts: how long it takes, what the ratio is of, and
// what is told of a side.
type unit struct {
	of   string               // what the ratio is of, in reports
	size func(sample) float64 // of which the ratio is
	// rate turns the ratio about: it is of how many there are in a second, where
	// more is better, and not of how long one of them takes.
	rate  bool
	tell  func(s *Side, median func(size func(sample) float64) float64)
	short pace
	long  pace // with Options.Full
}

// pace is how many rounds a comparison has, and how long each side of a round
// is. Many short rounds are better than a few long ones: the two sides of a
// round are closer together, and more rounds pass undisturbed. Servers need
// longer ones than loops, so that each of many clients gets its turn.
type pace struct {
	rounds int
	length time.Duration
	cold   bool // each side of a round is a program that has just been started, so no round is thrown away
}

func (u *unit) pace(full bool) pace {
	if full {
		return u.long
	}
	return u.short
}

// paced returns the unit with other numbers of rounds.
func (u *unit) paced(short, long int) *unit {
	v := *u
	v.short.rounds, v.long.rounds = short, long
	return &v
}

// operations are done by a loop in this process.
var operations = &unit{
	of: "time", size: nanos,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		// The runtime makes a few allocations of its own now and then, hence the rounding.
		allocs := math.Round(median(func(s sample) float64 { return s.allocs })*100) / 100
		s.NsPerOp, s.AllocsPerOp = median(nanos), &allocs
	},
	short: pace{rounds: 101, length: 10 * time.Millisecond},
	long:  pace{rounds: 301, length: 20 * time.Millisecond},
}

// requests are answered by a server.
var requests = &unit{
	of: "throughput", size: nanos, rate: true,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.PerSecond = float64(time.Second) / median(nanos)
		s.P50, s.P99 = median(p50), median(p99)
		s.WritesPerSync = median(func(s sample) float64 { return s.writesPerSync })
	},
	short: pace{rounds: 41, length: 100 * time.Millisecond},
	long:  pace{rounds: 151, length: 200 * time.Millisecond},
}

// waits are the times that one client waits for an answer: of interest is the
// one in the middle.
var waits = &unit{
	of: "latency", size: p50,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.P50, s.P99 = median(p50), median(p99)
	},
	short: pace{rounds: 41, length: 100 * time.Millisecond},
	long:  pace{rounds: 151, length: 200 * time.Millisecond},
}

// records are read back when a store is opened. A side of a round is one
// opening, however long it takes.
var records = &unit{
	of: "throughput", size: nanos, rate: true,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.RecordsPerSecond = float64(time.Second) / median(nanos)
	},
	short: pace{rounds: 15, length: 200 * time.Millisecond},
	long:  pace{rounds: 51, length: 200 * time.Millisecond},
}

// peak is the most memory that a process ever had.
var peak = &unit{
	of: "memory", size: bytesOf,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.PeakBytes = median(bytesOf)
	},
	short: pace{rounds: 5, length: 400 * time.Millisecond, cold: true},
	long:  pace{rounds: 15, length: 400 * time.Millisecond, cold: true},
}

// pauses are times in which nothing else can be done.
var pauses = &unit{
	of: "time", size: nanos,
	tell:  func(s *Side, median func(func(sample) float64) float64) { s.NsPerOp = median(nanos) },
	short: pace{rounds: 7, length: 10 * time.Millisecond}, // with much garbage to be collected before each
	long:  pace{rounds: 31, length: 20 * time.Millisecond},
}

// volume is bytes that are written or read. A side of a round does it once,
// however long it takes.
var volume = &unit{
	of: "throughput", size: nanos, rate: true,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.BytesPerSecond = float64(time.Second) / median(nanos)
	},
	short: pace{rounds: 11, length: 200 * time.Millisecond},
	long:  pace{rounds: 51, length: 200 * time.Millisecond},
}

// restarts are of a program on what it has kept.
var restarts = &unit{
	of: "time", size: nanos,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.NsPerOp, s.DiskBytes = median(nanos), median(bytesOf)
	},
	short: pace{rounds: 5, length: 400 * time.Millisecond, cold: true},
	long:  pace{rounds: 15, length: 400 * time.Millisecond, cold: true},
}

// joins are of a node to a leader, until it holds all that the leader does.
var joins = &unit{
	of: "time", size: nanos,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.NsPerOp, s.SentBytes = median(nanos), median(bytesOf)
	},
	short: pace{rounds: 3, length: time.Second, cold: true},
	long:  pace{rounds: 9, length: time.Second, cold: true},
}

// seconds pass in the simulated world. A side of a round is one run, however
// long it takes.
var seconds = &unit{
	of: "throughput", size: nanos, rate: true,
	tell: func(s *Side, median func(func(sample) float64) float64) {
		s.SecondsPerSecond = float64(time.Second) / median(nanos)
		s.OpsPerSecond = median(func(s sample) float64 { return s.operations })
	},
	short: pace{rounds: 15, length: 100 * time.Millisecond},
	long:  pace{rounds: 51, length: 100 * time.Millisecond},
}

func nanos(s sample) float64   { return s.nanos }
func p50(s sample) float64     { return milliseconds(s.p50) }
func p99(s sample) float64     { return milliseconds(s.p99) }
func bytesOf(s sample) float64 { return s.bytes }
