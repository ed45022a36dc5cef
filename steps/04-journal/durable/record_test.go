package durable_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
)

// The records, written anew from their description.
func settingsRecord(sessions uint64, incarnation string) []byte {
	return append(binary.LittleEndian.AppendUint64([]byte{1}, sessions), incarnation...)
}

func numberedRecord(id session.Identity, c kv.Command) []byte {
	b := append([]byte{3, byte(len(id.Session))}, id.Session...)
	return codec.Append(binary.LittleEndian.AppendUint64(b, id.Number), c)
}

func commandRecord(c kv.Command) []byte { return codec.Append([]byte{2}, c) }

var openRecord = []byte{4}

// written is a disk with a journal of these entries.
func written(t testing.TB, entries ...[]byte) *memory {
	t.Helper()
	d := newMemory()
	j, _, err := journal.Open(d, journal.Config{}, nil)
	require.NoError(t, err)
	require.NoError(t, j.Append(entries...))
	require.NoError(t, j.Sync())
	require.NoError(t, j.Close())
	return d
}

func TestAJournalHoldsTheRecordsThatWereCommitted(t *testing.T) {
	id := session.Identity{Session: "inc-1", Number: 300}
	d := newMemory()
	e := openEngine(t, d, durable.Config{Sessions: 5, Incarnation: "inc"})
	_, err := e.Commit([]machine.Request{
		{OpenSession: true},
		{Command: kv.Put("k", []byte("v")).IfAbsent()},
		{Identity: id, Command: kv.Delete("k")},
	})
	require.NoError(t, err)
	require.NoError(t, e.Close())
	var got [][]byte
	_, _, err = journal.Open(d, journal.Config{}, func(e journal.Entry) error {
		got = append(got, bytes.Clone(e.Data))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, [][]byte{
		settingsRecord(5, "inc"), openRecord,
		commandRecord(kv.Put("k", []byte("v")).IfAbsent()), numberedRecord(id, kv.Delete("k")),
	}, got)
}

func TestAnEntryThatIsNoRecordIsRefused(t *testing.T) {
	good := settingsRecord(5, "inc")
	whole := numberedRecord(session.Identity{Session: "inc-1", Number: 1}, kv.Put("k", nil))
	bad := [][]byte{
		{}, {0}, {9}, {2}, {4, 0}, good, append(bytes.Clone(whole), 0),
		append([]byte{3}, bytes.Repeat([]byte{0xff}, 12)...),
		{3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	}
	for n := range whole {
		bad = append(bad, whole[:n])
	}
	for _, b := range bad {
		d := written(t, good, openRecord, b)
		before := d.killed().files
		_, err := durable.OpenEngine(d, durable.Config{})
		require.ErrorContains(t, err, "entry 3: ", "% x", b)
		require.ErrorContains(t, err, "not a record that this program knows", "% x", b)
		require.Equal(t, before, d.killed().files)
	}
	for _, b := range [][]byte{{}, {1}, good[:8], openRecord, settingsRecord(0, "inc"), settingsRecord(1<<63, "inc")} {
		_, err := durable.OpenEngine(written(t, b), durable.Config{})
		require.ErrorContains(t, err, "settings", "% x", b)
	}
}

// FuzzRecord opens a store with an entry in it that nobody wrote. It is refused
// by its index, or it is a request, and then the store can be used and says the
// same when it is opened again.
func FuzzRecord(f *testing.F) {
	id := session.Identity{Session: "inc-1", Number: 2}
	for _, b := range [][]byte{
		{}, openRecord, settingsRecord(5, "inc"), commandRecord(kv.Put("k", []byte("v"))),
		commandRecord(kv.Delete("k").IfVersion(3)), numberedRecord(id, kv.Put("k", nil).IfAbsent()),
		numberedRecord(session.Identity{}, kv.Delete("k")), {3, 0x80},
	} {
		f.Add(false, b)
		f.Add(true, b)
	}
	f.Fuzz(func(t *testing.T, first bool, b []byte) {
		entries, index := [][]byte{settingsRecord(5, "inc"), openRecord, b}, uint64(3)
		if first {
			entries, index = [][]byte{b}, 1
		}
		require.NotEmpty(t, machine.Describe(index, b))
		d := written(t, entries...)
		e, err := durable.OpenEngine(d, durable.Config{})
		if err != nil {
			require.ErrorContains(t, err, "not a record that this program knows")
			require.Contains(t, err.Error(), machine.Describe(index, b), "what refuses it also describes it so")
			return
		}
		if c, err := codec.Decode(b[1:]); err == nil && b[0] == 2 {
			require.Equal(t, c.Op == kv.OpPut && (!c.If.Checked || c.If.Version == 0), e.Get(c.Key).Exists())
		}
		_, err = e.Commit([]machine.Request{{Command: kv.Put("next", nil)}, {OpenSession: true}})
		require.NoError(t, err)
		want := answers(e)
		require.NoError(t, e.Close())
		require.Equal(t, want, answers(openEngine(t, d, durable.Config{})))
	})
}
