package replication

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/05-replication/node"
)

// follower is what a leader knows of another node.
//
// Invariants:
//   - The follower's disk has what the leader has up to match, as far as the
//     leader was told.
//   - match < next, and in flight are only entries below next.
//   - While probing, nothing but signs of life is sent: they ask whether the
//     follower has the entry before next.
type follower struct {
	id       node.ID
	match    uint64
	next     uint64 // what it is to be sent next
	probing  bool
	inflight []uint64 // the last index of every message with entries that is not answered
	sent     time.Duration
	heard    time.Duration // 0: never
	fetching bool          // entries for it are being read from the disk
	learner  bool          // it does not count
	foreign  bool
}

// Bounds on what is sent to a follower before it has answered.
const (
	maxMessage  = 256 << 10 // bytes of entries in a message
	maxInflight = 16        // messages
)

// longAgo is before any time that a node knows of.
const longAgo = -time.Hour

// begin forgets what an earlier leader may have known.
func (f *follower) begin(next uint64) {
	*f = follower{id: f.id, next: next, fetching: f.fetching, learner: f.learner}
	f.probe(next)
}

// probe asks whether the follower has the entry before next.
func (f *follower) probe(next uint64) {
	f.next, f.probing, f.inflight, f.sent = next, true, nil, longAgo
}

// accepted is told that the follower's disk has everything up to index.
func (f *follower) accepted(index uint64) {
	f.match, f.next, f.probing = max(f.match, index), max(f.next, index+1), false
	f.inflight = slices.DeleteFunc(f.inflight, func(last uint64) bool { return last <= index })
}

// refused is told that the follower does not have the entry prev, and has the
// same as the leader up to index at most. That may be less than it had: its disk
// may be a new one.
func (f *follower) refused(prev, index uint64) {
	if f.probing && prev != f.next-1 {
		return // an answer to an earlier message
	}
	index = min(index, prev-1)
	f.match = min(f.match, index)
	f.probe(index + 1)
}

func (r *Replication) receiveAck(from node.ID, a ack) {
	if !a.foreign { // what epochs a stranger knows is nothing to us
		r.Hear(a.epoch)
	}
	epoch, leads := r.replica.Epoch()
	f := r.find(from)
	if !leads || a.epoch != epoch && !a.foreign || f == nil {
		return
	}
	f.heard, f.foreign = r.env.Now(), a.foreign
	log := r.replica.Log()
	switch {
	case a.foreign:
	case a.accepts:
		r.Has(from, a.at)
	case a.prev > 0:
		f.refused(a.prev, log.UpTo(a.at).Index)
	}
}

// Has tells the leader that a follower's disk has everything up to a position.
// If the leader has something else there, that cannot be: the follower goes on
// from a snapshot (step 06) of what is not part of the history any more. It is
// the follower who has to see that, and so it is asked for that very entry.
func (r *Replication) Has(id node.ID, at node.Position) {
	f, log := r.find(id), r.replica.Log()
	switch e, known := log.EpochAt(at.Index); {
	case f == nil || at.Index > log.Last().Index:
	case known && e != at.Epoch:
		f.probe(at.Index + 1)
	default:
		f.accepted(at.Index)
	}
}

// ship sends every follower what it lacks, as far as it is on this disk and the
// follower keeps up.
func (r *Replication) ship() {
	synced := r.replica.Log().Synced()
	for _, f := range r.followers {
		if !f.probing && f.next < r.replica.Log().First() {
			f.probe(f.next) // send will see
		}
		for !f.probing && !f.fetching && f.next <= synced && len(f.inflight) < maxInflight {
			entries, ok := r.replica.Log().Read(f.next, synced, maxMessage)
			if !ok {
				r.fetch(f, synced)
				break
			}
			r.send(f, entries)
		}
		if f.probing && f.sent == longAgo {
			r.send(f, nil)
		}
	}
}

// fetch reads what a follower lacks from the disk, which may take a while.
func (r *Replication) fetch(f *follower, to uint64) {
	from := f.next
	if from < r.replica.Log().First() {
		f.probe(from) // send will see
		return
	}
	epoch, _ := r.replica.Epoch()
	var entries []node.Entry
	var err error
	read := r.replica.Log().Fetch(from, to, maxMessage)
	f.fetching = true
	r.env.Start(func() { entries, err = read() }, func() {
		f.fetching = false
		if errors.Is(err, journal.ErrDamaged) {
			r.replica.Fail(err)
		}
		if now, leads := r.replica.Epoch(); leads && now == epoch && !f.probing && f.next == from && err == nil && len(entries) > 0 {
			r.send(f, entries)
		}
	})
}

// send sends a follower entries, the first of which is the next one; or none, as
// a sign of life.
func (r *Replication) send(f *follower, entries []node.Entry) {
	log := r.replica.Log()
	prev := node.Position{Index: f.next - 1}
	var ok bool
	if prev.Epoch, ok = log.EpochAt(prev.Index); !ok {
		r.tooFarBehind(f)
		prev, entries = log.Base(), nil // a sign of life, at least
	}
	epoch, _ := r.replica.Epoch()
	m := appendEntries{
		epoch: epoch, identity: r.replica.Identity(), prev: prev,
		committed: r.replica.Committed(), last: log.Last().Index, entries: entries,
	}
	r.out.Send(node.Message{From: r.replica.Self(), To: f.id, Kind: kindAppend, Data: m.encode()})
	f.sent = r.env.Now()
	if n := uint64(len(entries)); n > 0 {
		f.next += n
		f.inflight = append(f.inflight, f.next-1)
	}
}

// tooFarBehind leaves a follower to whoever can help it. The log of this step is
// never cut at its front, so there is nobody like that.
func (r *Replication) tooFarBehind(f *follower) {
	if r.behind != nil {
		r.behind(f.id)
	}
}

// commit commits what enough disks have. Only an entry of the leader's own epoch
// is counted, and with it all before: an older one may be on many disks, and
// still be cut by a leader whose log is worth more (Raft, section 5.4.2).
func (r *Replication) commit() {
	has := []uint64{r.replica.Log().Synced()}
	for _, f := range r.followers {
		if !f.foreign && !f.learner {
			has = append(has, f.match)
		}
	}
	acks := r.acks()
	if len(has) < acks {
		return
	}
	slices.Sort(has)
	index := has[len(has)-acks]
	epoch, _ := r.replica.Epoch()
	if e, ok := r.replica.Log().EpochAt(index); ok && e == epoch {
		r.replica.Commit(index)
	}
}

// acks returns how many disks must have an entry: those of all nodes that are not
// learners or, if nobody has said, of a majority of them.
func (r *Replication) acks() int {
	voters := 1
	for _, f := range r.followers {
		if !f.learner {
			voters++
		}
	}
	if r.config.Acks == All {
		return voters
	}
	return cmp.Or(r.config.Acks, voters/2+1)
}
