package sim

import "fmt"

// What scenarios draw, where that is more than a line.

// diskGone lets the disk of the leader be gone, and an operator come.
func (d *draft) diskGone() {
	d.cluster(3, 2)
	at := d.between(sec, 4*sec)
	back := d.between(0, 3*sec)
	if d.rng.IntN(3) == 0 {
		back = 0
	}
	d.at(at, Fault{Kind: DiskGone, Node: leader, For: Span(back)})
	d.at(at+d.between(200*ms, sec), Fault{Kind: Takeover})
	d.swarm(badClients, badLinks[:3])
}

// bitRot lets a bit flip, and an operator come in case it was the leader's.
func (d *draft) bitRot() {
	d.Segment = int64(1+d.rng.IntN(16)) << 10
	at := d.between(2*sec, 5*sec)
	d.at(at, Fault{Kind: Rot, Node: d.name("any"), For: Span(d.between(50*ms, sec))})
	d.at(at+d.between(sec, 2*sec), Fault{Kind: Takeover})
	d.swarm(badLinks[:3])
}

// grayNode makes one node slow, mostly a follower.
func (d *draft) grayNode() {
	who := follower
	if d.rng.IntN(4) == 0 {
		who = leader
	}
	f := Fault{Kind: SlowDisk, Node: who, Size: 10 + d.rng.IntN(20), For: Span(6 * sec)}
	if d.rng.IntN(2) == 0 {
		f.Kind, f.Size = SlowLink, 100+d.rng.IntN(100)
	}
	d.at(sec, f)
}

// wrongPromotion lets a follower lag, the leader be gone, and the follower take its
// place. There are many keys, so that not all is written again at once.
func (d *draft) wrongPromotion() {
	d.cluster(3, 1)
	d.Work.Writes, d.Work.Keys, d.Work.Rate, d.Work.Clients = 50, 100, 60, 6
	at := d.between(3*sec, 6*sec)
	d.at(at-d.between(sec, 2*sec), Fault{Kind: Cut, Node: leader, To: laggard, For: Span(8 * sec)})
	d.at(at, Fault{Kind: DiskGone, Node: leader})
	d.at(at+d.between(200*ms, sec), Fault{Kind: Promote, Node: laggard})
	d.swarm(badClients)
}

// leaderPaused lets a leader stand still, and get a successor meanwhile, a few
// times.
func (d *draft) leaderPaused() {
	d.Work.Cold = 60
	d.swarm(badLinks[:3])
	at := Span(0)
	for range 4 {
		at += Span(d.between(300*ms, sec))
		pause := d.between(900*ms, 1500*ms)
		d.at(at.time(), Fault{Kind: Pause, Node: leader, For: Span(pause)})
		d.at(at.time()+d.between(300*ms, 600*ms), Fault{Kind: Appoint, Node: leader})
		at += Span(pause)
	}
}

// splitOff cuts the leader off, alone or with others, and gives the rest another
// one.
func (d *draft) splitOff() {
	d.Work.Cold = 60
	d.swarm(badLinks[:3])
	at := d.between(500*ms, 2*sec)
	d.at(at, Fault{Kind: Split, Node: leader, Size: 1 + d.rng.IntN(d.Nodes/2), For: Span(d.between(3*sec, 5*sec))})
	d.at(at+d.between(700*ms, 1500*ms), Fault{Kind: Appoint, Node: leader})
}

// allOfIt draws from everything.
func (d *draft) allOfIt() {
	d.swarm(badLinks, oneWay, badClients, kills, powers, pauses, badDisks, badClocks, takeovers,
		[]chance{{kind: DiskGone, who: "any", most: 1, length: span(200*ms, 3*sec)}, {kind: Rot, who: "any", most: 1, length: span(100*ms, sec)}})
}

// months writes the same thousand keys again and again, and starts nodes again in
// the end.
func (d *draft) months() {
	d.cluster(3, 2)
	d.Segment, d.Snapshot, d.Keep = 64<<10, 64<<10, 100
	d.Work.Clients, d.Work.Keys, d.Work.Rate, d.Work.Writes, d.Work.Size = 100, 100, 1000, 90, 50
	d.Times.Faults = Span(60 * sec)
	d.at(57*sec, Fault{Kind: Kill, Node: follower, For: Span(500 * ms)})
	d.at(59*sec, Fault{Kind: Kill, Node: leader, For: Span(500 * ms)})
}

