package node_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

// applied lets a replica apply all that it may, and returns what it showed.
func applied(t *testing.T, r *node.Replica) (shown []node.Position) {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = r.Apply(func(p node.Position, _ machine.Answer) { shown = append(shown, p) })
		require.NoError(t, err)
	}
	return shown
}

// holds returns what a replica's machine holds, in words.
func holds(r *node.Replica) string {
	if r.Machine() == nil {
		return "nothing"
	}
	return fmt.Sprintf("%v, %d sessions", r.Machine().Scan(kv.Range{}), r.Machine().Sessions())
}

func TestAnotherProcessIsRefused(t *testing.T) {
	d := script.NewMemory()
	w := open(t, d, config())
	_, err := node.OpenReplica(1, d, config())
	require.ErrorIs(t, err, disk.ErrLocked)
	require.NoError(t, w.node.Close())
	open(t, d, config())
}

func TestWhatIsCommittedAndSafeIsAppliedInItsOrder(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	r := w.replica
	w.fill(t, 5)
	r.Commit(3)
	require.EqualValues(t, 6, r.Committed(), "what is committed stays so")
	r.Commit(99)
	require.EqualValues(t, 6, r.Committed(), "and is in the log")
	w.turns(t, func() {
		r.Append(first, put("late", "v"))
		r.Commit(7)
		shown := applied(t, r)
		require.Len(t, shown, 6, "7 is not safe yet")
		for i, p := range shown {
			require.Equal(t, node.Position{Index: uint64(i + 1), Epoch: first}, p)
		}
	})
	require.Equal(t, []node.Position{{Index: 7, Epoch: first}}, applied(t, r))
	require.Equal(t, node.Position{Index: 7, Epoch: first}, r.Applied())
	require.Equal(t, "v", string(r.Machine().Get("late").Value))
	require.EqualValues(t, 7, r.Machine().Get("late").Version, "the version is the index")
	require.Empty(t, applied(t, r), "once only")
}

func TestNothingIsCommittedAfterAStartUntilSomebodySaysSo(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.fill(t, 5)
	applied(t, w.replica)
	before := holds(w.replica)
	w = w.reopen(t, script.Lost, config())
	require.Empty(t, applied(t, w.replica))
	require.Zero(t, w.replica.Committed())
	require.Nil(t, w.replica.Machine())
	require.EqualValues(t, 6, w.replica.Found().Entries)
	w.replica.Commit(6)
	applied(t, w.replica)
	require.Equal(t, before, holds(w.replica))
}

// A node that has much to catch up with must not be deaf meanwhile.
func TestMuchIsAppliedInPieces(t *testing.T) {
	w := open(t, script.NewMemory(), node.ReplicaConfig{NewMap: config().NewMap})
	large := strings.Repeat("v", 1<<20)
	for i := range 20 {
		w.turns(t, func() {
			if i == 0 {
				w.replica.Append(first, settings("inc"))
			}
			w.replica.Append(first, put(fmt.Sprint("k", i), large))
		})
	}
	w = w.reopen(t, script.Lost, node.ReplicaConfig{NewMap: config().NewMap}) // most of it is on the disk only
	w.replica.Commit(21)
	pieces := 0
	for more := true; more; pieces++ {
		at := w.replica.Applied().Index
		var err error
		more, err = w.replica.Apply(func(node.Position, machine.Answer) {})
		require.NoError(t, err)
		now := w.replica.Applied().Index
		require.Greater(t, now, at)
		require.LessOrEqual(t, now-at, uint64(5))
		require.Equal(t, now < 21, more)
	}
	require.Equal(t, 7, pieces)
	require.Equal(t, 20, w.replica.Machine().Len())
}

func TestAnAppliedTailThatIsCutIsAppliedNoMore(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	r := w.replica
	w.fill(t, 10)
	applied(t, r)
	w.turns(t, func() {
		require.NoError(t, r.CutBack(4))
		require.Zero(t, r.Applied())
		require.EqualValues(t, 4, r.Committed(), "the rest is as committed as it was")
		require.Equal(t, "nothing", holds(r))
		r.Append(first.Next(2), put("k9", "another"))
	})
	require.Equal(t, 1, r.Figures().Rebuilt)
	r.Commit(5)
	applied(t, r)

	again := open(t, script.NewMemory(), config())
	again.fill(t, 3)
	again.turns(t, func() { again.replica.Append(first.Next(2), put("k9", "another")) })
	again.replica.Commit(5)
	applied(t, again.replica)
	require.Equal(t, holds(again.replica), holds(r), "as if the tail had never been")
}

func TestATailThatWasNotAppliedIsJustCut(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	r := w.replica
	w.fill(t, 4)
	applied(t, r)
	w.turns(t, func() {
		for range 5 {
			r.Append(first, put("k", "v"))
		}
	})
	r.Commit(9)
	before := holds(r)
	w.turns(t, func() { require.NoError(t, r.CutBack(7)) })
	require.Zero(t, r.Figures().Rebuilt)
	require.EqualValues(t, 7, r.Committed(), "what is committed is in the log")
	require.EqualValues(t, 5, r.Applied().Index)
	require.Equal(t, before, holds(r))
	w.turns(t, func() { require.NoError(t, r.CutBack(7)) })
	require.EqualValues(t, 7, r.Figures().Last, "to cut what is not there is nothing")
}

