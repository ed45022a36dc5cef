// Package replication answers: how does a second disk come to hold the same as
// the first?
//
// One node leads. It alone takes writes, and puts them into an order: its log.
// It sends the entries to the others, who append them to theirs, if what they
// have before is the same; otherwise they say where they had better begin. What
// enough disks have is committed. Only then it is applied, and answered.
//
// How many disks are enough is a choice, and a trade. One: nobody is waited
// for, and what the leader has answered dies with its disk. All: nothing dies,
// but a single node that is away stops the writes. Between them, a majority.
//
// Who leads is said by an operator. An epoch is the number of a reign: the
// later one wins, and whoever hears of it obeys. So a leader that has been
// replaced is no danger once it hears of that. Until then it is: step 07.
package replication

import (
	"cmp"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
)

// Config says how a node takes part. A zero means the default.
type Config struct {
	Peers     []node.ID     // the other nodes
	Acks      int           // disks that must have an entry before it counts, the leader's among them, or All; a majority
	New       bool          // begin a new history, and lead it; the disk must be empty
	Sessions  int           // room for so many in a new history; see machine.Settings
	Heartbeat time.Duration // the longest silence of a leader; 50 ms
	Backlog   int           // bytes of writes that may wait for other disks; 16 MiB
}

// All is the number of disks of all nodes that count, however many these are.
const All = -1

func (c Config) withDefaults() Config {
	c.Heartbeat = cmp.Or(c.Heartbeat, 50*time.Millisecond)
	c.Backlog = cmp.Or(c.Backlog, 16<<20)
	return c
}

func (c Config) check() error {
	if n := len(c.Peers) + 1; c.Acks < All || c.Acks > n {
		return fmt.Errorf("acknowledgements by %d disks: there are %d", c.Acks, n)
	}
	return nil
}

// Replication is the module; it is also the one that answers clients.
//
// Invariants, while this node leads:
//   - barrier is the last entry that was there when it began to lead, or the one
//     that marks its epoch. When that is applied, so is everything that any
//     leader before has acknowledged and that is not lost; until then nobody
//     reads here.
//   - pending has the writes that were taken and not answered, by index.
//   - What is sent to followers is on this disk.
type Replication struct {
	config  Config
	env     node.Env
	replica *node.Replica
	out     *node.Outbox

	settings  []byte // the first record of a history that this node begins
	followers []*follower
	barrier   uint64
	pending   []pending
	backlog   int // bytes of pending

	heard     time.Duration // when the leader of this epoch was last heard; 0: not yet
	leaderHas uint64        // what its log had then
	committed uint64        // and what of that was committed
	ready     bool          // all that was has been applied, once
	more      bool          // there is more to apply
	foreign   bool          // the leader has another history
	waiting   []node.Read
	behind    func(node.ID)
}

// pending is a write that waits for its entry to be applied.
type pending struct {
	index uint64
	id    uint64
	size  int
}

// New makes the module of a node. Whether it leads is what its disk says, or
// Config.New.
func New(env node.Env, replica *node.Replica, out *node.Outbox, c Config) (*Replication, error) {
	r := &Replication{config: c.withDefaults(), env: env, replica: replica, out: out}
	if err := r.config.check(); err != nil {
		return nil, err
	}
	for _, id := range r.config.Peers {
		r.followers = append(r.followers, &follower{id: id})
	}
	epoch, leads := replica.Epoch()
	switch {
	case c.New:
		if err := r.begin(); err != nil {
			return nil, err
		}
	case leads && replica.Log().Last().Index == 0: // there is nothing to lead
		replica.Abdicate()
	case leads:
		r.lead()
		if last := replica.Log().Last(); last.Epoch == epoch {
			r.barrier = last.Index
		}
	}
	return r, nil
}

