package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Draw draws the plan of a scenario against a column.
func Draw(name, column string, seed uint64) (Plan, error) {
	p := Plan{Scenario: name, Column: column, Seed: seed}
	d := &draft{&p, rand.New(rand.NewPCG(seed, forFaults<<32))}
	p.Nodes = 3 + 2*d.rng.IntN(2)
	p.Acks = p.Nodes/2 + 1
	p.Segment = []int64{4 << 10, 64 << 10, 1 << 20}[d.rng.IntN(3)]
	p.Work = Workload{Clients: 4 + d.rng.IntN(5), Keys: 3 + d.rng.IntN(5), Rate: 100 + d.rng.IntN(200), Writes: 60, Numbered: 50, Session: 20, Stale: 10, Size: 50}
	p.Times = Times{Span(time.Second), Span(10 * time.Second), Span(2 * time.Second), Span(3 * time.Second)}
	all := []string{"leader", "follower", "n1", "n2", "n3"}
	sec := time.Second
	ms := time.Millisecond
	net := []may{
		{kind: Loss, most: 2, size: [2]int{1, 200}, length: [2]time.Duration{sec, 5 * sec}},
		{kind: Twice, most: 2, size: [2]int{1, 200}, length: [2]time.Duration{sec, 5 * sec}},
		{kind: Late, most: 2, size: [2]int{1, 300}, length: [2]time.Duration{sec, 5 * sec}},
		{kind: Cut, nodes: all, most: 4, length: [2]time.Duration{100 * ms, 2 * sec}},
		{kind: Split, nodes: all, most: 2, size: [2]int{1, 2}, length: [2]time.Duration{100 * ms, 2 * sec}},
		{kind: SlowLink, nodes: all, most: 2, size: [2]int{2, 100}, length: [2]time.Duration{100 * ms, 2 * sec}},
		{kind: LoseRequest, most: 1, size: [2]int{1, 100}, length: [2]time.Duration{sec, 5 * sec}},
		{kind: LoseReply, most: 1, size: [2]int{1, 100}, length: [2]time.Duration{sec, 5 * sec}},
		{kind: LateClients, most: 1, size: [2]int{1, 300}, length: [2]time.Duration{sec, 5 * sec}},
	}
	ends := []may{
		{kind: Kill, nodes: all, most: 4, length: [2]time.Duration{50 * ms, 2 * sec}, ops: 20},
		{kind: Power, nodes: all, most: 4, length: [2]time.Duration{50 * ms, 2 * sec}, ops: 20},
		{kind: Pause, nodes: all, most: 3, length: [2]time.Duration{50 * ms, 2 * sec}},
	}
	disks := []may{
		{kind: SlowDisk, nodes: all, most: 2, size: [2]int{2, 50}, length: [2]time.Duration{100 * ms, 3 * sec}},
		{kind: DiskError, nodes: all, most: 2, size: [2]int{1, 3}, ops: 20},
		{kind: DiskFull, nodes: all, most: 2, size: [2]int{1, 3}, ops: 20},
		{kind: ShortWrite, nodes: all, most: 2, size: [2]int{1, 3}, ops: 20},
		{kind: FailedSync, nodes: all, most: 2, size: [2]int{1, 3}, ops: 20},
	}
	clocks := []may{
		{kind: Drift, nodes: all, most: 2, size: [2]int{-100000, 100000}, length: [2]time.Duration{sec, 5 * sec}},
		{kind: Freeze, nodes: all, most: 2, length: [2]time.Duration{100 * ms, sec}},
	}
	takeovers := []may{{kind: Takeover, most: 3}}
	switch name {
	case "baseline":
	case "bad-network":
		d.swarm(append(net, may{kind: Kill, nodes: []string{"follower"}, most: 3, length: [2]time.Duration{50 * ms, 2 * sec}}))
	case "kill-restart":
		d.swarm(append(net, ends...))
	case "everything":
		d.swarm(append(append(append(append(net, ends...), disks...), clocks...), takeovers...))
	default:
		return p, fmt.Errorf("no scenario %q", name)
	}
	return p, nil
}
