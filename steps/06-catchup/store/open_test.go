package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/06-catchup/catchup"
	"zeyrho/steps/06-catchup/store"
)

// env is a world in which time stands still, chance is a counter, and work is done
// at once.
type env struct {
	drawn uint64
	done  []node.Input
}

func (e *env) Now() time.Duration      { return time.Second }
func (e *env) Rand() uint64            { e.drawn++; return e.drawn }
func (e *env) Start(work, done func()) { work(); e.done = append(e.done, node.Done(done)) }

func open(t *testing.T, d disk.Disk, first bool) (*store.Node, *env) {
	t.Helper()
	e := &env{}
	n, err := store.Open(store.Config{
		Self: 1, Replication: replication.Config{New: first}, Catchup: catchup.Config{Every: 10_000, Keep: 1},
	}, e, d)
	require.NoError(t, err)
	return n, e
}

func turn(t *testing.T, n *store.Node, e *env, in ...node.Input) node.Outbox {
	t.Helper()
	in, e.done = append(in, e.done...), nil
	n.Handle(in)
	out, err := n.Synced(n.Sync())
	require.NoError(t, err)
	return out
}

// The recipe, on a real directory: what was acknowledged is there when the node is
// opened again, though its log does not have it any more.
func TestWhatIsCutOffTheLogIsThereWhenTheNodeIsOpenedAgain(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	n, e := open(t, d, true)
	turn(t, n, e)
	for i := range 200 {
		c := kv.Put(fmt.Sprint("k", i), []byte(strings.Repeat("v", 100)))
		out := turn(t, n, e, node.Write{ID: uint64(i + 1), Request: machine.Request{Command: c}})
		require.Len(t, out.Replies, 1)
		require.NoError(t, out.Replies[0].Err)
	}
	turn(t, n, e)
	require.Positive(t, n.Catchup.Status().Written)
	require.Greater(t, n.Replica().Log().First(), uint64(50))

	_, err = store.Open(store.Config{Self: 1}, &env{}, d)
	require.ErrorIs(t, err, disk.ErrLocked)
	require.NoError(t, n.Close())

	n, e = open(t, d, false)
	turn(t, n, e)
	for i := range 200 {
		r, ok := n.Read(node.Query{Key: fmt.Sprint("k", i)})
		require.True(t, ok)
		require.Len(t, r.Item.Value, 100)
	}
	require.NoError(t, n.Close())
}

func TestANodeThatCannotBeOpenedDoesNotKeepItsDirectory(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	_, err = store.Open(store.Config{Self: 1, Replication: replication.Config{Acks: 9}}, &env{}, d)
	require.ErrorContains(t, err, "9 disks")
	n, _ := open(t, d, true)
	require.NoError(t, n.Close())
}
