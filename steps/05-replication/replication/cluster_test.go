package replication_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/store"
)

// newCluster returns n nodes of this step that have not been started. What c says
// is true of all.
func newCluster(n int, c store.Config) *script.World {
	return script.New(n, script.Recipe{Open: func(m *script.Member, first bool) (*script.Node, error) {
		c := c
		c.Self, c.Replication.New, c.Replication.Peers = m.ID, first, m.Others()
		n, err := store.Open(c, m, m.Disk)
		if err != nil {
			return nil, err
		}
		return &script.Node{Node: n.Node, Replication: n.Replication, Promote: n.Replication.Promote}, nil
	}})
}

// started returns a cluster that has been started and knows of nothing new.
func started(t *testing.T, n, acks int) *script.World {
	t.Helper()
	c := store.Config{}
	c.Replication.Acks = acks
	w := newCluster(n, c)
	require.NoError(t, w.StartAll())
	w.Settle()
	return w
}

// last returns the reply that came last.
func last(t *testing.T, w *script.World) node.Reply {
	t.Helper()
	require.NotEmpty(t, w.Replies)
	return w.Replies[len(w.Replies)-1]
}

// do lets a node be asked, and everything happen that comes of it.
func do(t *testing.T, w *script.World, m *script.Member, r machine.Request) node.Reply {
	t.Helper()
	w.Turn(m, w.Write(r))
	w.Settle()
	return last(t, w)
}