// lateJoiner lets a node come late: one that was to be there from the beginning or,
// from step 06 on, a learner.
func (d *draft) lateJoiner() {
	d.cluster(3, 2)
	d.Late = 1
	if d.Column == "06" && d.rng.IntN(2) == 0 {
		d.Learners, d.Late = 1, 0
	}
	d.Work.Rate, d.Work.Size, d.Keep = 400, 100, 20
	d.Times.Faults = Span(25 * sec)
	joins, at := fmt.Sprintf("n%d", d.Nodes+d.Learners), d.between(14*sec, 16*sec)
	d.at(at, Fault{Kind: Join, Node: joins})
	if d.rng.IntN(2) == 0 {
		d.at(at, Fault{Kind: SlowLink, Node: joins, Size: 20 + d.rng.IntN(200), For: Span(8 * sec)})
	}
	d.swarm(badLinks[:3])
}

// brokenTransfer lets a node come that has to be sent much, and lets that go wrong.
func (d *draft) brokenTransfer() {
	d.cluster(3, 2)
	d.Learners, d.Late = d.rng.IntN(2), 0
	if d.Learners == 0 {
		d.Late = 1
	}
	joins := fmt.Sprintf("n%d", d.Nodes+d.Learners)
	d.Snapshot, d.Keep, d.Segment = int64(32+d.rng.IntN(200))<<10, 1+d.rng.IntN(20), 32<<10
	d.Work.Clients, d.Work.Keys, d.Work.Size, d.Work.Rate, d.Work.Writes = 20, 50, 2000, 200, 80
	d.at(3*sec, Fault{Kind: Join, Node: joins})
	d.Times.Faults = Span(10 * sec)
	both := []chance{
		{kind: Kill, who: joins, most: 6, length: span(20*ms, 300*ms), ops: 40},
		{kind: Power, who: joins, most: 6, length: span(20*ms, 300*ms), ops: 40},
		{kind: Kill, who: leader, most: 3, length: span(20*ms, 300*ms), ops: 40},
		{kind: Power, who: leader, most: 3, length: span(20*ms, 300*ms), ops: 40},
		{kind: SlowLink, who: joins, most: 3, size: [2]int{20, 200}, length: span(500*ms, 3*sec)},
		{kind: DiskFull, who: joins, most: 2, size: [2]int{1, 20}, ops: 20},
		{kind: DiskError, who: joins, most: 2, size: [2]int{1, 2}, ops: 20},
	}
	d.swarm(badLinks, both, both, takeovers)
	for i := range d.Faults {
		if f := &d.Faults[i]; f.Node == joins && f.Kind != Join {
			f.At = Span(3*sec + f.At.time()/4) // while it is being sent something
		}
	}
}

// overload asks for more than can be done, and lets little wait.
func (d *draft) overload() {
	d.Work.Clients, d.Work.Keys, d.Work.Size, d.Work.Writes = 100, 3, 2000, 90
	d.Work.Rate, d.Work.Rush = 300, 5
	d.Sync, d.Queue = Span(d.between(10*ms, 30*ms)), (16+d.rng.IntN(48))<<10
	d.Times = Times{WarmUp: Span(2 * sec), Faults: Span(6 * sec), Settle: Span(2 * sec), Live: Span(3 * sec)}
}

// careless makes leaders of whom it likes, of those who lag more often than not.
func (d *draft) careless() {
	d.anyAcks()
	d.Work.Session, d.Work.Cold = 40, 50
	d.swarm(badLinks, oneWay[1:], badClients, kills, powers, pauses, badDisks[:1])
	for range 2 + d.rng.IntN(8) {
		f := Fault{Kind: Promote, Node: d.name("any")}
		if d.rng.IntN(2) == 0 {
			f.Node = laggard
		}
		d.at(d.between(0, d.Times.Faults.time()), f)
	}
}

// joiners draws from everything, and lets one or two learners come, and perhaps one
// of the others.
func (d *draft) joiners() {
	d.Learners, d.Late = 1+d.rng.IntN(2), d.rng.IntN(2)
	for n := d.Nodes - d.Late; n < d.Nodes+d.Learners; n++ {
		d.at(d.between(0, 5*sec), Fault{Kind: Join, Node: fmt.Sprintf("n%d", n+1)})
	}
	d.allOfIt()
}
