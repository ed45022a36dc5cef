package replication

import (
	"zeyrho/steps/05-replication/node"
)

// receiveAppend appends what a leader sends, if it follows on what is there.
func (r *Replication) receiveAppend(from node.ID, m appendEntries) {
	own := r.replica.Identity()
	foreign := own != "" && own != m.identity
	if !foreign {
		r.Hear(m.epoch)
	}
	epoch, leads := r.replica.Epoch()
	answer := ack{epoch: epoch, foreign: foreign}
	switch {
	case foreign:
		r.foreign = r.foreign || !leads && m.epoch >= epoch
	case m.epoch < epoch || leads: // it has been replaced, and learns it now
	default:
		r.foreign = false
		r.heard, r.leaderHas, r.committed = r.env.Now(), max(r.leaderHas, m.last), max(r.committed, m.committed)
		answer.prev = m.prev.Index
		answer.at, answer.accepts = r.follow(m)
	}
	r.out.Send(node.Message{From: r.replica.Self(), To: from, Kind: kindAck, Data: answer.encode()})
}

// follow makes the log what the leader's is, as far as the message shows it. It
// returns up to where the two are the same or, if it cannot, might be.
func (r *Replication) follow(m appendEntries) (at node.Position, ok bool) {
	log := r.replica.Log()
	base := log.Base()
	m = m.from(base.Index)
	e, has := log.EpochAt(m.prev.Index)
	switch {
	case m.excludes(base):
		r.cut(base.Index - 1) // so nothing is left; if that fails, so has the replica
		return log.Base(), false
	case m.prev.Index < base.Index:
		return base, true // as far as anybody knows; the leader knows better: see Has
	case !has || e != m.prev.Epoch:
		return log.UpTo(m.prev), false
	}
	for _, e := range m.entries {
		has, ok := log.EpochAt(e.Index)
		if ok && has == e.Epoch {
			continue // it came before
		}
		if ok {
			// Only now is it sure that the rest is not the leader's. A message
			// that is merely old says less than the log has, and cuts nothing.
			if err := r.cut(e.Index - 1); err != nil {
				return at, false
			}
			if log.Last().Index < e.Index-1 { // the machine could not go back as far as that: see node.Replica.CutBack
				return log.Base(), false
			}
		}
		r.replica.Append(e.Epoch, e.Record)
	}
	at = m.prev
	if n := len(m.entries); n > 0 {
		at = m.entries[n-1].Position
	}
	r.replica.Commit(min(m.committed, at.Index)) // what lies behind may be anything
	return at, true
}

// cut removes the end of the log. What was applied of it was seen by clients, and
// is no more: see node.ErrVanished.
func (r *Replication) cut(last uint64) error {
	if r.replica.Applied().Index > last {
		r.ready = false
	}
	return r.replica.CutBack(last)
}

// from returns the part of m that concerns entries above base. Of those before
// the log knows nothing, but that they were committed.
func (m appendEntries) from(base uint64) appendEntries {
	for m.prev.Index < base && len(m.entries) > 0 {
		m.prev, m.entries = m.entries[0].Position, m.entries[1:]
	}
	return m
}

// excludes says whether base, which a log goes on from, is not in the leader's.
// Either the leader has something else there, or it has come to its end: what it
// has of earlier epochs than its own never gets more.
func (m appendEntries) excludes(base node.Position) bool {
	return m.prev.Index == base.Index && m.prev.Epoch != base.Epoch ||
		m.last < base.Index && base.Epoch < m.epoch
}
