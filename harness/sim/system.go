package sim

import (
	"errors"
	"fmt"
	"time"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/store"
	"zeyrho/steps/06-catchup/catchup"
	"zeyrho/steps/06-catchup/snapshot"
	catchupstore "zeyrho/steps/06-catchup/store"
)

// system is a step, as far as the world has to know it.
type system struct {
	open     func(id node.ID, p *Plan, fresh bool, env node.Env, d disk.Disk) (process, error)
	describe func(node.Message) string
}

// process is a node that runs. The first six methods are those of *node.Node.
type process interface {
	Handle([]node.Input) (dirty bool)
	Sync() error
	Synced(error) (node.Outbox, error)
	Wake() time.Duration
	Read(node.Query) (node.Reply, bool)
	Replica() *node.Replica

	Promote() error
	Join(node.ID) error // makes a learner known; only the leader can
	Snapshots() (made, fetched int)
	Status() replication.Status
}

// systems has the steps that can be run, by their columns.
func systems() map[string]system {
	return map[string]system{"05": {openFive, replication.Describe}, "06": {openSix, describeSix}}
}

func systemOf(column string) (system, error) {
	s, ok := systems()[column]
	if !ok {
		return s, fmt.Errorf("sim: nothing is known of column %q", column)
	}
	return s, nil
}

// five is a node of step 05.
type five struct{ *store.Node }

func (f five) Promote() error             { return f.Replication.Promote() }
func (f five) Snapshots() (int, int)      { return 0, 0 }
func (f five) Join(node.ID) error         { return errors.New("step 05 knows no learners") }
func (f five) Status() replication.Status { return f.Replication.Status() }

func openFive(id node.ID, p *Plan, fresh bool, env node.Env, d disk.Disk) (process, error) {
	n, err := store.Open(store.Config{Self: id, SegmentSize: p.Segment, Replication: p.replication(id, fresh)}, env, d)
	if err != nil {
		return nil, err
	}
	return five{n}, nil
}

// replication is what the plan says of how a node takes part.
func (p *Plan) replication(id node.ID, fresh bool) replication.Config {
	c := replication.Config{Acks: p.Acks, New: fresh, Sessions: 100}
	for peer := node.ID(1); int(peer) <= p.Nodes; peer++ {
		if peer != id {
			c.Peers = append(c.Peers, peer)
		}
	}
	return c
}

// six is a node of step 06.
type six struct{ *catchupstore.Node }

func (s six) Promote() error             { return s.Catchup.Promote() }
func (s six) Status() replication.Status { return s.Replication.Status() }
func (s six) Snapshots() (made, fetched int) {
	f := s.Catchup.Status()
	return f.Written, f.Fetched
}
func (s six) Join(id node.ID) error {
	return s.Catchup.Add(snapshot.Member{ID: id, Peer: id.String()})
}

func openSix(id node.ID, p *Plan, fresh bool, env node.Env, d disk.Disk) (process, error) {
	n, err := catchupstore.Open(catchupstore.Config{
		Self: id, SegmentSize: p.Segment, Replication: p.replication(id, fresh),
		Catchup: catchup.Config{Every: p.Snapshot, Keep: uint64(p.Keep), Join: int(id) > p.Nodes},
	}, env, d)
	if err != nil {
		return nil, err
	}
	return six{n}, nil
}

func describeSix(m node.Message) string {
	if text := replication.Describe(m); text != "" {
		return text
	}
	return catchup.Describe(m)
}
