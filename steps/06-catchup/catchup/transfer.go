package catchup

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
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
	whole  bool // it has been verified; nothing is sent before
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
// have any more. One of whom nothing is heard can wait.
func (c *Catchup) behind(peer node.ID) {
	if c.find(peer) != nil || c.saved.Index == 0 || !c.hears(peer) {
		return
	}
	source, err := snapshot.OpenSource(c.disk, c.saved.Index)
	if err != nil {
		c.unreadable(err)
		return
	}
	t := &transfer{peer: peer, source: source, id: source.Identity()}
	c.sending = append(c.sending, t)
	c.verify(t)
}

// unreadable is told that a snapshot cannot be sent. Who has damaged what its own
// next start needs has no reason to go on.
func (c *Catchup) unreadable(err error) {
	c.note(err)
	if errors.Is(err, snapshot.ErrDamaged) {
		c.replica.Fail(err)
	}
}

func (c *Catchup) hears(peer node.ID) bool {
	return slices.ContainsFunc(c.replication.Followers(), func(f replication.FollowerStatus) bool {
		return f.ID == peer && f.Heard >= 0 && f.Heard < c.config.Gone
	})
}

func (c *Catchup) find(peer node.ID) *transfer {
	for _, t := range c.sending {
		if t.peer == peer {
			return t
		}
	}
	return nil
}

// verify reads the snapshot before anybody is sent it. A follower would find
// damage only at its end, and then be sent the same again, for ever.
func (c *Catchup) verify(t *transfer) {
	t.began = c.env.Now()
	var err error
	c.env.Start(func() { err = snapshot.Verify(c.disk, t.id.Index) }, func() {
		switch {
		case !slices.Contains(c.sending, t): // it leads no more
		case errors.Is(err, fs.ErrNotExist): // a later one has taken its place
			c.drop(t)
		case err != nil:
			c.unreadable(err)
			c.drop(t)
		default:
			t.whole, t.moved, t.tried = true, c.env.Now(), c.env.Now()
			c.sendChunk(t, 0, 0) // what have you got?
		}
	})
}

func (c *Catchup) sendChunk(t *transfer, offset int64, n int) {
	data, err := t.source.Chunk(offset, n)
	if err != nil {
		c.note(err)
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
	if g.holds.Index > 0 {
		c.drop(t)
		c.replication.Has(from, g.holds)
		return
	}
	if !t.asked || g.next > t.got {
		t.moved = c.env.Now()
	}
	if !t.asked { // it says where to go on: it may have been started again, and have lost its last bytes
		t.sent = 0
	}
	t.asked, t.got = true, min(g.next, t.id.Size)
	t.sent = max(t.sent, t.got)
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
		case !leads, t.whole && now-t.moved > c.config.Gone:
			c.drop(t)
		case t.whole && now-max(t.moved, t.tried) > c.config.Resend:
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
	if epoch, leads := c.replica.Epoch(); k.epoch != epoch || leads {
		return
	}
	switch holds, ok := c.holds(k.of.Position); {
	case ok:
		c.answer(from, got{epoch: k.epoch, of: k.of, holds: holds})
	case c.checking == snapshot.Identity{}:
		c.add(from, k)
	case c.checking == k.of: // there is nothing to do but to wait
		c.answer(from, got{epoch: k.epoch, of: k.of, next: k.of.Size})
	}
}

// holds says whether the log has everything up to a position, or has been cut
// behind it, and up to where that is sure.
func (c *Catchup) holds(at node.Position) (up node.Position, ok bool) {
	if base := c.replica.Log().Base(); at.Index < base.Index {
		at = base
	}
	has, _ := c.replica.Log().Holds(at)
	return at, has
}

// add adds a chunk to what has come, and says how much that is.
func (c *Catchup) add(from node.ID, k chunk) {
	before := c.incoming.Identity()
	err := c.giveUp(k)
	if err == nil {
		err = c.incoming.Add(k.of, k.offset, k.data)
	}
	if before != c.incoming.Identity() {
		c.began = c.env.Now()
	}
	switch {
	case errors.Is(err, snapshot.ErrOlder): // it has been on its way for long
		return
	case err != nil && !errors.Is(err, snapshot.ErrGap):
		c.note(err)
		return
	}
	next := int64(0)
	if c.incoming.Identity() == k.of {
		next = c.incoming.Next()
	}
	c.answer(from, got{epoch: k.epoch, of: k.of, next: next})
	if next == k.of.Size {
		c.check(from)
	}
}

// giveUp throws away what has come of a snapshot if another leader sends another
// one, even if it is of an earlier entry: its history may be another.
func (c *Catchup) giveUp(k chunk) error {
	if c.sentIn == k.epoch {
		return nil
	}
	c.sentIn = k.epoch
	if c.incoming.Identity() == k.of {
		return nil
	}
	return c.incoming.Discard()
}

func (c *Catchup) answer(to node.ID, g got) {
	c.out.Send(node.Message{From: c.replica.Self(), To: to, Kind: kindGot, Data: g.encode()})
}

// check checks the snapshot that has come from a leader, elsewhere, and goes on
// from it.
func (c *Catchup) check(from node.ID) {
	var restored *snapshot.Restored
	var err error
	epoch, _ := c.replica.Epoch()
	id := c.incoming.Identity()
	c.checking = id
	c.env.Start(func() { restored, err = c.incoming.Check() }, func() {
		c.checking = snapshot.Identity{}
		if now, leads := c.replica.Epoch(); err == nil && (leads || now != epoch) {
			return // who leads now may have another history: let it say what it wants
		}
		if err == nil {
			err = c.goOnFrom(restored)
		}
		c.note(err) // if it was damaged it comes again, from its beginning
		if holds, ok := c.holds(id.Position); ok {
			c.answer(from, got{epoch: epoch, of: id, holds: holds})
		}
	})
}

// goOnFrom makes a snapshot what this node goes on from. If the log has come that
// far by itself meanwhile, it stays: what it has beyond, others count on.
func (c *Catchup) goOnFrom(s *snapshot.Restored) error {
	if _, ok := c.holds(s.Position); ok {
		return nil
	}
	err := c.place(s.Position, c.incoming.Publish)
	if c.saved != s.Position {
		return err
	}
	c.mark = c.replica.AppliedBytes()
	c.figures.Fetched++
	err = errors.Join(err, c.replica.Install(c.take(s)))
	c.introduce(c.members...)
	return err
}

// tickIncoming throws away what has come of a snapshot when it is of no use any
// more.
func (c *Catchup) tickIncoming() {
	id := c.incoming.Identity()
	if c.checking.Size > 0 || id.Size == 0 {
		return
	}
	_, leads := c.replica.Epoch()
	if _, ok := c.holds(id.Position); ok || leads {
		if err := c.incoming.Discard(); err != nil {
			c.note(err)
		}
	}
}
