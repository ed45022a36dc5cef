package replication

import (
	"fmt"

	"zeyrho/steps/05-replication/node"
)

// Read implements node.Front.
func (r *Replication) Read(q node.Query) (reply node.Reply, ok bool) {
	_, leads := r.replica.Epoch()
	switch {
	case q.Level != node.Session && q.Level != node.Stale && !leads:
		return node.Reply{Err: r.notLeader()}, true
	case q.Level == node.Stale && !r.current():
		return node.Reply{Err: fmt.Errorf("%w: this node has not caught up since it started, and does not know how old this would be", node.ErrNotYet)}, true
	case !r.current():
		return node.Reply{}, false
	case q.Level == node.Session && q.Seen.Index > 0:
		has, never := r.replica.Log().Holds(q.Seen)
		if never || r.beyondTelling(q.Seen) {
			return node.Reply{Err: fmt.Errorf("%w: %v was seen, and the history is at %v", node.ErrVanished, q.Seen, r.replica.Log().Last())}, true
		}
		if !has || r.replica.Applied().Index < q.Seen.Index {
			return node.Reply{}, false
		}
	}
	reply = r.look(q)
	if q.Level == node.Stale {
		reply.Lag = r.lag()
	}
	return reply, true
}

// beyondTelling says whether p lies before all that the log has, in an earlier
// epoch than what the log goes on from. Then nobody knows any more whether it was
// part of the history, and who asks for it has to be told that it may not be.
func (r *Replication) beyondTelling(p node.Position) bool {
	base := r.replica.Log().Base()
	return p.Index < base.Index && p.Epoch < base.Epoch
}

// current says whether the machine is something that may be shown: a leader has
// applied all that was acknowledged before, a follower all that was when it first
// heard of its leader.
func (r *Replication) current() bool {
	if r.replica.Machine() == nil {
		return false
	}
	if _, leads := r.replica.Epoch(); leads {
		return r.replica.Applied().Index >= r.barrier
	}
	return r.ready && r.heard > 0 && !r.foreign
}

func (r *Replication) look(q node.Query) node.Reply {
	reply := node.Reply{At: r.replica.Applied()}
	if q.Range != nil {
		reply.Page = r.replica.Machine().Scan(*q.Range)
	} else {
		reply.Item = r.replica.Machine().Get(q.Key)
	}
	return reply
}

// lag says how far this node is behind its leader.
func (r *Replication) lag() node.Lag {
	if _, leads := r.replica.Epoch(); leads {
		return node.Lag{}
	}
	l := node.Lag{Heard: r.env.Now() - r.heard}
	if at := r.replica.Applied().Index; at < r.leaderHas {
		l.Entries = r.leaderHas - at
	}
	return l
}

// Wait implements node.Front.
func (r *Replication) Wait(q node.Read) { r.waiting = append(r.waiting, q) }

// GiveUp implements node.Front.
func (r *Replication) GiveUp(id uint64) {
	for i, q := range r.waiting {
		if q.ID == id {
			r.waiting = append(r.waiting[:i], r.waiting[i+1:]...)
			return
		}
	}
}

// retry answers those of the waiting who can be answered now.
func (r *Replication) retry() {
	still := r.waiting[:0]
	for _, w := range r.waiting {
		reply, ok := r.Read(w.Query)
		if !ok {
			still = append(still, w)
			continue
		}
		reply.ID = w.ID
		r.out.Reply(reply)
	}
	clear(r.waiting[len(still):])
	r.waiting = still
}
