// Package store is the recipe of step 06: the nodes of step 05, whose map is a
// tree that can be frozen, and which make snapshots and send them to each other.
package store

import (
	"errors"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/06-catchup/catchup"
	"zeyrho/steps/06-catchup/tree"
)

// Config says how a node is kept, and what its part is. A zero means the
// default.
type Config struct {
	Self        node.ID
	SegmentSize int64 // bytes in a file of the journal; 4 MiB, because the log is cut by whole files
	Replication replication.Config
	Catchup     catchup.Config
}

// Node is a node of this step, and its modules.
type Node struct {
	*node.Node
	Replication *replication.Replication
	Catchup     *catchup.Catchup
}

// Open opens the node whose disk is d, in the world of env.
func Open(c Config, env node.Env, d disk.Disk) (*Node, error) {
	if c.SegmentSize == 0 {
		c.SegmentSize = 4 << 20
	}
	out := new(node.Outbox)
	keeper := catchup.New(env, d, out, c.Catchup)
	replica, err := node.OpenReplica(c.Self, d, node.ReplicaConfig{
		Journal: journal.Config{SegmentSize: c.SegmentSize, ID: env.Rand() | 1},
		NewMap:  func() machine.Map { return tree.New() },
		Origin:  keeper.Origin, Forget: keeper.Forget, Other: keeper.Other,
	})
	if err != nil {
		return nil, err
	}
	r, err := replication.New(env, replica, out, c.Replication)
	if err == nil {
		err = keeper.Attach(replica, r)
	}
	if err != nil {
		return nil, errors.Join(err, replica.Close())
	}
	return &Node{node.New(env, replica, out, r, keeper), r, keeper}, nil
}
