// Package store is the recipe of step 05: several nodes, each with the journal
// and the machine of step 04, and a leader among them whose log the others copy.
package store

import (
	"errors"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
)

// Config says how a node is kept, and what its part is. A zero means the
// default.
type Config struct {
	Self        node.ID
	SegmentSize int64 // bytes in a file of the journal; 64 MiB
	Replication replication.Config
}

// Node is a node of this step, and the one module that it has.
type Node struct {
	*node.Node
	Replication *replication.Replication
}

// Open opens the node whose disk is d, in the world of env.
func Open(c Config, env node.Env, d disk.Disk) (*Node, error) {
	replica, err := node.OpenReplica(c.Self, d, node.ReplicaConfig{
		Journal: journal.Config{SegmentSize: c.SegmentSize, ID: env.Rand() | 1},
		NewMap:  func() machine.Map { return kv.NewMap() },
	})
	if err != nil {
		return nil, err
	}
	out := new(node.Outbox)
	r, err := replication.New(env, replica, out, c.Replication)
	if err != nil {
		return nil, errors.Join(err, replica.Close())
	}
	return &Node{node.New(env, replica, out, r), r}, nil
}
