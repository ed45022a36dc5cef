package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
)

// worker is a module that has one piece of work done elsewhere.
type worker struct {
	env   node.Env
	work  func()
	begun bool
}

func (m *worker) Tick() {
	if !m.begun {
		m.env.Start(m.work, func() {})
	}
	m.begun = true
}

func (m *worker) Receive(node.Message)               {}
func (m *worker) Synced()                            {}
func (m *worker) Unwritten(error)                    {}
func (m *worker) Wake() time.Duration                { return m.env.Now() + time.Hour }
func (m *worker) Write(node.Write)                   {}
func (m *worker) Read(node.Query) (node.Reply, bool) { return node.Reply{}, true }
func (m *worker) Wait(node.Read)                     {}
func (m *worker) GiveUp(uint64)                      {}

// A snapshot is being written when the node is closed. As long as that goes on,
// nobody else may have the directory.
func TestCloseWaitsForWorkThatMayBeWritingToTheDisk(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	replica, err := node.OpenReplica(1, d, node.ReplicaConfig{NewMap: func() machine.Map { return kv.NewMap() }})
	require.NoError(t, err)
	loop := node.NewLoop(node.LoopConfig{Send: func(node.Message) {}})
	begun, goOn := make(chan struct{}), make(chan struct{})
	loop.Drive(node.New(loop, replica, new(node.Outbox), &worker{env: loop, work: func() {
		close(begun)
		<-goOn
		_, err := d.Lock()
		assert.ErrorIs(t, err, disk.ErrLocked, "the directory is still this node's")
	}}))
	<-begun

	closed := make(chan error, 1)
	go func() { closed <- loop.Close() }()
	select {
	case <-closed:
		t.Fatal("closed while work was being done")
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	require.NoError(t, <-closed)
	lock, err := d.Lock()
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}
