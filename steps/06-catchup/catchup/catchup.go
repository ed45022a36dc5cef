// Package catchup answers: how does a node that is new, or was away for a year,
// come to hold what the others hold, while they go on?
//
// It is sent a snapshot, and then the entries that came after. So every node
// makes a snapshot of itself now and then, and cuts off the front of its log,
// which the snapshot stands for: nobody keeps the whole history any more, and
// what a node has on its disk, and reads when it starts, is bounded by what is
// in the store and not by what ever was.
//
// The leader sends; the follower asks for the next byte that it lacks. So a
// transfer that breaks off, at either end, goes on where it was. The follower
// takes the place of its old self with the snapshot only when it has all of it,
// and its checksum is right.
//
// A node that joins is a learner: it is sent everything, and does not count when
// the leader counts disks. It answers no reads until it has caught up.
package catchup

import (
	"cmp"
	"math"
	"slices"
	"time"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/06-catchup/snapshot"
	"zeyrho/steps/06-catchup/tree"
)

// Config says when snapshots are made, and for whom the log is kept. A zero
// means the default.
type Config struct {
	// Every is how many bytes of log are worth a snapshot; but never fewer than
	// the snapshot before had, lest a large store do nothing else. 8 MiB.
	Every int64
	// Keep is how many entries are kept though the snapshot has them, because a
	// follower that is a little behind is served better with those; 1,000.
	Keep uint64
	// Gone is how long nothing must have come from a follower that nobody waits
	// for any longer; 10 s.
	Gone time.Duration
	// Resend is how long an answer may take before it is asked for again; 200 ms.
	Resend time.Duration
	Join   bool // this node is a learner
}

func (c Config) withDefaults() Config {
	c.Every = cmp.Or(c.Every, 8<<20)
	c.Keep = cmp.Or(c.Keep, 1000)
	c.Gone = cmp.Or(c.Gone, 10*time.Second)
	c.Resend = cmp.Or(c.Resend, 200*time.Millisecond)
	return c
}

// Catchup is the module.
//
// Invariants:
//   - saved is the position of the snapshot on the disk, if its Index is not 0, and
//     the log has all entries after it.
//   - What is long runs elsewhere: Write, if writing; Check, if checking says of
//     what. Which snapshot is on the disk changes in a turn, and only if what it
//     is of is part of the history as it is then.
//   - While checking, nothing else of incoming is used.
//   - The log is cut where the snapshot on the disk covers it, and nowhere else.
type Catchup struct {
	config      Config
	env         node.Env
	disk        disk.Disk
	out         *node.Outbox
	replica     *node.Replica
	replication *replication.Replication
	table       func(node.ID, string) // where nodes hear others

	opened   bool
	saved    node.Position
	size     int64 // of the snapshot on the disk, in bytes
	mark     int64 // node.Replica.AppliedBytes when it was made
	members  []snapshot.Member
	writing  bool
	retry    time.Duration // not to be tried before
	figures  Figures
	incoming *snapshot.Incoming
	checking snapshot.Identity
	began    time.Duration // when incoming began
	sentIn   node.Epoch    // the epoch in which incoming was last sent
	sending  []*transfer
	readers  []*reading
}

// New makes the module. Its methods Origin, Forget and Other are for the
// replica's configuration; then comes Attach.
func New(env node.Env, d disk.Disk, out *node.Outbox, c Config) *Catchup {
	return &Catchup{config: c.withDefaults(), env: env, disk: d, out: out, table: func(node.ID, string) {}}
}

// Attach gives the module what it works on.
func (c *Catchup) Attach(replica *node.Replica, r *replication.Replication) error {
	c.replica, c.replication, c.began = replica, r, c.env.Now()
	var err error
	if c.incoming, err = snapshot.OpenIncoming(c.disk); err != nil {
		return err
	}
	r.OnBehind(c.behind)
	c.introduce(c.members...)
	return nil
}

// Origin returns what the snapshot on the disk adds up to.
func (c *Catchup) Origin() (node.Origin, error) {
	if !c.opened {
		if err := c.look(); err != nil {
			return node.Origin{}, err
		}
	}
	if c.saved.Index == 0 {
		c.members = nil
		return node.Origin{}, nil
	}
	s, err := snapshot.Load(c.disk, c.saved.Index)
	if err != nil {
		return node.Origin{}, err
	}
	return c.take(s), nil
}

// take makes what s says of members what counts, and returns the rest.
func (c *Catchup) take(s *snapshot.Restored) node.Origin {
	c.members = s.Members
	return node.Origin{At: s.Position, Machine: machine.Restore(s.Sessions, s.Map), Settings: s.Settings}
}

// look finds out which snapshot is on the disk.
func (c *Catchup) look() error {
	label, err := snapshot.Open(c.disk)
	if err == nil {
		err = c.stand(label.Position)
	}
	c.opened = err == nil
	return err
}

// stand notes which snapshot is on the disk.
func (c *Catchup) stand(at node.Position) error {
	c.saved, c.size = at, 0
	if at.Index == 0 {
		return nil
	}
	source, err := snapshot.OpenSource(c.disk, at.Index)
	if err != nil {
		return err
	}
	c.size = source.Identity().Size
	return source.Close()
}

