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
	"errors"
	"fmt"
	"math"
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
	set(&c.Every, 8<<20)
	set(&c.Keep, 1000)
	set(&c.Gone, 10*time.Second)
	set(&c.Resend, 200*time.Millisecond)
	return c
}

func set[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// Catchup is the module.
//
// Invariants:
//   - saved is the label of the snapshot on the disk, if its Index is not 0, and
//     the log has all entries after it.
//   - Of Write and Complete one runs at a time, and nothing of incoming is used
//     while Complete runs.
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
	saved    snapshot.Label
	size     int64 // of the snapshot on the disk, in bytes
	mark     int64 // node.Log.Grown when it was made
	members  []snapshot.Member
	working  bool // Write or Complete runs
	retry    time.Duration
	figures  Figures
	incoming *snapshot.Incoming
	began    time.Duration // when incoming began
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
	c.replica, c.replication = replica, r
	var err error
	if c.incoming, err = snapshot.OpenIncoming(c.disk); err != nil {
		return err
	}
	r.OnBehind(c.behind)
	for _, m := range c.members {
		c.replication.AddLearner(m.ID)
	}
	return nil
}

// UseTable lets the module say where nodes hear others.
func (c *Catchup) UseTable(set func(node.ID, string)) {
	c.table = set
	for _, m := range c.members {
		set(m.ID, m.Peer)
	}
}

// Origin returns what the snapshot on the disk adds up to.
func (c *Catchup) Origin() (node.Origin, error) {
	if !c.opened {
		label, err := snapshot.Open(c.disk)
		if err != nil {
			return node.Origin{}, err
		}
		c.saved, c.opened = label, true
	}
	if c.saved.Index == 0 {
		return node.Origin{}, nil
	}
	s, err := snapshot.Load(c.disk, c.saved.Index)
	if err != nil {
		return node.Origin{}, err
	}
	return c.take(s)
}

// take makes s the snapshot on the disk.
func (c *Catchup) take(s *snapshot.Restored) (node.Origin, error) {
	if err := c.stand(s.Label); err != nil {
		return node.Origin{}, err
	}
	c.members = s.Members
	return node.Origin{At: s.Position, Machine: machine.Restore(s.Sessions, s.Map), Settings: s.Settings}, nil
}

// stand notes which snapshot is on the disk.
func (c *Catchup) stand(l snapshot.Label) error {
	source, err := snapshot.OpenSource(c.disk, l.Index)
	if err != nil {
		return err
	}
	c.saved, c.size = l, source.Identity().Size
	return source.Close()
}

// Forget removes the snapshot: what it is of is not part of the history any
// more.
func (c *Catchup) Forget() error {
	c.saved, c.size, c.members = snapshot.Label{}, 0, nil
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
	if c.due() {
		c.save()
	}
}

// due says whether it is time for a snapshot.
func (c *Catchup) due() bool {
	return !c.working && c.replica.Machine() != nil && c.replica.Applied().Index > c.saved.Index &&
		c.replica.Log().Grown()-c.mark >= max(c.config.Every, c.size) && c.env.Now() >= c.retry
}

// save makes a snapshot of what has been applied. The map is frozen, which takes
// no time to speak of, and so are the sessions, by copying them: 10,000 take
// about a millisecond. Writing it down is done elsewhere.
func (c *Catchup) save() {
	settings, _ := c.replica.Settings()
	began := c.env.Now()
	state := snapshot.State{
		Label:    snapshot.Label{Position: c.replica.Applied(), Settings: settings, Members: append([]snapshot.Member(nil), c.members...)},
		Sessions: c.replica.Machine().Export(),
		Map:      c.replica.Machine().Map.(*tree.Map).Freeze(),
	}
	c.figures.Paused = c.env.Now() - began
	mark := c.replica.Log().Grown()
	var err error
	c.working = true
	c.env.Start(func() { err = snapshot.Write(c.disk, state) }, func() {
		c.working = false
		c.figures.Took = c.env.Now() - began
		if err == nil {
			err = c.stand(state.Label)
		}
		if _, never := c.replica.Log().Holds(state.Position); err == nil && never {
			err = c.Forget() // what it is of was cut off meanwhile
			return
		}
		if err != nil {
			c.figures.Failed = err.Error()
			c.retry = c.env.Now() + 10*time.Second
			return
		}
		c.mark, c.figures.Failed = mark, ""
		c.figures.Written++
	})
}

