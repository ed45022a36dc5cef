package durable_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
)

func command(c kv.Command) machine.Request { return machine.Request{Command: c} }

func TestABatchIsOneWriteAndOneSync(t *testing.T) {
	d := newMemory()
	e := openEngine(t, d, durable.Config{Incarnation: "inc"})
	appends, syncs := d.count("append"), d.count("sync")
	id := session.Identity{Session: "inc-1", Number: 1}
	got, err := e.Commit([]machine.Request{
		command(kv.Put("k", []byte("v"))),
		{OpenSession: true},
		{Identity: id, Command: kv.Put("k", []byte("w"))},
		{Identity: id, Command: kv.Put("k", []byte("w"))},
		{Identity: session.Identity{Session: "nobody", Number: 1}, Command: kv.Delete("k")},
		command(kv.Delete("k").IfVersion(2)),
	})
	require.NoError(t, err)
	require.Equal(t, appends+1, d.count("append"))
	require.Equal(t, syncs+1, d.count("sync"))
	require.Equal(t, machine.Answer{Result: kv.Result{Status: kv.Done, Version: 2}}, got[0])
	require.Equal(t, machine.Answer{Session: "inc-1"}, got[1])
	require.Equal(t, machine.Answer{Result: kv.Result{Status: kv.Done, Version: 4}}, got[2])
	require.Equal(t, got[2], got[3])
	require.ErrorIs(t, got[4].Err, session.ErrForgotten)
	require.Equal(t, machine.Answer{Result: kv.Result{Status: kv.Conflict, Version: 4}}, got[5])
	require.Equal(t, durable.Stats{Keys: 1, Sessions: 1, Last: 7, Synced: 7, Syncs: 2}, e.Stats())
}

func TestABatchOfNothingIsNothing(t *testing.T) {
	d := newMemory()
	e := openEngine(t, d, durable.Config{})
	appends, syncs := d.count("append"), d.count("sync")
	got, err := e.Commit(nil)
	require.NoError(t, err)
	require.Empty(t, got)
	require.Equal(t, appends, d.count("append"))
	require.Equal(t, syncs, d.count("sync"))
}

func TestALazyEngineLeavesTheSyncToOthers(t *testing.T) {
	d := newMemory()
	e := openEngine(t, d, durable.Config{Lazy: true})
	syncs := d.count("sync")
	_, err := e.Commit([]machine.Request{command(kv.Put("k", nil))})
	require.NoError(t, err)
	require.True(t, e.Get("k").Exists())
	require.Equal(t, syncs, d.count("sync"))
	require.Less(t, e.Stats().Synced, e.Stats().Last)
	require.NoError(t, e.Sync())
	require.Equal(t, syncs+1, d.count("sync"))
	require.Equal(t, e.Stats().Last, e.Stats().Synced)
}

func TestWhatTheCallerDoesWithItsBytesDoesNotReachTheStore(t *testing.T) {
	e := openEngine(t, newMemory(), durable.Config{})
	value := []byte("as it was")
	_, err := e.Commit([]machine.Request{command(kv.Put("k", value))})
	require.NoError(t, err)
	clear(value)
	clear(e.Get("k").Value)
	require.Equal(t, "as it was", string(e.Get("k").Value))
}

func TestTheSettingsOfAStoreStay(t *testing.T) {
	d := newMemory()
	e := openEngine(t, d, durable.Config{Sessions: 3, Incarnation: "inc"})
	require.True(t, e.Found().Created)
	require.NoError(t, e.Close())

	before := d.killed()
	_, err := durable.OpenEngine(d, durable.Config{Sessions: 4})
	require.ErrorContains(t, err, "room for 3 sessions, and that cannot be changed to 4")
	require.Equal(t, before.files, d.killed().files)

	for _, c := range []durable.Config{{}, {Sessions: 3}, {Incarnation: "another"}} {
		e := openEngine(t, d, c)
		require.False(t, e.Found().Created)
		got, err := e.Commit([]machine.Request{{OpenSession: true}, {OpenSession: true}, {OpenSession: true}, {OpenSession: true}})
		require.NoError(t, err)
		require.Regexp(t, "^inc-", string(got[0].Session))
		require.Equal(t, 3, e.Stats().Sessions)
		require.NoError(t, e.Close())
	}
}

// A store with such a number could be made, and never be opened again.
func TestANumberOfSessionsThatNoStoreCanHaveIsRefused(t *testing.T) {
	d := newMemory()
	for _, n := range []int{-1, 1 << 31} {
		_, err := durable.OpenEngine(d, durable.Config{Sessions: n})
		require.ErrorContains(t, err, fmt.Sprint(n))
	}
	openEngine(t, d, durable.Config{Sessions: 1<<31 - 1})
}