// place lets the snapshot of a position take the place of the one before. If that
// fails, nobody knows which of them is there.
func (c *Catchup) place(at node.Position, publish func() error) error {
	err := publish()
	if err == nil {
		return c.stand(at)
	}
	if lost := c.look(); lost != nil {
		c.replica.Fail(lost)
	}
	return err
}

// Forget removes the snapshot: what it is of is not part of the history any
// more.
func (c *Catchup) Forget() error {
	c.saved, c.size, c.members = node.Position{}, 0, nil
	return snapshot.Remove(c.disk)
}

// Receive implements node.Module.
func (c *Catchup) Receive(m node.Message) {
	switch m.Kind {
	case kindChunk:
		if k, err := decodeChunk(m.Data); err == nil {
			c.receiveChunk(m.From, k)
		}
	case kindGot:
		if g, err := decodeGot(m.Data); err == nil {
			c.receiveGot(m.From, g)
		}
	}
}

// Tick implements node.Module.
func (c *Catchup) Tick() {
	c.tickTransfers()
	c.tickIncoming()
	if c.due() {
		c.save()
	}
}

// due says whether it is time for a snapshot.
func (c *Catchup) due() bool {
	return !c.writing && c.replica.Machine() != nil && c.replica.Applied().Index > c.saved.Index &&
		c.replica.AppliedBytes()-c.mark >= max(c.config.Every, c.size) && c.env.Now() >= c.retry
}

// save makes a snapshot of what has been applied. The map is frozen, which takes
// no time to speak of, and so are the sessions, by copying them: 10,000 take
// about a millisecond. Writing it down is done elsewhere.
func (c *Catchup) save() {
	settings, _ := c.replica.Settings()
	began := c.env.Now()
	state := snapshot.State{
		Label:    snapshot.Label{Position: c.replica.Applied(), Settings: settings, Members: slices.Clone(c.members)},
		Sessions: c.replica.Machine().Export(),
		Map:      c.replica.Machine().Map.(*tree.Map).Freeze(),
	}
	c.figures.Paused = c.env.Now() - began
	mark := c.replica.AppliedBytes()
	var err error
	c.writing = true
	c.env.Start(func() { err = snapshot.Write(c.disk, state) }, func() {
		c.writing = false
		c.figures.Took = c.env.Now() - began
		if err == nil {
			err = c.written(state.Position, mark)
		}
		c.note(err)
		if err != nil {
			c.retry = c.env.Now() + retryAfter
		}
	})
}

// retryAfter is how long a snapshot that could not be made is left alone.
const retryAfter = 10 * time.Second

// written puts a snapshot of one's own into its place. Meanwhile what it is of may
// have been cut off, or the leader have sent a later one: then nobody wants it.
func (c *Catchup) written(at node.Position, mark int64) error {
	if has, _ := c.replica.Log().Holds(at); !has || !c.saved.Before(at) {
		return snapshot.Withdraw(c.disk, at)
	}
	err := c.place(at, func() error { return snapshot.Publish(c.disk, at) })
	if err == nil {
		c.mark = mark
		c.figures.Written++
	}
	return err
}

// note keeps why something has failed, or that it has not.
func (c *Catchup) note(err error) {
	c.figures.Failed = ""
	if err != nil {
		c.figures.Failed = err.Error()
	}
}

// Synced implements node.Module: what the snapshot covers, and nobody reads, is
// cut off the log.
func (c *Catchup) Synced() {
	base := c.replica.Log().Base().Index
	to := c.pinned(base) // which looks at the followers, in every turn
	if c.saved.Index <= base+c.config.Keep {
		return
	}
	if to = min(to, c.saved.Index-c.config.Keep); to <= base {
		return
	}
	if err := c.replica.CutFront(to); err != nil {
		c.note(err)
	}
}

// reading is what is known of a follower that reads the log.
type reading struct {
	id    node.ID
	epoch node.Epoch // in which this node leads
	match uint64
	moved time.Duration // when match last changed, or there was nothing to read
}

// pinned returns the index up to which nobody needs the log, which begins behind
// base: the followers that get on, and those that are sent a snapshot and will go
// on from there. Of a follower that has not yet said how far it is, one knows
// only that it may need all there is.
func (c *Catchup) pinned(base uint64) uint64 {
	to := uint64(math.MaxUint64)
	for _, t := range c.sending {
		to = min(to, t.id.Index)
	}
	epoch, _ := c.replica.Epoch()
	for _, f := range c.replication.Followers() {
		r := c.reading(f.ID)
		hasAll := f.Match >= c.replica.Committed() && f.Heard >= 0 && f.Heard < c.config.Gone
		if f.Match != r.match || epoch != r.epoch || hasAll {
			r.match, r.epoch, r.moved = f.Match, epoch, c.env.Now()
		}
		if c.env.Now()-r.moved < c.config.Gone && c.find(f.ID) == nil {
			to = min(to, max(base, f.Match))
		}
	}
	return to
}

func (c *Catchup) reading(id node.ID) *reading {
	for _, r := range c.readers {
		if r.id == id {
			return r
		}
	}
	r := &reading{id: id}
	c.readers = append(c.readers, r)
	return r
}

// Unwritten implements node.Module.
func (c *Catchup) Unwritten(error) {}

// Wake implements node.Module.
func (c *Catchup) Wake() time.Duration {
	wake := time.Duration(math.MaxInt64)
	if len(c.sending) > 0 {
		wake = c.env.Now() + c.config.Resend/2
	}
	return wake
}
