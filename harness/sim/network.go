package sim

import (
	"math/rand/v2"
	"time"

	"zeyrho/steps/05-replication/node"
)

// network brings messages from node to node, and between clients and nodes. It
// loses them, brings them twice, and lets later ones overtake earlier ones.
type network struct {
	rng   *rand.Rand
	links [][]link // from, to
	level level    // of all links between nodes
	near  nearby   // of those between clients and nodes
}

// link is one way from one node to another.
type link struct {
	cut  int           // how many faults cut it
	slow int           // how many times as long everything takes; 0 is once
	last time.Duration // when the last message arrives, or has arrived
}

// level says how bad it is. All are chances in a thousand.
type level struct {
	loss, twice, late int
}

// nearby says the same of the ways from and to clients.
type nearby struct {
	loseRequest, loseReply, late int
}

func newNetwork(nodes int, rng *rand.Rand) network {
	n := network{rng: rng, links: make([][]link, nodes+1)}
	for i := range n.links {
		n.links[i] = make([]link, nodes+1)
	}
	return n
}

// Delays of messages: most take about a millisecond, some ten, and those that
// are late up to half a second.
const (
	fastest  = 200 * time.Microsecond
	usual    = time.Millisecond
	lateness = 500 * time.Millisecond
)

func (n *network) delay(late int) time.Duration {
	d := fastest + time.Duration(n.rng.Int64N(int64(usual)))
	switch n.rng.IntN(1000) / 10 {
	case 99:
		d += time.Duration(n.rng.Int64N(int64(10 * usual)))
	}
	if late > 0 && n.rng.IntN(1000) < late {
		d += time.Duration(n.rng.Int64N(int64(lateness)))
	}
	return d
}

func (n *network) happens(chance int) bool { return chance > 0 && n.rng.IntN(1000) < chance }

// send brings a message on its way.
func (w *world) send(m node.Message) {
	n := &w.net
	l := &n.links[m.From][m.To]
	times := 1
	switch {
	case l.cut > 0 || n.happens(n.level.loss):
		w.count("messages lost", 1)
		w.sent(m)
		return
	case n.happens(n.level.twice):
		w.count("messages twice", 1)
		times = 2
	}
	for range times {
		d := n.delay(n.level.late) * time.Duration(max(l.slow, 1))
		event := w.sent(m)
		at := w.now + d
		if w.plan.Thin {
			at = max(w.now, l.last) + d
			l.last = at
		}
		w.agenda.add(at, func() { w.deliver(m, event) })
	}
}

// deliver lets a message arrive, if it still can.
func (w *world) deliver(m node.Message, event int) {
	to := w.hosts[m.To-1]
	if w.net.links[m.From][m.To].cut > 0 || !to.up() || !to.receive(m) {
		w.count("messages lost", 1)
		return
	}
	w.trace.add(uint64(w.now))
	w.trace.add(uint64(m.From)<<32 | uint64(m.To))
	w.trace.text(m.Kind)
	w.trace.bytes(m.Data)
	w.arrived(event)
}

// request is what a client asks of a node, once.
type request struct {
	client *client
	try    int
	host   *host
	id     uint64 // within the node
	input  node.Input
	place  *place // in the queue of the node, if it is a write
}

// answer is what comes back. Without a reply, the node could not be reached, or
// it died.
type answer struct {
	reply   node.Reply
	refused bool // nothing has happened
	broken  bool // who knows
}

// ask brings a request on its way to a node.
func (w *world) ask(r *request) {
	if w.net.happens(w.net.near.loseRequest) {
		w.count("requests lost", 1)
		return
	}
	w.after(w.net.delay(w.net.near.late), func() {
		if !r.host.up() {
			w.answer(r, answer{refused: true})
			return
		}
		r.host.admit(r)
	})
}

// answer brings an answer on its way to the client.
func (w *world) answer(r *request, a answer) {
	if !a.refused && w.net.happens(w.net.near.loseReply) {
		w.count("replies lost", 1)
		return
	}
	w.after(w.net.delay(w.net.near.late), func() { r.client.hear(r, a) })
}
