package main

import (
	"fmt"
	"time"

	"zeyrho/harness/bench"
	"zeyrho/harness/rush"
)

// groupCommit draws what step 04 does for more and more clients.
func groupCommit(c *bench.Curve) picture {
	group := func(p bench.Point) bench.Side { return p.Group }
	alone := func(p bench.Point) bench.Side { return p.Alone }
	points := func(side func(bench.Point) bench.Side, y func(bench.Side) float64) (out []point) {
		for _, p := range c.Points {
			out = append(out, point{float64(p.Clients), y(side(p))})
		}
		return out
	}
	rate := func(s bench.Side) float64 { return s.PerSecond }
	half := func(s bench.Side) float64 { return s.P50 }
	most := func(s bench.Side) float64 { return s.P99 }
	rates := []line{
		{name: "group commit", class: "a", dots: true, points: points(group, rate)},
		{name: "one sync a write", class: "b", dots: true, points: points(alone, rate)},
	}
	waits := []line{
		{name: "one sync a write, p99", class: "b", dashed: true, dots: true, points: points(alone, most)},
		{name: "one sync a write, p50", class: "b", dots: true, points: points(alone, half)},
		{name: "group commit, p99", class: "a", dashed: true, dots: true, points: points(group, most)},
		{name: "group commit, p50", class: "a", dots: true, points: points(group, half)},
	}
	_, top := extent(rates)
	low, high := extent(waits)
	return picture{
		title: "Throughput and latency of durable writes against the number of clients, with group commit and with a sync for every write",
		panels: []panel{
			{title: "Durable writes in a second", y: axis{ticks: fromZero(top)}, lines: rates},
			{title: "Latency in milliseconds", y: axis{log: true, ticks: powers(10, low, high)}, lines: waits},
		},
		x: axis{label: "clients that write at the same time", log: true, ticks: powers(2, 1, float64(c.Points[len(c.Points)-1].Clients))},
	}
}

// extent returns the least and the greatest y of all points.
func extent(lines []line) (low, high float64) {
	low, high = lines[0].points[0].y, lines[0].points[0].y
	for _, l := range lines {
		for _, p := range l.points {
			low, high = min(low, p.y), max(high, p.y)
		}
	}
	return low, high
}

// goodput draws what a store does for its clients before, in and after a rush.
func goodput(c rush.Config, bounded, unbounded *rush.Report) picture {
	came := func(s rush.Sample) float64 { return float64(s.Came) }
	served := func(s rush.Sample) float64 { return float64(s.Served) }
	clients := []line{
		{name: "clients that come", class: "c", points: rates(bounded, came)},
		{name: "served, bounded queue", class: "a", points: rates(bounded, served)},
		{name: "served, unbounded", class: "b", points: rates(unbounded, served)},
	}
	queues := []line{
		{name: "bounded queue", class: "a", points: queued(bounded)},
		{name: "unbounded", class: "b", points: queued(unbounded)},
	}
	_, top := extent(clients)
	_, most := extent(queues)
	from, to := c.Phases[0].Seconds(), (c.Phases[0] + c.Phases[1]).Seconds()
	end := to + c.Phases[2].Seconds()
	clients[0].over = int((from + to) / 2 / bin.Seconds())
	return picture{
		title: "Clients that are served while they wait, and the bytes in the queue, before, in and after an overload",
		panels: []panel{
			{title: "Clients in a second", y: axis{ticks: fromZero(top)}, lines: clients},
			{title: "MiB in the queue", y: axis{log: true, ticks: powers(10, 0.1, most)}, lines: queues},
		},
		x:    axis{label: fmt.Sprintf("seconds; %g times as many clients come in the shaded part", c.Rush), ticks: []float64{0, from, to, end}},
		band: &band{from, to},
	}
}

// bin is what one point of a line over time sums up.
const bin = time.Second

// bins cuts samples into parts of the length of a bin, each with its middle.
func bins(r *rush.Report, each func(at float64, part []rush.Sample)) {
	const perBin = int(bin / (100 * time.Millisecond))
	for i := 0; i+perBin <= len(r.Samples); i += perBin {
		part := r.Samples[i : i+perBin]
		each(part[perBin-1].At-bin.Seconds()/2, part)
	}
}

// rates returns how many there were in a second.
func rates(r *rush.Report, count func(rush.Sample) float64) (out []point) {
	bins(r, func(at float64, part []rush.Sample) {
		sum := 0.0
		for _, s := range part {
			sum += count(s)
		}
		out = append(out, point{at, sum / bin.Seconds()})
	})
	return out
}

// queued returns the most MiB that were in the queue.
func queued(r *rush.Report) (out []point) {
	bins(r, func(at float64, part []rush.Sample) {
		most := 0
		for _, s := range part {
			most = max(most, s.Queued)
		}
		out = append(out, point{at, float64(most) / (1 << 20)})
	})
	return out
}
