package node_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

// says lets the front module answer every write with an entry, a message and a
// reply.
func (w *world) says() {
	w.front.write = func(in node.Write) {
		w.replica.Append(first, []byte("x"))
		w.out.Send(node.Message{From: 1, To: 2, Kind: "news"})
		w.out.Reply(node.Reply{ID: in.ID})
	}
}

func TestWhatIsSaidLeavesWhenItIsSafe(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.says()
	require.True(t, w.node.Handle([]node.Input{node.Write{ID: 7}, node.Write{ID: 8}}))
	require.Zero(t, w.log.Synced(), "it is not safe yet")
	require.NoError(t, w.node.Sync())
	require.EqualValues(t, 2, w.log.Synced())
	out, err := w.node.Synced(nil)
	require.NoError(t, err)
	require.Len(t, out.Messages, 2)
	require.Equal(t, []node.Reply{{ID: 7}, {ID: 8}}, out.Replies)

	w.node.Handle(nil)
	out, err = w.node.Synced(nil)
	require.NoError(t, err)
	require.Empty(t, out.Messages, "once only")
	require.Empty(t, out.Replies)
}

func TestNothingLeavesWhenTheDiskFails(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.says()
	w.disk.FailOn(script.ErrPower, "sync")
	w.node.Handle([]node.Input{node.Write{ID: 7}})
	err := w.node.Sync()
	require.ErrorIs(t, err, journal.ErrFailed)
	out, err := w.node.Synced(err)
	require.ErrorIs(t, err, journal.ErrFailed)
	require.Equal(t, node.Outbox{}, out)

	w.disk.Fail = nil
	_, err = w.turn(func() {})
	require.Error(t, err, "a failed sync is not asked a second time")
}

// A disk that fails in the middle of a write, and then cannot take it back, is
// not a full one: whether the entry will be there nobody knows.
func TestNothingLeavesWhenAWriteCannotBeTakenBack(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.says()
	w.disk.FailOn(script.ErrPower, "append", "truncate")
	w.node.Handle([]node.Input{node.Write{ID: 7}})
	require.NotContains(t, strings.Join(w.told, ";"), "unwritten")
	out, err := w.node.Synced(nil)
	require.ErrorIs(t, err, journal.ErrFailed)
	require.Equal(t, node.Outbox{}, out)
}

func TestATurnThatWroteNothingNeedsNoSync(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.front.tick = func() { w.out.Send(node.Message{Kind: "sign of life"}) }
	calls := w.calls()
	require.False(t, w.node.Handle(nil))
	out, err := w.node.Synced(nil)
	require.NoError(t, err)
	require.Len(t, out.Messages, 1)
	require.NoError(t, w.node.Sync(), "nor does it hurt")
	require.Empty(t, *calls)
}

func TestATurnSyncsOnceForAllThatItWrote(t *testing.T) {
	w := open(t, script.NewMemory(), node.ReplicaConfig{})
	w.says()
	calls := w.calls()
	w.node.Handle(slices.Repeat([]node.Input{node.Write{}}, 100))
	require.NoError(t, w.node.Sync())
	require.Equal(t, []string{"append 00000000000000000001.journal", "sync 00000000000000000001.journal"}, *calls)
	require.Zero(t, w.replica.Figures().Syncs, "what one may look at during a sync is of the turn before")
	_, err := w.node.Synced(nil)
	require.NoError(t, err)
	require.Equal(t, 1, w.replica.Figures().Syncs)
}

func TestTheEpochIsSafeBeforeEntriesAreWritten(t *testing.T) {
	w := open(t, script.NewMemory(), node.ReplicaConfig{})
	calls := w.calls()
	w.turns(t, func() {
		w.replica.Enter(first, true)
		w.replica.Append(first, nil)
	})
	epoch, entries := slices.Index(*calls, "syncdir "), slices.Index(*calls, "append 00000000000000000001.journal")
	require.GreaterOrEqual(t, epoch, 0)
	require.Greater(t, entries, epoch)
}