// begin begins a history.
func (r *Replication) begin() error {
	first := node.NewEpoch(1, r.replica.Self())
	epoch, _ := r.replica.Epoch()
	if r.replica.Log().Last().Index > 0 || epoch != 0 && epoch != first { // first: the power went before there was more
		return errors.New("a new history needs an empty disk; this one has one already, so leave -new away")
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], r.env.Rand())
	binary.LittleEndian.PutUint64(b[8:], r.env.Rand())
	s, err := machine.Settings{Sessions: r.config.Sessions, Incarnation: base32.StdEncoding.EncodeToString(b[:])[:12]}.Complete()
	if err != nil {
		return err
	}
	r.settings = machine.AppendSettings(nil, s)
	r.replica.Enter(first, true)
	r.lead()
	return nil
}

// lead begins to lead.
func (r *Replication) lead() {
	r.barrier, r.foreign = math.MaxUint64, false
	for _, f := range r.followers {
		f.begin(r.replica.Log().Last().Index + 1)
	}
}

// markEpoch sees to it that the log of a leader says so: the first entry of an
// epoch is a mark, or the settings of a new history. So the log differs from one
// with a longer tail of the epoch before, even if nothing is ever written to it.
// If the mark cannot be written, it is tried again in the next turn.
func (r *Replication) markEpoch() {
	epoch, leads := r.replica.Epoch()
	last := r.replica.Log().Last()
	if !leads || last.Epoch == epoch {
		return
	}
	var record []byte
	if last.Index == 0 {
		record = r.settings
	}
	r.barrier = r.replica.Append(epoch, record).Index
}

// Promote makes this node the leader, in an epoch later than all that it has
// heard of. What its log does not have is lost; so whoever calls it ought to
// know that no other log that can be had is worth more.
func (r *Replication) Promote() error {
	epoch, leads := r.replica.Epoch()
	switch {
	case leads:
		return fmt.Errorf("%v leads already, in epoch %v", r.replica.Self(), epoch)
	case r.replica.Log().Last().Index == 0:
		return fmt.Errorf("%v has nothing on its disk: to promote it would be to lose everything", r.replica.Self())
	}
	r.replica.Enter(epoch.Next(r.replica.Self()), true)
	r.lead()
	r.markEpoch()
	return nil
}

// Hear is told every epoch that comes by.
func (r *Replication) Hear(e node.Epoch) {
	if epoch, _ := r.replica.Epoch(); e > epoch {
		r.replica.Enter(e, false)
		r.depose()
	}
}

// depose ends a reign, if there was one. Nobody knows what becomes of the writes
// that wait: the next leader may have them in its log.
func (r *Replication) depose() {
	for _, p := range r.pending {
		r.out.Reply(node.Reply{ID: p.id, Err: node.ErrDeposed})
	}
	r.pending, r.backlog = nil, 0
	r.heard, r.leaderHas, r.committed, r.foreign = 0, 0, 0, false
}

// Receive implements node.Module.
func (r *Replication) Receive(m node.Message) {
	switch m.Kind {
	case kindAppend:
		if a, err := decodeAppend(m.Data); err == nil {
			r.receiveAppend(m.From, a)
		}
	case kindAck:
		if a, err := decodeAck(m.Data); err == nil {
			r.receiveAck(m.From, a)
		}
	}
}

// Tick implements node.Module: a leader gives signs of life.
func (r *Replication) Tick() {
	r.markEpoch()
	if _, leads := r.replica.Epoch(); !leads {
		return
	}
	for _, f := range r.followers {
		if r.env.Now() >= f.sent+r.config.Heartbeat {
			r.send(f, nil)
		}
	}
}

// Synced implements node.Module: what is on enough disks is committed, what is
// on this one is shipped, what is committed is applied and answered.
func (r *Replication) Synced() {
	if _, leads := r.replica.Epoch(); leads {
		r.commit()
		r.ship()
	}
	more, err := r.replica.Apply(r.answer)
	if err != nil {
		return // the replica has failed, and the node with it
	}
	r.more = more
	r.ready = r.ready || !more && r.committed > 0 && r.replica.Applied().Index >= r.committed
	r.retry()
}

