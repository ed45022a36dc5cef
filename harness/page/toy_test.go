package page_test

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"zeyrho/harness/history"
)

// toy is a cluster of three nodes that copies a log as step 05 does, only that
// it is a few lines and writes down everything. It acknowledges a write when the
// leader alone has it on its disk, so that a promotion can lose some: there has
// to be something to see.
type toy struct {
	plan   plan
	rng    *rand.Rand
	now    int64
	queue  queue
	h      history.History
	nodes  [4]*toyNode // from 1 on
	cut    map[[2]int]bool
	leader int // whom the clients on the other side of the cut ask
	next   int // the number of the next client
	open   int
}

// plan says how long the parts of a toy's run are, and how busy it is.
type plan struct {
	warm, cut, promote, heal, quiet time.Duration
	clients, keys                   int
	think, beat                     time.Duration
	loss                            float64
}

// story is short enough to read, and busy is as long as a real one.
var (
	story = plan{warm: 30 * time.Millisecond, cut: 60 * time.Millisecond, promote: 85 * time.Millisecond, heal: 120 * time.Millisecond,
		quiet: 150 * time.Millisecond, clients: 4, keys: 8, think: 3 * time.Millisecond, beat: 8 * time.Millisecond, loss: 0.02}
	busy = plan{warm: 2 * time.Second, cut: 20 * time.Second, promote: 24 * time.Second, heal: 30 * time.Second,
		quiet: 50 * time.Second, clients: 12, keys: 3000, think: 26 * time.Millisecond, beat: 3 * time.Millisecond, loss: 0.005}
)

type toyNode struct {
	id                         int
	log                        []toyEntry
	synced, committed, applied int
	epoch                      [2]int // number, leader
	role                       string
	known                      [4]int // leader: what each has on its disk
	sent                       [4]int
	down, slow                 bool
}

type toyEntry struct {
	key, value string
	epoch      [2]int
}

type task struct {
	at, seq int64
	do      func()
}

type queue struct {
	tasks []task
	seq   int64
}

func (q *queue) Len() int { return len(q.tasks) }
func (q *queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q.tasks[i].at, q.tasks[j].at), cmp.Compare(q.tasks[i].seq, q.tasks[j].seq)) < 0
}
func (q *queue) Swap(i, j int) { q.tasks[i], q.tasks[j] = q.tasks[j], q.tasks[i] }
func (q *queue) Push(x any)    { q.tasks = append(q.tasks, x.(task)) }
func (q *queue) Pop() any {
	last := q.tasks[len(q.tasks)-1]
	q.tasks = q.tasks[:len(q.tasks)-1]
	return last
}

// run runs a plan to its end.
func run(p plan, seed uint64) *history.History {
	t := &toy{plan: p, rng: rand.New(rand.NewPCG(seed, 5)), cut: map[[2]int]bool{}, leader: 1}
	t.h.Header = history.Header{Scenario: "wrong-promotion", Column: "05", World: "sim", Seed: seed}
	for id := 1; id <= 3; id++ {
		t.nodes[id] = &toyNode{id: id, role: "follower", epoch: [2]int{1, 1}}
		t.event(history.Event{Kind: "start", Node: name(id), Text: "started"})
		t.at(p.beat*time.Duration(id)/3, func() { t.beat(t.nodes[id]) })
	}
	t.nodes[1].role = "leader"
	for id := 1; id <= 3; id++ {
		t.position(t.nodes[id])
	}
	t.script()
	for range p.clients {
		t.think(t.client(), t.next%2 == 0)
	}
	for t.queue.Len() > 0 {
		one := heap.Pop(&t.queue).(task)
		t.now = one.at
		one.do()
	}
	return &t.h
}

// script puts the faults and the phases of the plan into the queue.
func (t *toy) script() {
	p := t.plan
	t.event(history.Event{Kind: "phase", Text: "warm-up"})
	t.at(p.warm, func() { t.event(history.Event{Kind: "phase", Text: "faults"}) })
	third := (p.cut - p.warm) / 4
	t.fault(p.warm+third/2, p.warm+2*third, history.Event{Node: "n3", Text: "kill -9, and restart"}, func(on bool) { t.kill(3, on) })
	t.fault(p.warm+third*5/2, p.warm+4*third, history.Event{Node: "n2", Text: "slow disk: every sync takes 5 times as long"}, func(on bool) { t.nodes[2].slow = on })
	for _, pair := range [][2]int{{1, 2}, {2, 1}, {1, 3}, {3, 1}} {
		t.fault(p.cut, p.heal, history.Event{Node: name(pair[0]), To: name(pair[1]), Text: "cut"}, func(on bool) { t.cut[pair] = on })
	}
	t.at(p.promote, func() {
		t.event(history.Event{Kind: "note", Node: "n2", Text: "the operator promotes n2"})
		t.lead(t.nodes[2], [2]int{2, 2})
		t.leader = 2
	})
	t.at(p.heal, func() { t.event(history.Event{Kind: "phase", Text: "liveness"}) })
	t.at(p.quiet, func() {
		t.event(history.Event{Kind: "phase", Text: "quiet"})
		t.readAll(t.client(), 0)
	})
}

