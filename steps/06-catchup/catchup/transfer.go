package catchup

import (
	"errors"
	"slices"
	"time"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
)

// transfer is a snapshot that is being sent to a follower. It stays the same
// one though a later one is made meanwhile: if snapshots came faster than they
// can be sent, it would never end.
//
// Invariant: 0 ≤ got ≤ sent ≤ id.Size; the follower has got bytes, as it said,
// and those up to sent are on their way.
type transfer struct {
	peer   node.ID
	source *snapshot.Source
	id     snapshot.Identity
	got    int64
	sent   int64
	asked  bool // the follower has said what it has
	began  time.Duration
	moved  time.Duration // when the follower last got on
	tried  time.Duration // when something was last sent again
}

const (
	chunkBytes  = 64 << 10
	windowBytes = 1 << 20 // that may be on their way
)

// behind is told, again and again, of a follower that needs what the log does not
// have any more.
func (c *Catchup) behind(peer node.ID) {
	if c.find(peer) != nil || c.saved.Index == 0 {
		return
	}
	source, err := snapshot.OpenSource(c.disk, c.saved.Index)
	if err != nil {
		c.figures.Failed = err.Error()
		return
	}
	now := c.env.Now()
	t := &transfer{peer: peer, source: source, id: source.Identity(), began: now, moved: now, tried: now}
	c.sending = append(c.sending, t)
	c.sendChunk(t, 0, 0) // what have you got?
}

func (c *Catchup) find(peer node.ID) *transfer {
	for _, t := range c.sending {
		if t.peer == peer {
			return t
		}
	}
	return nil
}

func (c *Catchup) sendChunk(t *transfer, offset int64, n int) {
	data, err := t.source.Chunk(offset, n)
	if err != nil {
		c.figures.Failed = err.Error()
		c.drop(t)
		return
	}
	epoch, _ := c.replica.Epoch()
	k := chunk{epoch: epoch, identity: c.replica.Identity(), of: t.id, offset: offset, data: data}
	c.out.Send(node.Message{From: c.replica.Self(), To: t.peer, Kind: kindChunk, Data: k.encode()})
}

func (c *Catchup) receiveGot(from node.ID, g got) {
	c.replication.Hear(g.epoch)
	epoch, leads := c.replica.Epoch()
	t := c.find(from)
	if !leads || g.epoch != epoch || t == nil || g.of != t.id {
		return
	}
	if g.done {
		c.drop(t)
		c.replication.Has(from, t.id.Position)
		return
	}
	if !t.asked || g.next > t.got {
		t.moved = c.env.Now()
	}
	// It may say less than before: it was started again, and lost its last bytes.
	t.asked, t.got = true, min(g.next, t.id.Size)
	t.sent = max(t.sent, t.got)
	if g.next < t.got {
		t.sent = t.got
	}
	c.stream(t)
}

// stream sends what fits into the window.
func (c *Catchup) stream(t *transfer) {
	for t.sent < t.id.Size && t.sent-t.got < windowBytes && slices.Contains(c.sending, t) {
		n := min(chunkBytes, t.id.Size-t.sent)
		c.sendChunk(t, t.sent, int(n))
		t.sent += n
	}
}

// tickTransfers sends again what was not answered, and gives up whom nothing is
// heard of.
func (c *Catchup) tickTransfers() {
	_, leads := c.replica.Epoch()
	now := c.env.Now()
	for _, t := range slices.Clone(c.sending) {
		switch {
		case !leads || now-t.moved > c.config.Gone:
			c.drop(t)
		case now-max(t.moved, t.tried) > c.config.Resend:
			t.tried, t.sent, t.asked = now, t.got, false
			c.sendChunk(t, 0, 0)
		}
	}
}

func (c *Catchup) drop(t *transfer) {
	t.source.Close() // it is only read
	c.sending = slices.DeleteFunc(c.sending, func(other *transfer) bool { return other == t })
}

// receiveChunk takes a part of a snapshot that the leader sends.
func (c *Catchup) receiveChunk(from node.ID, k chunk) {
	if own := c.replica.Identity(); own != "" && own != k.identity {
		return
	}
	c.replication.Hear(k.epoch)
	if epoch, leads := c.replica.Epoch(); k.epoch != epoch || leads || c.working {
		return
	}
	if _, never := c.replica.Log().Holds(k.of.Position); c.replica.Applied().Index >= k.of.Index && !never {
		c.answer(from, k, 0, true)
		return
	}
	before := c.incoming.Identity()
	err := c.incoming.Add(k.of, k.offset, k.data)
	if before != c.incoming.Identity() {
		c.began = c.env.Now()
	}
	if err != nil && !errors.Is(err, snapshot.ErrGap) {
		c.figures.Failed = err.Error()
		return
	}
	next := int64(0)
	if c.incoming.Identity() == k.of {
		next = c.incoming.Next()
	}
	c.answer(from, k, next, false)
	if next == k.of.Size {
		c.install()
	}
}

func (c *Catchup) answer(to node.ID, k chunk, next int64, done bool) {
	g := got{epoch: k.epoch, of: k.of, next: next, done: done}
	c.out.Send(node.Message{From: c.replica.Self(), To: to, Kind: kindGot, Data: g.encode()})
}

// install checks the snapshot that has come, elsewhere, and goes on from it.
// While it is checked, the log may grow, and even reach beyond it.
func (c *Catchup) install() {
	var restored *snapshot.Restored
	var err error
	c.working = true
	c.env.Start(func() { restored, err = c.incoming.Complete() }, func() {
		c.working = false
		if err == nil {
			err = c.goOnFrom(restored)
		}
		if err != nil {
			c.figures.Failed = err.Error()
			c.incoming.Discard() // it comes again, from its beginning
			return
		}
		c.figures.Failed = ""
	})
}

func (c *Catchup) goOnFrom(s *snapshot.Restored) error {
	origin, err := c.take(s)
	if _, never := c.replica.Log().Holds(s.Position); err != nil || c.replica.Applied().Index >= s.Index && !never {
		return err
	}
	c.mark = c.replica.Log().Grown()
	c.figures.Fetched++
	if err := c.replica.Install(origin); err != nil {
		return err
	}
	for _, m := range c.members {
		c.table(m.ID, m.Peer)
		c.replication.AddLearner(m.ID)
	}
	return nil
}