// Synced implements node.Module: what the snapshot covers, and nobody reads, is
// cut off the log.
func (c *Catchup) Synced() {
	if c.saved.Index <= c.config.Keep {
		return
	}
	to := min(c.saved.Index-c.config.Keep, c.pinned())
	if to <= c.replica.Log().Base().Index {
		return
	}
	if err := c.replica.CutFront(to); err != nil {
		c.figures.Failed = err.Error()
	}
}

// reading is a follower that reads the log.
type reading struct {
	id    node.ID
	match uint64
	moved time.Duration // when match last grew
}

// pinned returns the index up to which nobody needs the log: followers that get
// on, and those that are sent a snapshot and will go on from there.
func (c *Catchup) pinned() uint64 {
	to := uint64(math.MaxUint64)
	for _, t := range c.sending {
		to = min(to, t.id.Index)
	}
	status := c.replication.Status()
	for _, f := range status.Followers {
		r := c.reading(f.ID)
		if f.Match > r.match || f.Match >= status.Committed && f.Heard >= 0 && f.Heard < c.config.Gone {
			r.match, r.moved = f.Match, c.env.Now()
		}
		if base := c.replica.Log().Base().Index; f.Match >= base && c.env.Now()-r.moved < c.config.Gone {
			to = min(to, f.Match)
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
	r := &reading{id: id, moved: c.env.Now()}
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

// Figures are numbers about the snapshots of a node.
type Figures struct {
	Written int           // by itself
	Fetched int           // from others
	Paused  time.Duration // how long the last one kept the node from its work
	Took    time.Duration // and how long it took to be written
	Failed  string        // why the last one was not made; "": it was
}

// Status is what there is to say about snapshots and transfers.
type Status struct {
	Figures
	Learner  bool
	Saved    node.Position // of the snapshot on the disk
	Size     int64         // and its bytes
	Incoming *Progress     // what this node is being sent
	Sending  []Progress    // what it sends, and to whom
	Members  []snapshot.Member
}

// Progress is how far a transfer is.
type Progress struct {
	Peer  node.ID
	Of    node.Position
	Bytes int64
	Size  int64
	Took  time.Duration
}

// Status returns it as of now.
func (c *Catchup) Status() Status {
	s := Status{Figures: c.figures, Learner: c.config.Join, Saved: c.saved.Position, Size: c.size, Members: c.members}
	if !c.working && c.incoming.Identity().Size > 0 {
		id := c.incoming.Identity()
		s.Incoming = &Progress{Of: id.Position, Bytes: c.incoming.Next(), Size: id.Size, Took: c.env.Now() - c.began}
	}
	for _, t := range c.sending {
		s.Sending = append(s.Sending, Progress{Peer: t.peer, Of: t.id.Position, Bytes: t.got, Size: t.id.Size, Took: c.env.Now() - t.began})
	}
	return s
}

// Promote makes this node the leader, unless it is a learner: that may lack what
// has been acknowledged, and nobody counts it.
func (c *Catchup) Promote() error {
	if c.config.Join {
		return fmt.Errorf("%v is a learner, and cannot lead", c.replica.Self())
	}
	return c.replication.Promote()
}

// Add makes a node a learner of this cluster. It must be called in a turn of the
// leader.
func (c *Catchup) Add(m snapshot.Member) error {
	epoch, leads := c.replica.Epoch()
	switch {
	case !leads:
		return &node.NotLeaderError{Leader: epoch.Leader()}
	case m.ID == c.replica.Self() || c.replication.Knows(m.ID) && !c.isLearner(m.ID):
		return fmt.Errorf("%v is in the cluster already", m.ID)
	case m.ID == 0 || m.Peer == "":
		return errors.New("a node has a number, and an address at which it hears others")
	}
	m.Learner = true
	c.replica.Append(epoch, appendMember(nil, m))
	return nil
}

func (c *Catchup) isLearner(id node.ID) bool {
	for _, m := range c.members {
		if m.ID == id {
			return true
		}
	}
	return false
}

// Other applies the entries of this package: see node.ReplicaConfig.
func (c *Catchup) Other(e node.Entry) bool {
	m, ok := readMember(e.Record)
	if !ok {
		return false
	}
	kept := c.members[:0:0]
	for _, other := range c.members {
		if other.ID != m.ID {
			kept = append(kept, other)
		}
	}
	c.members = append(kept, m)
	c.table(m.ID, m.Peer)
	c.replication.AddLearner(m.ID)
	return true
}