func name(id int) string { return fmt.Sprintf("n%d", id) }

func (t *toy) at(d time.Duration, do func()) { t.after(int64(d)-t.now, do) }

func (t *toy) after(ns int64, do func()) {
	t.queue.seq++
	heap.Push(&t.queue, task{t.now + ns, t.queue.seq, do})
}

func (t *toy) event(e history.Event) {
	e.At = t.now
	t.h.Events = append(t.h.Events, e)
}

func (t *toy) fault(from, to time.Duration, e history.Event, turn func(on bool)) {
	t.at(from, func() {
		e.Kind, e.Until = "fault", int64(to)
		t.event(e)
		turn(true)
	})
	t.at(to, func() { turn(false) })
}

// between draws a time from a to b microseconds.
func (t *toy) between(a, b int) int64 { return int64(a+t.rng.IntN(b-a)) * 1000 }

func (t *toy) kill(id int, down bool) {
	n := t.nodes[id]
	n.down = down
	if down {
		t.event(history.Event{Kind: "exit", Node: name(id), Text: "killed"})
		return
	}
	n.log, n.committed, n.applied = n.log[:n.synced], 0, 0
	t.event(history.Event{Kind: "start", Node: name(id), Text: "started again"})
	t.position(n)
}

func (t *toy) position(n *toyNode) {
	t.event(history.Event{Kind: history.Position, Node: name(n.id), Role: n.role, Epoch: fmt.Sprintf("%d.n%d", n.epoch[0], n.epoch[1]),
		Positions: &history.Positions{Written: uint64(len(n.log)), Synced: uint64(n.synced), Committed: uint64(n.committed), Applied: uint64(n.applied)}})
}

// send takes a message along, or loses it.
func (t *toy) send(from, to int, text string, arrive func(*toyNode)) {
	e := history.Event{Kind: history.Message, Node: name(from), To: name(to), Text: text}
	if t.cut[[2]int{from, to}] || t.rng.Float64() < t.plan.loss {
		t.event(e)
		return
	}
	e.Until = t.now + t.between(250, 900)
	t.event(e)
	t.after(e.Until-t.now, func() {
		if n := t.nodes[to]; !n.down {
			arrive(n)
		}
	})
}

func (t *toy) beat(n *toyNode) {
	if t.now > int64(t.plan.quiet) && t.open == 0 {
		return
	}
	if n.role == "leader" && !n.down {
		for _, to := range t.nodes[1:] {
			n.sent[to.id] = n.known[to.id]
			t.ship(n, to.id, true)
		}
	}
	t.after(int64(t.plan.beat), func() { t.beat(n) })
}

// ship sends to a follower what it has not been sent.
func (t *toy) ship(n *toyNode, to int, always bool) {
	first := n.sent[to]
	if to == n.id || n.role != "leader" || first >= n.synced && !always {
		return
	}
	entries := append([]toyEntry(nil), n.log[first:n.synced]...)
	n.sent[to] = n.synced
	epoch, commit, before := n.epoch, n.committed, [2]int{}
	if first > 0 {
		before = n.log[first-1].epoch
	}
	text := fmt.Sprintf("append nothing after %d@%d.n%d, commit %d", first, before[0], before[1], commit)
	if len(entries) > 0 {
		text = fmt.Sprintf("append %d..%d after %d@%d.n%d, commit %d", first+1, first+len(entries), first, before[0], before[1], commit)
	}
	t.send(n.id, to, text, func(f *toyNode) { t.follow(f, n.id, epoch, first, before, entries, commit) })
}

// follow is how a follower takes entries.
func (t *toy) follow(f *toyNode, from int, epoch [2]int, first int, before [2]int, entries []toyEntry, commit int) {
	if epoch[0] < f.epoch[0] {
		t.send(f.id, from, fmt.Sprintf("refuse: epoch %d.n%d is over", epoch[0], epoch[1]), func(n *toyNode) { t.stepDown(n, f.epoch) })
		return
	}
	t.stepDown(f, epoch)
	if first > len(f.log) || first > 0 && f.log[first-1].epoch != before {
		have := min(first-1, f.synced, f.committed)
		t.send(f.id, from, fmt.Sprintf("nack: have %d", have), func(n *toyNode) { n.sent[f.id] = have; t.ship(n, f.id, false) })
		return
	}
	for i, e := range entries {
		at := first + i
		if at < len(f.log) && f.log[at].epoch != e.epoch {
			f.log = f.log[:at]
			f.synced, f.applied = min(f.synced, at), min(f.applied, at)
		}
		if at >= len(f.log) {
			f.log = append(f.log, e)
		}
	}
	t.position(f)
	reached := first + len(entries)
	t.sync(f, func() {
		f.committed = max(f.committed, min(commit, reached))
		f.applied = f.committed
		t.position(f)
		t.send(f.id, from, fmt.Sprintf("ack %d", reached), func(n *toyNode) { t.acked(n, f.id, reached) })
	})
}

