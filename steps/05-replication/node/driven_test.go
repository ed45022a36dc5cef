package node_test

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/script"
)

// driven is a node that leads alone, and the loop that drives it. All of it lives
// in the virtual time of testing/synctest.
type driven struct {
	*node.Loop
	t       *testing.T
	disk    *script.Memory
	replica *node.Replica
	sent    atomic.Int32 // messages
	gaveUp  atomic.Int32 // reads

	mu   sync.Mutex
	fate chan error // of every sync, if they are held up
}

// front is the one of replication, and counts who gives up.
type front struct {
	*replication.Replication
	gaveUp *atomic.Int32
}

func (f front) GiveUp(id uint64) {
	f.gaveUp.Add(1)
	f.Replication.GiveUp(id)
}

// drive starts a node that begins a history, and lets it do so.
func drive(t *testing.T, c node.LoopConfig, r replication.Config) *driven {
	t.Helper()
	d := &driven{t: t, disk: script.NewMemory()}
	c.Send = func(node.Message) { d.sent.Add(1) }
	d.Loop = node.NewLoop(c)
	replica, err := node.OpenReplica(1, d.disk, node.ReplicaConfig{
		Journal: journal.Config{SegmentSize: 1 << 20, ID: 1}, NewMap: func() machine.Map { return kv.NewMap() },
	})
	require.NoError(t, err)
	d.replica = replica
	out := new(node.Outbox)
	r.New = true
	leader, err := replication.New(d, replica, out, r)
	require.NoError(t, err)
	d.disk.Fail = d.sync
	d.Drive(node.New(d, replica, out, front{leader, &d.gaveUp}))
	synctest.Wait()
	return d
}

// sync is asked before every operation of the disk.
func (d *driven) sync(op, _ string) error {
	d.mu.Lock()
	fate := d.fate
	d.mu.Unlock()
	if op != "sync" || fate == nil {
		return nil
	}
	return <-fate
}

// hold lets no sync end before the test sends what becomes of it, until release.
func (d *driven) hold() (fate chan error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fate = make(chan error)
	return d.fate
}

func (d *driven) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.fate)
	d.fate = nil
}

// put writes, in a goroutine of its own, and returns when that waits.
func (d *driven) put(ctx context.Context, key, value string) (answer chan error) {
	answer = make(chan error, 1)
	go func() {
		_, err := d.Write(ctx, machine.Request{Command: kv.Put(key, []byte(value))})
		answer <- err
	}()
	synctest.Wait()
	return answer
}

// waits makes it an error if there is an answer.
func waits(t *testing.T, answers ...chan error) {
	t.Helper()
	synctest.Wait()
	for i, a := range answers {
		require.Empty(t, a, "answer %d", i)
	}
}

func (d *driven) figures() (f node.Figures) {
	d.Look(func(n *node.Node) { f = n.Replica().Figures() })
	return f
}

func (d *driven) get(key string) (node.Reply, error) {
	return d.Read(d.t.Context(), node.Query{Key: key})
}

// requireKey says whether there is such a key.
func (d *driven) requireKey(key string, there bool) {
	d.t.Helper()
	r, err := d.get(key)
	require.NoError(d.t, err)
	require.Equal(d.t, there, r.Item.Exists(), key)
}

// ends closes the loop. That no goroutine is left, synctest sees.
func (d *driven) ends() { require.NoError(d.t, d.Close()) }

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// call does as put does with what an operator wants. It writes an entry, too.
func (d *driven) call(ctx context.Context, result error) (answer chan error) {
	answer = make(chan error, 1)
	go func() {
		answer <- d.Call(ctx, func() error {
			d.replica.Append(first, put("called", ""))
			return result
		})
	}()
	synctest.Wait()
	return answer
}

// fails ends the disk in the middle of a sync.
func (d *driven) fails(fate chan error) {
	fate <- syscall.EIO
	synctest.Wait()
}