func TestAHistoryHasAnIdentityFromItsFirstEntryOn(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	r := w.replica
	require.Empty(t, r.Identity())
	_, known := r.Settings()
	require.False(t, known)
	w.turns(t, func() {
		r.Append(first, settings("one"))
		require.Equal(t, "one", r.Identity(), "even before it is committed")
	})
	require.Equal(t, "one", w.reopen(t, script.Lost, config()).replica.Identity())
	w.turns(t, func() {
		require.NoError(t, r.CutBack(0))
		require.Empty(t, r.Identity())
		r.Append(first.Next(2), settings("two"))
	})
	require.Equal(t, "two", r.Identity())
	s, known := r.Settings()
	require.True(t, known)
	require.Equal(t, 10, s.Sessions)
}

// Loop.Look lets them, as long as nothing changes.
func TestAnyNumberMayLookAtAReplica(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.turns(t, func() { w.replica.Append(first, settings("one")) })
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			w.replica.Identity()
			w.replica.Figures()
			w.replica.Epoch()
			w.replica.Applied()
		})
	}
	all.Wait()
}

func TestWhatCouldNotBeWrittenIsNeitherCommittedNorKnown(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.disk.FailOn(script.ErrFull, "append")
	w.turns(t, func() {
		w.replica.Append(first, settings("one"))
		require.Equal(t, "one", w.replica.Identity())
		w.replica.Commit(1)
	})
	require.Zero(t, w.replica.Committed())
	require.Empty(t, w.replica.Identity(), "there is no history yet")
}

func TestARecordThatNobodyKnowsEndsTheReplica(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.fill(t, 2)
	w.turns(t, func() { w.replica.Append(first, []byte("what is this?")) })
	w.replica.Commit(4)
	_, err := w.replica.Apply(func(node.Position, machine.Answer) {})
	require.ErrorIs(t, err, machine.ErrRecord)
	require.ErrorContains(t, err, "entry 4@1.n1")
	_, err = w.turn(func() {})
	require.ErrorIs(t, err, machine.ErrRecord)

	c := config()
	var seen []node.Entry
	c.Other = func(e node.Entry) bool {
		seen = append(seen, e)
		return string(e.Record) == "what is this?"
	}
	w = w.reopen(t, script.Lost, c)
	w.replica.Commit(4)
	applied(t, w.replica)
	require.EqualValues(t, 4, w.replica.Applied().Index, "unless somebody does know it")
	require.Equal(t, "what is this?", string(seen[len(seen)-1].Record))
}

func TestWhatIsFoundOnADiskMayEndItsReplica(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	why := errors.New("found something bad")
	w.node.Handle([]node.Input{node.Done(func() { w.replica.Fail(why) })})
	out, err := w.node.Synced(w.node.Sync())
	require.ErrorIs(t, err, why)
	require.Equal(t, node.Outbox{}, out)
}

func TestFiguresSayHowAReplicaIs(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	require.Equal(t, node.Figures{First: 1}, w.replica.Figures())
	w.fill(t, 3)
	applied(t, w.replica)
	w.turns(t, func() { w.replica.Append(first, put("k", "v")) })
	f := w.replica.Figures()
	require.Equal(t, node.Figures{
		First: 1, Last: 5, Synced: 5, Committed: 4, Applied: 4, Epoch: first, Keys: 3, Syncs: f.Syncs,
	}, f)
	require.GreaterOrEqual(t, f.Syncs, 2)
}

// Step 06 cuts the log at its front. What it goes on from is another package's
// business; here are the two promises that it needs.
func TestALogGoesOnFromWhatIsKnownFromElsewhere(t *testing.T) {
	whole := open(t, script.NewMemory(), config())
	whole.fill(t, 10)
	applied(t, whole.replica)
	origin := node.Origin{At: whole.replica.Applied(), Machine: whole.replica.Machine(), Settings: machine.Settings{Sessions: 10, Incarnation: "inc"}}
	c := config()
	c.Origin = func() (node.Origin, error) { return origin, nil }
	c.Forget = func() error { origin = node.Origin{}; return nil }

	w := open(t, script.NewMemory(), c)
	require.Equal(t, origin.At, w.log.Base())
	require.Equal(t, origin.At, w.replica.Applied())
	require.Equal(t, "inc", w.replica.Identity())
	w.turns(t, func() { w.replica.Append(first, put("k", "v")) })
	w = w.reopen(t, script.Lost, c)
	w.replica.Commit(12)
	require.Equal(t, []node.Position{{Index: 12, Epoch: first}}, applied(t, w.replica))

	// If it turns out not to be the history, nothing is left.
	w.turns(t, func() { require.NoError(t, w.replica.CutBack(4)) })
	require.Equal(t, node.Origin{}, origin)
	require.Zero(t, w.log.Last())
	require.Empty(t, w.replica.Identity())
	require.Equal(t, "nothing", holds(w.replica))
	require.Zero(t, w.reopen(t, script.Lost, c).log.Last())
}