func (t *toy) stepDown(n *toyNode, epoch [2]int) {
	if epoch[0] <= n.epoch[0] {
		return
	}
	n.role, n.epoch = "follower", epoch
	t.position(n)
}

func (t *toy) lead(n *toyNode, epoch [2]int) {
	n.role, n.epoch = "leader", epoch
	n.known, n.sent = [4]int{}, [4]int{}
	for id := range n.known {
		n.known[id], n.sent[id] = n.committed, n.committed
	}
	t.write(n, toyEntry{}, func(int) {})
}

func (t *toy) sync(n *toyNode, then func()) {
	took := t.between(300, 1100)
	if n.slow {
		took *= 5
	}
	reached := len(n.log)
	t.after(took, func() {
		if n.down {
			return
		}
		n.synced = max(n.synced, min(reached, len(n.log)))
		then()
	})
}

// write is how a leader takes a command.
func (t *toy) write(n *toyNode, e toyEntry, done func(version int)) {
	e.epoch = n.epoch
	n.log = append(n.log, e)
	index := len(n.log)
	t.position(n)
	t.sync(n, func() {
		n.committed = max(n.committed, index)
		n.applied = n.committed
		t.position(n)
		for id := 1; id <= 3; id++ {
			t.ship(n, id, false)
		}
		done(index)
	})
}

func (t *toy) acked(n *toyNode, from, reached int) {
	if n.role == "leader" {
		n.known[from] = max(n.known[from], reached)
		n.sent[from] = max(n.sent[from], reached)
	}
}

func (t *toy) client() int { t.next++; return t.next - 1 }

func (t *toy) phase() string {
	for i := len(t.h.Events) - 1; i >= 0; i-- {
		if t.h.Events[i].Kind == "phase" {
			return t.h.Events[i].Text
		}
	}
	return "start"
}

func (t *toy) begin(op history.Op) int {
	op.ID, op.Call, op.Phase = len(t.h.Ops), t.now, t.phase()
	op.Outcome = history.Unknown
	t.h.Ops = append(t.h.Ops, op)
	t.open++
	return op.ID
}

func (t *toy) end(id int, how func(op *history.Op)) {
	t.open--
	t.h.Ops[id].Return = t.now
	how(&t.h.Ops[id])
}

// think lets a client, who is on the side of n1 or not, wait and ask.
func (t *toy) think(c int, near bool) {
	t.after(t.between(200, int(t.plan.think/time.Microsecond)*2), func() {
		if t.now < int64(t.plan.quiet-t.plan.think*4) {
			t.ask(c, near)
		}
	})
}

func (t *toy) ask(c int, near bool) {
	key := fmt.Sprintf("k%d", t.rng.IntN(t.plan.keys))
	op := history.Op{Client: c, Kind: history.Get, Key: key}
	if t.rng.IntN(3) > 0 {
		op.Kind, op.Value = history.Put, fmt.Sprintf("c%d.%d", c, len(t.h.Ops))
	}
	id := t.begin(op)
	to := t.leader
	if near && t.now < int64(t.plan.heal) {
		to = 1
	}
	if !near && to == 1 && t.cut[[2]int{1, 2}] {
		t.after(t.between(9000, 12000), func() {
			t.end(id, func(op *history.Op) { op.Error = "no answer in time" })
			t.think(t.client(), near)
		})
		return
	}
	t.after(t.between(150, 400), func() { t.serve(t.nodes[to], id, func() { t.think(c, near) }) })
}

func (t *toy) serve(n *toyNode, id int, then func()) {
	op := t.h.Ops[id]
	answer := func(how func(op *history.Op)) {
		t.after(t.between(150, 400), func() {
			t.end(id, func(op *history.Op) { op.Node = name(n.id); how(op) })
			then()
		})
	}
	switch {
	case n.role != "leader":
		answer(func(op *history.Op) { op.Outcome, op.Error = history.Fail, "not the leader" })
	case op.Kind == history.Put:
		t.write(n, toyEntry{key: op.Key, value: op.Value}, func(version int) {
			answer(func(op *history.Op) {
				op.Outcome, op.Status, op.Version = history.OK, history.Done, uint64(version)
			})
		})
	default:
		version := 0
		for i, e := range n.log[:n.applied] {
			if e.key == op.Key {
				version = i + 1
			}
		}
		answer(func(op *history.Op) {
			op.Outcome, op.Status = history.OK, history.Absent
			if version > 0 {
				op.Status, op.Value, op.Version = history.Done, n.log[version-1].value, uint64(version)
			}
		})
	}
}

// readAll reads every key, one after the other.
func (t *toy) readAll(c, i int) {
	if i == t.plan.keys {
		return
	}
	id := t.begin(history.Op{Client: c, Kind: history.Get, Key: fmt.Sprintf("k%d", i)})
	t.after(t.between(150, 400), func() { t.serve(t.nodes[t.leader], id, func() { t.readAll(c, i+1) }) })
}

// count says how many events of a kind there are whose text begins so.
func count(h *history.History, kind, text string) (n int) {
	for _, e := range h.Events {
		if e.Kind == kind && strings.HasPrefix(e.Text, text) {
			n++
		}
	}
	return n
}
