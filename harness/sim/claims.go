package sim

import (
	"encoding/binary"

	"zeyrho/steps/05-replication/node"
)

// told looks at a message that leaves.
func (g *guard) told(h *host, s *seen, m *node.Message) {
	c, ok := claimOf(m)
	if !ok {
		return
	}
	s.epoch = max(s.epoch, c.epoch)
	if c.accepts && c.index > s.safe.Index {
		g.w.fail("persist before you speak", "%v says that it has %d on its disk, which has %v", h.id, c.index, s.safe)
	}
}

// hears looks at what a node is about to be told. What was committed when it
// first heard of its leader, it has to apply before it answers any reads.
func (g *guard) hears(h *host, batch []node.Input) {
	s := g.of(h)
	if s.paid {
		return
	}
	for _, in := range batch {
		if m, ok := in.(node.Message); ok && m.Kind == "append" {
			if c, ok := claimOf(&m); ok && c.epoch > s.heard {
				s.heard, s.owes = c.epoch, c.index
			}
		}
	}
}

// shows looks at an answer to a read that any node may answer.
func (g *guard) shows(h *host, q node.Query, r node.Reply) {
	if q.Level == node.Session && r.Err == nil && q.Seen.Index > 0 && !g.includes(r.At, q.Seen) {
		g.w.fail("session", "%v shows the history up to %v, and was asked for one that includes %v", h.id, r.At, q.Seen)
	}
	if s := g.of(h); q.Level != node.Leader && r.Err == nil && !s.paid && s.heard == s.reign && r.At.Index < s.owes {
		g.w.fail("caught up", "%v answers a read with what it has at %v; when it first heard of its leader, %d was committed", h.id, r.At, s.owes)
	}
}

// includes says whether the history up to p includes q.
func (g *guard) includes(p, q node.Position) bool {
	if q.Index > p.Index {
		return false
	}
	for ; p.Index > q.Index; p.Index-- {
		e := g.slot(p.Index).find(p.Epoch)
		if e == nil {
			return true // who knows
		}
		p.Epoch = e.before
	}
	return p == q
}

// claim is what a message says of its sender.
type claim struct {
	epoch   node.Epoch // that it knows of
	accepts bool       // of an ack: and
	index   uint64     // that its disk has all up to there; of an append: what is committed
}

// claimOf reads it. It knows the form of the messages by itself: whoever judges
// does not ask the one who is judged.
func claimOf(m *node.Message) (c claim, ok bool) {
	if len(m.Data) < 12 {
		return c, false
	}
	c.epoch = node.Epoch(binary.LittleEndian.Uint64(m.Data))
	rest := m.Data[8:]
	switch m.Kind {
	case "append": // the name of the history, the position before, and what is committed
		name, n := binary.Uvarint(rest)
		rest = rest[n+int(name):]
		_, n = binary.Uvarint(rest)
		c.index, _ = binary.Uvarint(rest[n+8:])
		return c, true
	case "ack": // whether it accepts, what it answers, and the position that it has
		c.accepts = rest[0]&1 != 0
		_, n := binary.Uvarint(rest[1:])
		c.index, _ = binary.Uvarint(rest[1+n:])
		return c, true
	}
	return c, false
}
