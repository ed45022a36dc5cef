package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"zeyrho/harness/bench"
)

// series has the pictures of what go run ./harness bench -curve FILE -of NAME has
// measured, by that name.
var series = map[string]func(*bench.Series) (picture, error){"acks": acks, "growth": growth}

// drawSeries draws what is in a file.
func drawSeries(name, file string, w io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var s bench.Series
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	p, err := series[name](&s)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return p.draw(w)
}

// lineOf returns the line of a side, by its place among the others.
func lineOf(s *bench.Series, side int, l line, y func(bench.Side) float64) line {
	l.dots = true
	for _, p := range s.Places {
		l.points = append(l.points, point{float64(p.At), y(p.Sides[side])})
	}
	return l
}

// checkSeries says whether there are as many sides as a picture has lines.
func checkSeries(s *bench.Series, of string, sides int) error {
	if s.Of != of || len(s.Places) == 0 {
		return errors.New("it has no points, or they are of something else")
	}
	for _, p := range s.Places {
		if len(p.Sides) != sides {
			return fmt.Errorf("there are %d sides at %d, and not %d", len(p.Sides), p.At, sides)
		}
	}
	return nil
}

// acks draws what an acknowledgement that means more costs.
func acks(s *bench.Series) (picture, error) {
	if err := checkSeries(s, "clients", 4); err != nil {
		return picture{}, err
	}
	styles := []line{
		{name: "step 04, one server", class: "c"},
		{name: "-acks async", class: "a", dashed: true},
		{name: "-acks majority", class: "a"},
		{name: "-acks all", class: "b"},
	}
	var rates, waits []line
	for i, l := range styles {
		rates = append(rates, lineOf(s, i, l, func(one bench.Side) float64 { return one.PerSecond }))
		waits = append(waits, lineOf(s, i, l, func(one bench.Side) float64 { return one.P50 }))
	}
	_, top := extent(rates)
	low, high := extent(waits)
	return picture{
		title: "Throughput and latency of writes to step 04 and to three nodes of step 05, against the number of clients, by what an acknowledgement means",
		panels: []panel{
			{title: "Writes in a second", y: axis{ticks: fromZero(top)}, lines: rates},
			{title: "Latency in milliseconds, p50", y: axis{log: true, ticks: powers(2, low, high)}, lines: waits},
		},
		x: axis{label: "clients that write at the same time", log: true, ticks: powers(2, 1, float64(s.Places[len(s.Places)-1].At))},
	}, nil
}

// growth draws what becomes of a store as more and more is written to it.
func growth(s *bench.Series) (picture, error) {
	if err := checkSeries(s, "writes", 4); err != nil {
		return picture{}, err
	}
	// both draws step 05 and step 06, whose sides begin at the first.
	both := func(title string, first int, y func(bench.Side) float64) panel {
		lines := []line{
			lineOf(s, first, line{name: "step 05", class: "b"}, y),
			lineOf(s, first+1, line{name: "step 06", class: "a"}, y),
		}
		_, top := extent(lines)
		return panel{title: title, y: axis{ticks: fromZero(top)}, lines: lines}
	}
	seconds := func(one bench.Side) float64 { return one.NsPerOp / 1e9 }
	end := float64(s.Places[len(s.Places)-1].At)
	return picture{
		title: "Bytes on the disk, the time of a restart and that of a new node's joining, after more and more writes to the same thousand keys, for steps 05 and 06",
		panels: []panel{
			both("MiB on the disk", 0, func(one bench.Side) float64 { return one.DiskBytes / (1 << 20) }),
			both("Seconds until a node that starts again has applied everything", 0, seconds),
			both("Seconds until a new node holds everything", 2, seconds),
		},
		x: axis{label: "writes, all to the same thousand keys", ticks: fromZero(end)},
	}, nil
}
