package replication

import (
	"fmt"
	"strings"
	"time"

	"zeyrho/steps/05-replication/node"
)

// Status is what there is to say about the part that a node takes.
type Status struct {
	Role      string // leader, follower, or starting: no leader has been heard yet
	Epoch     node.Epoch
	Leader    node.ID // 0: nobody knows
	Acks      int
	Lag       node.Lag         // of a follower
	Followers []FollowerStatus // of a leader
	Pending   int              // writes that wait for other disks
	Alarm     string           // what an operator must know; "" is nothing
}

// FollowerStatus is what a leader knows of a follower.
type FollowerStatus struct {
	ID      node.ID
	Match   uint64        // its disk has everything up to there
	Heard   time.Duration // since it was last heard; below 0: never
	Learner bool          // it does not count
	Foreign bool          // it has another history
}

// Status returns it as of now.
func (r *Replication) Status() Status {
	epoch, leads := r.replica.Epoch()
	s := Status{Role: "starting", Epoch: epoch, Acks: r.acks(), Pending: len(r.pending)}
	s.Leader = epoch.Leader()
	switch {
	case leads:
		s.Role = "leader"
	case s.Leader == r.replica.Self():
		s.Leader = 0
		s.Alarm = fmt.Sprintf("%v has led epoch %v, and has lost its disk since: promote the node with the longest log", r.replica.Self(), epoch)
	case r.heard > 0:
		s.Role, s.Lag = "follower", r.lag()
	}
	if r.foreign {
		s.Alarm = fmt.Sprintf("%v leads another history than the one on this disk: one of the two is not of this cluster", s.Leader)
	}
	s.Followers = r.Followers()
	var strangers []string
	for _, f := range s.Followers {
		if f.Foreign {
			strangers = append(strangers, f.ID.String())
		}
	}
	if len(strangers) > 0 {
		s.Alarm = fmt.Sprintf("another history is on the disk of %s: one of the two is not of this cluster", strings.Join(strangers, ", "))
	}
	return s
}

// Followers returns what a leader knows of the others; who does not lead knows
// nothing.
func (r *Replication) Followers() (all []FollowerStatus) {
	if _, leads := r.replica.Epoch(); !leads {
		return nil
	}
	for _, f := range r.followers {
		s := FollowerStatus{ID: f.id, Match: f.match, Heard: -1, Learner: f.learner, Foreign: f.foreign}
		if f.heard > 0 {
			s.Heard = r.env.Now() - f.heard
		}
		all = append(all, s)
	}
	return all
}
