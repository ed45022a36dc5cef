package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/store"
)

// env is a world in which time stands still and chance is a counter.
type env struct{ drawn uint64 }

func (e *env) Now() time.Duration      { return time.Second }
func (e *env) Rand() uint64            { e.drawn++; return e.drawn }
func (e *env) Start(work, done func()) { panic("nothing here takes long") }

func directory(t *testing.T) *disk.Dir {
	t.Helper()
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	return d
}

func turn(t *testing.T, n *store.Node, in ...node.Input) node.Outbox {
	t.Helper()
	n.Handle(in)
	out, err := n.Synced(n.Sync())
	require.NoError(t, err)
	return out
}

// The recipe, on a real directory: a node alone is what step 04 was.
func TestWhatANodeAloneAcknowledgedIsThereWhenItIsOpenedAgain(t *testing.T) {
	d := directory(t)
	n, err := store.Open(store.Config{Self: 1, Replication: replication.Config{New: true}}, &env{}, d)
	require.NoError(t, err)
	turn(t, n)
	out := turn(t, n, node.Write{ID: 7, Request: machine.Request{Command: kv.Put("k", []byte("v"))}})
	require.Len(t, out.Replies, 1)
	require.NoError(t, out.Replies[0].Err)
	require.Equal(t, "2@1.n1", out.Replies[0].At.String())

	_, err = store.Open(store.Config{Self: 1}, &env{}, d)
	require.ErrorIs(t, err, disk.ErrLocked)
	require.NoError(t, n.Close())

	n, err = store.Open(store.Config{Self: 1}, &env{}, d)
	require.NoError(t, err)
	turn(t, n)
	r, ok := n.Read(node.Query{Key: "k"})
	require.True(t, ok)
	require.Equal(t, "v", string(r.Item.Value))
	require.NoError(t, n.Close())
}

func TestWhatIsRefusedLeavesTheDirectoryFree(t *testing.T) {
	d := directory(t)
	_, err := store.Open(store.Config{Self: 1, Replication: replication.Config{Acks: 2}}, &env{}, d)
	require.ErrorContains(t, err, "there are 1")
	n, err := store.Open(store.Config{Self: 1}, &env{}, d)
	require.NoError(t, err)
	require.NoError(t, n.Close())
}

func TestTheSizeOfSegmentsIsAsConfigured(t *testing.T) {
	d := directory(t)
	n, err := store.Open(store.Config{Self: 1, SegmentSize: 300, Replication: replication.Config{New: true}}, &env{}, d)
	require.NoError(t, err)
	turn(t, n)
	for range 5 {
		turn(t, n, node.Write{Request: machine.Request{Command: kv.Put("k", make([]byte, 200))}})
	}
	require.NoError(t, n.Close())
	names, err := d.List()
	require.NoError(t, err)
	segments := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".journal") {
			segments++
		}
	}
	require.Equal(t, 6, segments)
}

// All that chance decides comes from Env: two nodes to which the same happens
// have the same bytes on their disks.
func TestTheSameHappensEveryTime(t *testing.T) {
	bytes := func() map[string]string {
		d := directory(t)
		n, err := store.Open(store.Config{Self: 1, Replication: replication.Config{New: true, Peers: []node.ID{2, 3}}}, &env{}, d)
		require.NoError(t, err)
		turn(t, n)
		turn(t, n, node.Write{Request: machine.Request{OpenSession: true}})
		require.NoError(t, n.Close())
		all := map[string]string{}
		names, err := d.List()
		require.NoError(t, err)
		for _, name := range names {
			f, err := d.Open(name)
			require.NoError(t, err)
			size, err := f.Size()
			require.NoError(t, err)
			b := make([]byte, size)
			_, err = f.ReadAt(b, 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			all[name] = string(b)
		}
		return all
	}
	require.Equal(t, bytes(), bytes())
}
