package sim

import (
	"fmt"
	"time"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/store"
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
	Status() replication.Status
}

// systems has the steps that can be run, by their columns.
func systems() map[string]system {
	return map[string]system{"05": {openFive, replication.Describe}}
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
	c := replication.Config{Acks: p.Acks, New: fresh, Sessions: 100, Heartbeat: p.Heartbeat.time()}
	for peer := node.ID(1); int(peer) <= p.Nodes; peer++ {
		if peer != id {
			c.Peers = append(c.Peers, peer)
		}
	}
	return c
}