func TestModulesAreToldEverythingInTheirOrder(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	ran := false
	w.node.Handle([]node.Input{
		node.Message{To: 1, Kind: "a"},
		node.Message{To: 2, Kind: "for another"},
		node.Write{ID: 3},
		node.Done(func() { ran = true }),
		node.Read{ID: 4},
		node.GiveUp{ID: 4},
		node.Message{To: 1, Kind: "b"},
	})
	_, err := w.node.Synced(nil)
	require.NoError(t, err)
	require.True(t, ran)
	require.Equal(t, []string{
		"front receives a", "second receives a",
		"front writes 3", "front lets 4 wait", "front gives up 4",
		"front receives b", "second receives b",
		"front ticks", "second ticks",
		"front is told: synced", "second is told: synced",
	}, w.told)
}

func TestANodeWakesWhenTheFirstOfItsModulesWants(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.front.wake, w.second.wake = time.Second, time.Minute
	require.Equal(t, time.Second, w.node.Wake())
	w.front.wake = time.Hour
	require.Equal(t, time.Minute, w.node.Wake())
}

func TestACallIsAnsweredWithItsError(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	why := errors.New("no")
	w.node.Handle([]node.Input{
		node.Call{ID: 1, Run: func() error { return nil }},
		node.Call{ID: 2, Run: func() error { return why }},
	})
	out, err := w.node.Synced(nil)
	require.NoError(t, err)
	require.Equal(t, []node.Reply{{ID: 1}, {ID: 2, Err: why}}, out.Replies)
}

func TestWhatModulesSayAfterTheSyncLeavesInTheSameTurn(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.second.after = func() { w.out.Send(node.Message{Kind: "shipped"}) }
	w.front.after = func() { w.out.Reply(node.Reply{ID: 1}) }
	out := w.turns(t, func() {})
	require.Len(t, out.Messages, 1)
	require.Len(t, out.Replies, 2, "and the call's")
}

func TestOnAFullDiskTheTurnDidNotHappenAndTheNodeGoesOn(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.fill(t, 2)
	last := w.log.Last()
	w.says()
	w.told = nil
	w.disk.FailOn(script.ErrFull, "append", "create")
	w.node.Handle([]node.Input{node.Write{ID: 7}, node.Call{ID: 8, Run: func() error { return nil }}})
	require.NoError(t, w.node.Sync())
	out, err := w.node.Synced(nil)
	require.NoError(t, err)
	require.Empty(t, out.Messages, "they may be about what is not there")
	require.Len(t, out.Replies, 2)
	require.ErrorIs(t, out.Replies[1].Err, script.ErrFull, "who called is told")
	require.Equal(t, 2, strings.Count(strings.Join(w.told, ";"), "unwritten: append to"), "every module is told: %q", w.told)
	require.Equal(t, last, w.log.Last())

	w.disk.Fail = nil
	w.turns(t, func() { require.Equal(t, last.Index+1, w.replica.Append(first, []byte("y")).Index) })
	again := w.reopen(t, script.Lost, config())
	require.Equal(t, last.Index+1, again.log.Last().Index)
	entries, ok := again.log.Read(last.Index+1, last.Index+1, 1)
	require.True(t, ok)
	require.Equal(t, "y", string(entries[0].Record))
}

// A large turn takes several frames, and the disk may be full after one of them.
func TestOfALargeTurnTheBeginningMayBeWritten(t *testing.T) {
	w := open(t, script.NewMemory(), node.ReplicaConfig{})
	large := make([]byte, 1<<20)
	appends := 0
	w.disk.Fail = func(op, _ string) error {
		if op == "append" {
			if appends++; appends > 1 {
				return script.ErrFull
			}
		}
		return nil
	}
	w.node.Handle([]node.Input{node.Call{ID: 1, Run: func() error {
		for range 10 {
			w.replica.Append(first, large)
		}
		return nil
	}}})
	require.NoError(t, w.node.Sync())
	out, err := w.node.Synced(nil)
	require.NoError(t, err)
	require.ErrorIs(t, out.Replies[0].Err, script.ErrFull)
	require.EqualValues(t, 4, w.log.Last().Index, "4 MiB went into the first frame")
	require.EqualValues(t, 4, w.log.Synced())
	require.EqualValues(t, 4, w.reopen(t, script.Lost, node.ReplicaConfig{}).log.Last().Index)
}
