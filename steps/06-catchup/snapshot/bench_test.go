package snapshot_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
	"zeyrho/steps/06-catchup/tree"
)

// How long does a snapshot take, and how long do writes stand still for it?
//
//	go test -run xxx -bench . -benchmem ./steps/06-catchup/snapshot

const (
	million = 1_000_000
	crowd   = 10_000 // sessions
)

// full returns a map of so many keys with values of 100 bytes.
func full(keys int) *tree.Map {
	m, value := tree.New(), bytes.Repeat([]byte("v"), 100)
	for i := range keys {
		m.Apply(kv.Entry{Version: kv.Version(i + 1), Command: kv.Put(fmt.Sprintf("key/%07d", i), value)})
	}
	return m
}

// crowded returns a table in which every session has made a request.
func crowded() *session.Table {
	t := session.NewTable(settings.Incarnation, crowd)
	for i := range crowd {
		t.Record(session.Identity{Session: t.Open(), Number: 1}, kv.Result{Status: kv.Done, Version: kv.Version(i + 1)})
	}
	return t
}

func stateOf(m *tree.Map, t *session.Table) snapshot.State {
	s := snapshot.State{Label: snapshot.Label{Settings: settings, Members: members}, Sessions: t.Export(), Map: m.Freeze()}
	s.Settings.Sessions = crowd
	s.Position = node.Position{Index: million, Epoch: node.NewEpoch(1, 1)}
	return s
}

// What is done while no write can be: the rest is done elsewhere.
func BenchmarkFreeze(b *testing.B) {
	for _, keys := range []int{1000, million} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			m, t := full(keys), crowded()
			b.ReportAllocs()
			for b.Loop() {
				stateOf(m, t)
			}
		})
	}
}

func size(b *testing.B, d disk.Disk) int64 {
	from, err := snapshot.OpenSource(d, million)
	require.NoError(b, err)
	defer from.Close()
	return from.Identity().Size
}

func BenchmarkWrite(b *testing.B) {
	s := stateOf(full(million), crowded())
	d, err := disk.OpenDir(b.TempDir())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, publish(d, s))
	}
	b.SetBytes(size(b, d))
}

func BenchmarkLoad(b *testing.B) {
	s := stateOf(full(million), crowded())
	d, err := disk.OpenDir(b.TempDir())
	require.NoError(b, err)
	require.NoError(b, publish(d, s))
	s = snapshot.State{}
	b.ReportAllocs()
	for b.Loop() {
		_, err := snapshot.Load(d, million)
		require.NoError(b, err)
	}
	b.SetBytes(size(b, d))
}

func BenchmarkVerify(b *testing.B) {
	s := stateOf(full(million), crowded())
	d, err := disk.OpenDir(b.TempDir())
	require.NoError(b, err)
	require.NoError(b, publish(d, s))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, snapshot.Verify(d, million))
	}
	b.SetBytes(size(b, d))
}