// answer tells the one who asked for the entry at p, if it was asked for here.
func (r *Replication) answer(p node.Position, a machine.Answer) {
	if len(r.pending) == 0 || r.pending[0].index != p.Index {
		return
	}
	r.out.Reply(node.Reply{ID: r.pending[0].id, Result: a.Result, Opened: string(a.Session), At: p, Err: a.Err})
	r.backlog -= r.pending[0].size
	r.pending = r.pending[1:]
}

// Unwritten implements node.Module.
func (r *Replication) Unwritten(err error) {
	last := r.replica.Log().Last().Index
	for n := len(r.pending); n > 0 && r.pending[n-1].index > last; n-- {
		p := r.pending[n-1]
		r.out.Reply(node.Reply{ID: p.id, Err: err})
		r.backlog -= p.size
		r.pending = r.pending[:n-1]
	}
}

// Wake implements node.Module.
func (r *Replication) Wake() time.Duration {
	if r.more {
		return r.env.Now()
	}
	wake := time.Duration(math.MaxInt64)
	if _, leads := r.replica.Epoch(); leads {
		for _, f := range r.followers {
			wake = min(wake, f.sent+r.config.Heartbeat)
		}
	}
	return wake
}

// Write implements node.Front.
func (r *Replication) Write(w node.Write) {
	_, leads := r.replica.Epoch()
	size := 64 + len(w.Request.Command.Key) + len(w.Request.Command.Value)
	switch {
	case !leads:
		r.out.Reply(node.Reply{ID: w.ID, Err: r.notLeader()})
		return
	case len(r.pending) > 0 && r.backlog+size > r.config.Backlog:
		r.out.Reply(node.Reply{ID: w.ID, Err: fmt.Errorf("%w: the disks of others are awaited", kv.ErrOverloaded)})
		return
	case w.Request.Identity.Number > 0 && r.current():
		if result, fresh, err := r.replica.Machine().Answer(w.Request.Identity); !fresh {
			r.out.Reply(node.Reply{ID: w.ID, Result: result, At: r.replica.Applied(), Err: err})
			return
		}
	}
	p := r.append(machine.AppendRequest(nil, w.Request))
	r.pending = append(r.pending, pending{p.Index, w.ID, size})
	r.backlog += size
}

// Append lets the leader write a record that is for another module, in a turn: see
// node.ReplicaConfig.
func (r *Replication) Append(record []byte) error {
	if _, leads := r.replica.Epoch(); !leads {
		return r.notLeader()
	}
	r.append(record)
	return nil
}

// append adds a record to the log, behind the mark of the epoch.
func (r *Replication) append(record []byte) node.Position {
	r.markEpoch()
	epoch, _ := r.replica.Epoch()
	return r.replica.Append(epoch, record)
}

func (r *Replication) notLeader() error {
	epoch, _ := r.replica.Epoch()
	e := &node.NotLeaderError{Leader: epoch.Leader()}
	if e.Leader == r.replica.Self() {
		e.Leader = 0 // it was, and has lost its disk
	}
	return e
}

// OnBehind lets f be told of followers that need entries which the log does not
// have.
func (r *Replication) OnBehind(f func(node.ID)) { r.behind = f }

// Knows says whether id is a follower, or would be if this node led.
func (r *Replication) Knows(id node.ID) bool { return r.find(id) != nil }

// AddLearner adds a node that is sent everything, and does not count when disks
// are counted. If it is known already, it does not count any longer.
func (r *Replication) AddLearner(id node.ID) {
	if id == r.replica.Self() {
		return
	}
	if f := r.find(id); f != nil {
		f.learner = true
		return
	}
	f := &follower{id: id, learner: true}
	f.begin(r.replica.Log().Last().Index + 1)
	r.followers = append(r.followers, f)
}

// find returns the follower with an ID, or nil.
func (r *Replication) find(id node.ID) *follower {
	i := slices.IndexFunc(r.followers, func(f *follower) bool { return f.id == id })
	if i < 0 {
		return nil
	}
	return r.followers[i]
}
