package catchup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/06-catchup/catchup"
	"zeyrho/steps/06-catchup/snapshot"
	"zeyrho/steps/06-catchup/store"
)

// cluster is a world of nodes of this step.
type cluster struct {
	*script.World
	config store.Config // of all; see open for what differs
	voters int          // the first of them; the others join
	parts  map[node.ID]*part
}

// part is what a test wants to see of a node.
type part struct {
	*catchup.Catchup
	table map[node.ID]string // where it thinks that others hear it
	shown catchup.Status
	first uint64 // entry of the log, when it was shown
}

// newCluster returns n nodes that have not been started. What c says is true of
// all.
func newCluster(n int, c store.Config) *cluster {
	w := &cluster{config: c, voters: n, parts: map[node.ID]*part{}}
	w.World = script.New(n, script.Recipe{
		Open: w.open, Describe: catchup.Describe, Changed: w.changed, Status: w.status, Verbs: w.verbs(),
	})
	return w
}

func (w *cluster) open(m *script.Member, first bool) (*script.Node, error) {
	c := w.config
	c.Self, c.Replication.New = m.ID, first
	c.Catchup.Join = int(m.ID) > w.voters
	for _, id := range m.Others() {
		if int(id) <= w.voters {
			c.Replication.Peers = append(c.Replication.Peers, id)
		}
	}
	n, err := store.Open(c, m, m.Disk)
	if err != nil {
		return nil, err
	}
	p := &part{Catchup: n.Catchup, table: map[node.ID]string{}}
	p.UseTable(func(id node.ID, peer string) { p.table[id] = peer })
	p.shown, p.first = p.Status(), n.Replica().Log().First()
	w.parts[m.ID] = p
	return &script.Node{Node: n.Node, Replication: n.Replication, Promote: n.Catchup.Promote}, nil
}

// changed says what has become of a node's snapshots in a turn.
func (w *cluster) changed(m *script.Member) {
	p := w.parts[m.ID]
	had, has, first := p.shown, p.Status(), m.Log().First()
	if has.Written != had.Written {
		w.Say("%v: has made a snapshot of %v, %d bytes", m.ID, has.Saved, has.Size)
	}
	if has.Fetched != had.Fetched {
		w.Say("%v: goes on from the snapshot of %v", m.ID, has.Saved)
	}
	if first != p.first {
		w.Say("%v: its log begins with entry %d", m.ID, first)
	}
	if has.Failed != had.Failed && has.Failed != "" {
		w.Say("%v: no snapshot: %s", m.ID, has.Failed)
	}
	p.shown, p.first = has, first
}

// status is what the verb of that name says beside the rest.
func (w *cluster) status(m *script.Member) string {
	s := w.parts[m.ID].Status()
	text := []string{fmt.Sprintf("log from %d", m.Log().First())}
	if s.Saved.Index > 0 {
		text = append(text, fmt.Sprintf("snapshot of %v", s.Saved))
	}
	if in := s.Incoming; in != nil {
		text = append(text, fmt.Sprintf("has %d of %d bytes of the snapshot of %v", in.Bytes, in.Size, in.Of))
	}
	for _, p := range s.Sending {
		text = append(text, fmt.Sprintf("sends %v the snapshot of %v", p.Peer, p.Of))
	}
	for _, member := range s.Members {
		text = append(text, fmt.Sprintf("knows the learner %v", member.ID))
	}
	if s.Learner {
		text = append(text, "a learner")
	}
	return strings.Join(text, ", ")
}

// started returns a cluster that has been started and knows of nothing new.
func started(t *testing.T, n int, c store.Config) *cluster {
	t.Helper()
	w := newCluster(n, c)
	require.NoError(t, w.StartAll())
	w.Settle()
	return w
}

// fill makes the inputs of n writes whose answers nobody cares for.
func fill(n, size int) (in []node.Input) {
	for i := range n {
		c := kv.Put(fmt.Sprint("k", i+1), []byte(strings.Repeat("x", size)))
		in = append(in, node.Write{Request: machine.Request{Command: c}})
	}
	return in
}

// add makes the input that makes a node a learner.
func (w *cluster) add(leader *script.Member, id node.ID, peer string) node.Call {
	return w.Call(fmt.Sprintf("add %v", id), func() error {
		return w.parts[leader.ID].Add(snapshot.Member{ID: id, Peer: peer})
	})
}

// arrives lets the oldest message arrive.
func (w *cluster) arrives(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, w.InFlight)
	m := w.InFlight[0]
	w.InFlight = w.InFlight[1:]
	w.Arrive(m)
}
