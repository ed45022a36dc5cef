package snapshot_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
	"zeyrho/steps/06-catchup/tree"
)

var settings = machine.Settings{Sessions: 20, Incarnation: "inc"}

var members = []snapshot.Member{
	{ID: 1, Peer: "127.0.0.1:7001", URL: "http://127.0.0.1:8001"},
	{ID: 2, Peer: "127.0.0.1:7002", URL: "http://127.0.0.1:8002"},
	{ID: 300, Peer: "[::1]:7003", URL: "http://[::1]:8003/é", Learner: true},
}

// world is a machine that goes on, and of which snapshots are taken.
type world struct {
	*machine.Machine
	tree  *tree.Map
	index uint64
	epoch node.Epoch
	r     *rand.Rand
}

func newWorld(seed uint64) *world {
	m := tree.New()
	return &world{machine.New(settings, m), m, 1, node.NewEpoch(1, 1), rand.New(rand.NewPCG(6, seed))}
}

// go on applies n random requests, with values of up to size bytes.
func (w *world) goOn(n, size int) *world {
	for range n {
		w.index++
		w.Apply(w.index, w.request(size))
	}
	return w
}

func (w *world) request(size int) machine.Request {
	if w.r.IntN(10) == 0 {
		return machine.Request{OpenSession: true}
	}
	value := bytes.Repeat([]byte{byte(w.r.IntN(256))}, w.r.IntN(size+1))
	c := kv.Put(fmt.Sprintf("key/%d", w.r.IntN(500)), value)
	if w.r.IntN(4) == 0 {
		c = kv.Delete(c.Key)
	}
	if w.r.IntN(2) == 0 {
		return machine.Request{Command: c}
	}
	id := session.Identity{Session: session.ID(fmt.Sprint("inc-", 1+w.r.IntN(40))), Number: 1 + w.r.Uint64N(20)}
	return machine.Request{Identity: id, Command: c}
}

func (w *world) state() snapshot.State {
	return snapshot.State{
		Label:    snapshot.Label{Position: node.Position{Index: w.index, Epoch: w.epoch}, Settings: settings, Members: members},
		Sessions: w.Export(),
		Map:      w.tree.Freeze(),
	}
}

// write writes a snapshot of the world as it is, and returns what was written.
func (w *world) write(t testing.TB, d disk.Disk) snapshot.State {
	t.Helper()
	s := w.state()
	require.NoError(t, publish(d, s))
	return s
}

// publish writes a snapshot, and puts it into its place.
func publish(d disk.Disk, s snapshot.State) error {
	if err := snapshot.Write(d, s); err != nil {
		return err
	}
	return snapshot.Publish(d, s.Position)
}

// complete checks a snapshot that has come, and puts it into its place.
func complete(in *snapshot.Incoming) (*snapshot.Restored, error) {
	s, err := in.Check()
	if err != nil {
		return nil, err
	}
	return s, in.Publish()
}

// small is a world of a few items, medium one whose snapshot has several blocks,
// the end of a session table among them.
func small(seed uint64) *world  { return newWorld(seed).goOn(40, 10) }
func medium(seed uint64) *world { return newWorld(seed).goOn(1200, 2000) }

func items(of interface {
	Scan(kv.Range) kv.Page
}) (all []kv.Item) {
	for r := (kv.Range{}); ; {
		p := of.Scan(r)
		all = append(all, p.Items...)
		if !p.More {
			return all
		}
		r.After = p.Items[len(p.Items)-1].Key
	}
}

// requireIs checks that what was restored is what was written.
func requireIs(t testing.TB, want snapshot.State, got *snapshot.Restored) {
	t.Helper()
	require.Equal(t, want.Label, got.Label)
	require.Equal(t, want.Sessions, got.Sessions.Export())
	require.Equal(t, want.Map.Applied(), got.Map.Applied())
	require.Equal(t, items(want.Map), items(got.Map))
}

// load finds the snapshot and loads it.
func load(d disk.Disk) (*snapshot.Restored, error) {
	l, err := snapshot.Open(d)
	if err != nil || l.Index == 0 {
		return nil, err
	}
	return snapshot.Load(d, l.Index)
}

func requireFinds(t testing.TB, d disk.Disk, want snapshot.State) {
	t.Helper()
	got, err := load(d)
	require.NoError(t, err)
	require.NotNil(t, got, "there is a snapshot")
	requireIs(t, want, got)
}

// name returns the name of the snapshot of an entry.
func name(index uint64) string { return fmt.Sprintf("%020d.snapshot", index) }

// only returns the bytes of the only snapshot on the disk.
func (m *memory) only(t testing.TB) *content {
	t.Helper()
	require.Len(t, m.names, 1)
	require.True(t, strings.HasSuffix(m.list()[0], ".snapshot"))
	return m.names[m.list()[0]]
}

// written returns a disk with a snapshot of w on it.
func written(t testing.TB, w *world) (*memory, snapshot.State) {
	t.Helper()
	m := newMemory()
	s := w.write(t, m)
	return m, s
}

func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}