func TestANewStoreHasRoomForManySessionsAndNamesOfItsOwn(t *testing.T) {
	names := map[session.ID]bool{}
	for range 2 {
		d := newMemory()
		e := openEngine(t, d, durable.Config{})
		got, err := e.Commit([]machine.Request{{OpenSession: true}})
		require.NoError(t, err)
		names[got[0].Session] = true
		require.NoError(t, e.Close())
		_, err = durable.OpenEngine(d, durable.Config{Sessions: 1})
		require.ErrorContains(t, err, "10000 sessions")
	}
	require.Len(t, names, 2)
}

// A store that was killed while it was made has a journal, and no settings yet.
func TestAStoreThatWasNotCompletedIsMadeAnew(t *testing.T) {
	d := newMemory()
	j, _, err := journal.Open(d, journal.Config{}, nil)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	e := openEngine(t, d, durable.Config{Sessions: 7})
	require.False(t, e.Found().Created)
	require.NoError(t, e.Close())
	_, err = durable.OpenEngine(d, durable.Config{Sessions: 8})
	require.ErrorContains(t, err, "7 sessions")
}

func TestATornCommitIsCutOffAndTheRestIsThere(t *testing.T) {
	path := t.TempDir()
	d, err := disk.OpenDir(path)
	require.NoError(t, err)
	e := openEngine(t, d, durable.Config{})
	for _, key := range []string{"a", "b"} {
		_, err := e.Commit([]machine.Request{command(kv.Put(key, nil)), command(kv.Put(key+key, nil))})
		require.NoError(t, err)
	}
	require.NoError(t, e.Close())
	file := filepath.Join(path, "00000000000000000001.journal")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(file, info.Size()-1))
	e = openEngine(t, d, durable.Config{})
	require.NotNil(t, e.Found().Torn)
	require.True(t, e.Get("aa").Exists())
	require.False(t, e.Get("b").Exists(), "a batch is there as a whole, or not at all")
	got, err := e.Commit([]machine.Request{command(kv.Put("c", nil))})
	require.NoError(t, err)
	require.EqualValues(t, 4, got[0].Result.Version, "what was cut off had no version yet")
}

func TestADamagedJournalIsRefusedAndLetsTheLockGo(t *testing.T) {
	d := newMemory()
	e := openEngine(t, d, durable.Config{})
	for range 3 {
		_, err := e.Commit([]machine.Request{command(kv.Put("k", nil))})
		require.NoError(t, err)
	}
	require.NoError(t, e.Close())
	for _, c := range d.files {
		c.bytes[64] ^= 1
	}
	for range 2 {
		_, err := durable.OpenEngine(d, durable.Config{})
		require.ErrorIs(t, err, journal.ErrDamaged)
		require.NotErrorIs(t, err, disk.ErrLocked)
	}
}

func TestAStoreWhoseBeginningIsGoneIsRefused(t *testing.T) {
	d := newMemory()
	e := openEngine(t, d, durable.Config{Journal: journal.Config{SegmentSize: 200}})
	for range 10 {
		_, err := e.Commit([]machine.Request{command(kv.Put("k", make([]byte, 100)))})
		require.NoError(t, err)
	}
	require.NoError(t, e.Close())
	delete(d.files, "00000000000000000001.journal")
	_, err := durable.OpenEngine(d, durable.Config{})
	require.ErrorIs(t, err, journal.ErrDamaged)
	require.ErrorContains(t, err, "begins with entry 2")
}

func TestARoomThatNobodyCanOpenAgainIsRefused(t *testing.T) {
	d := newMemory()
	for _, sessions := range []int{-1, 1<<31 + 1} {
		_, err := durable.OpenEngine(d, durable.Config{Sessions: sessions})
		require.ErrorContains(t, err, "room for", "%d", sessions)
	}
	require.NoError(t, openEngine(t, d, durable.Config{Sessions: 1}).Close())
	openEngine(t, d, durable.Config{})
}

func TestAStoreOfWhichOnlyAnEmptyEndIsLeftIsRefused(t *testing.T) {
	d := newMemory()
	c := durable.Config{Journal: journal.Config{SegmentSize: 200}}
	e := openEngine(t, d, c)
	for range 2 {
		_, err := e.Commit([]machine.Request{command(kv.Put("k", make([]byte, 200)))})
		require.NoError(t, err)
	}
	require.NoError(t, e.Close())
	delete(d.files, "00000000000000000001.journal")
	delete(d.files, "00000000000000000002.journal")
	last := d.files["00000000000000000003.journal"]
	last.bytes = last.bytes[:32]
	_, err := durable.OpenEngine(d, c)
	require.ErrorIs(t, err, journal.ErrDamaged)
}

func TestCommitsLeaveNoMemoryBehind(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	e, err := durable.OpenEngine(d, durable.Config{Lazy: true})
	require.NoError(t, err)
	defer e.Close()
	large := make([]byte, kv.MaxValue)
	for small := range 60 { // the large one is the next in its batch every time
		var batch []machine.Request
		for range small {
			batch = append(batch, command(kv.Delete("absent")))
		}
		_, err := e.Commit(append(batch, command(kv.Put("k", large))))
		require.NoError(t, err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	require.Less(t, m.HeapAlloc, uint64(30<<20))
}
