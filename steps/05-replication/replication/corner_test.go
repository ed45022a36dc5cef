package replication_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/store"
)

// What happens rarely, and has to be right all the same.

// deliver lets the oldest messages from one node to another arrive, so many.
func deliver(t *testing.T, w *script.World, from, to node.ID, n int) {
	t.Helper()
	for range n {
		m, ok := w.Take(from, to, false)
		require.True(t, ok)
		w.Arrive(m)
	}
}

// again lets a node that leads hear of a later epoch, and lead in the next.
func again(w *script.World, m *script.Member, e node.Epoch) {
	w.Turn(m, w.Call("promote", func() error {
		m.Node.Replication.Hear(e)
		return m.Node.Promote()
	}))
}

// An entry of an earlier reign may be on enough disks, and be lost even so: n2,
// whose last entry is of a later epoch, may still be made the leader. It counts
// only when an entry of the leader's own epoch is there as well. (The eighth
// figure of the Raft paper.)
func TestAnEntryOfAnEarlierReignIsNotCommittedByCounting(t *testing.T) {
	w := started(t, 3, 2)
	n1, n2, n3 := w.Members[0], w.Members[1], w.Members[2]
	w.Cuts = [][2]node.ID{{1, 0}, {2, 0}, {3, 0}}
	w.Put(n1, "k", strings.Repeat("v", 300<<10)) // so that the mark has to go in another message
	w.Turn(n2, w.Promote(n2))
	again(w, n1, node.NewEpoch(2, 2))
	w.Cuts = [][2]node.ID{{2, 0}}
	w.InFlight = nil
	w.Pass(50 * time.Millisecond)
	for n3.Log().Last().Index < 2 {
		deliver(t, w, 1, 3, 1)
		deliver(t, w, 3, 1, len(w.InFlight)-count(w, 1, 3))
	}
	require.EqualValues(t, 2, n3.Log().Last().Index, "it is on two disks")
	require.EqualValues(t, 1, n1.Figures().Committed, "and not committed")

	// So n2 may cut it away, and nobody has been told anything that is not so.
	w.InFlight = nil
	w.Cuts = [][2]node.ID{{1, 0}}
	again(w, n2, node.NewEpoch(3, 1))
	w.Settle()
	w.Cuts = nil
	w.Settle()
	agree(t, w)
	require.Equal(t, n2.Log().Last(), n1.Log().Last())
	for _, r := range w.Replies {
		require.False(t, r.Err == nil && r.At.Index > 0, "%+v", r)
	}
}

// count says how many messages are under way from one node to another.
func count(w *script.World, from, to node.ID) (n int) {
	for _, m := range w.InFlight {
		if m.From == from && m.To == to {
			n++
		}
	}
	return n
}

// Where two logs part is found in a few steps, however long they are.
func TestWhereTwoLogsPartIsFoundInFewMessages(t *testing.T) {
	for _, c := range []struct {
		what     string
		old, new int // entries that n1 and n2 have written alone
		leader   node.ID
	}{
		{"the follower has more of an earlier epoch", 300, 3, 2},
		{"the leader has more of a later epoch", 3, 300, 2},
		{"both have much", 300, 300, 2},
		{"the follower has more of a later epoch", 3, 300, 1},
		{"the leader has more of an earlier epoch", 300, 3, 1},
		{"both have much, and the follower of a later epoch", 300, 300, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := started(t, 3, 1)
			n1, n2 := w.Members[0], w.Members[1]
			w.Cuts = [][2]node.ID{{1, 0}, {2, 0}}
			for i := range c.old {
				w.Put(n1, fmt.Sprint("k", i), "v")
			}
			w.Turn(n2, w.Promote(n2))
			for i := range c.new {
				w.Put(n2, fmt.Sprint("k", i), "v")
			}
			if c.leader == 1 {
				again(w, n1, node.NewEpoch(2, 2))
			} else { // it forgets where it began to lead
				w.Stop(n2, script.Lost)
				require.NoError(t, w.Start(n2, false))
			}
			w.InFlight, w.Cuts = nil, [][2]node.ID{{3, 0}}
			w.Pass(50 * time.Millisecond)
			require.Less(t, w.Stabilize(), 12)
			w.Settle()
			require.Equal(t, n2.Log().Last(), n1.Log().Last())
			require.Equal(t, n2.Figures().Applied, n1.Figures().Applied)
			require.Equal(t, c.leader, n1.Node.Replication.Status().Leader)
		})
	}
}

// What a follower has acknowledged to a leader of an earlier reign is nothing to
// this one, also if it was the same node.
func TestAnAnswerToAnEarlierReignDoesNotCount(t *testing.T) {
	w := started(t, 2, 2)
	n1 := w.Members[0]
	w.Put(n1, "k", "v")
	deliver(t, w, 1, 2, 1)
	late, ok := w.Take(2, 1, false)
	require.True(t, ok)
	again(w, n1, node.NewEpoch(2, 2))
	w.Arrive(late)
	require.Zero(t, n1.Node.Replication.Status().Followers[0].Match)
}

func TestWhoLeadsCannotBePromoted(t *testing.T) {
	w := started(t, 2, 2)
	w.Turn(w.Members[0], w.Promote(w.Members[0]))
	require.ErrorContains(t, last(t, w).Err, "n1 leads already, in epoch 1.n1")
	e, _ := w.Members[0].Epoch()
	require.Equal(t, node.NewEpoch(1, 1), e)
}

// A node that has no log, and has heard of an epoch, is one of a cluster that
// exists.
func TestANewHistoryIsNotBegunByWhoHasHeardOfAnother(t *testing.T) {
	w := newCluster(2, store.Config{})
	n1 := w.Members[0]
	require.NoError(t, w.Start(n1, false))
	w.Turn(n1, w.Call("hear", func() error {
		n1.Node.Replication.Hear(node.NewEpoch(5, 2))
		return nil
	}))
	w.Stop(n1, script.Lost)
	require.ErrorContains(t, w.Start(n1, true), "needs an empty disk")
}

// While entries are read from the disk for a follower, it loses its own. What was
// read does not follow on what it has now.
func TestWhatWasReadForAFollowerIsSentIfItIsTheNextStill(t *testing.T) {
	w := started(t, 2, 1)
	n1, n2 := w.Members[0], w.Members[1]
	w.Put(n1, "first", "v")
	w.Settle()
	w.Cuts = [][2]node.ID{{1, 0}}
	for i := range 40 {
		w.Put(n1, fmt.Sprint("k", i), strings.Repeat("v", 300<<10))
	}
	n1.Hold, w.Cuts = true, nil
	w.Settle()
	require.Len(t, n1.Work, 1)
	read := n1.Work[0]
	read.Do()
	w.Stop(n2, script.Lost)
	n2.Disk = script.NewMemory()
	require.NoError(t, w.Start(n2, false))
	w.Settle()
	n1.Hold = false
	w.Turn(n1, node.Done(read.Done))
	w.Settle()
	agree(t, w)
	w.Settle()
	require.Equal(t, n1.Log().Last(), n2.Log().Last())
}

// A machine that is rebuilt, or has just started, is not shown before it is what
// it was.
func TestAMachineThatIsBeingRebuiltIsNotShown(t *testing.T) {
	large := strings.Repeat("v", 1<<20)
	for _, what := range []string{"start", "cut"} {
		t.Run(what, func(t *testing.T) {
			w := started(t, 2, 1)
			n1, n2 := w.Members[0], w.Members[1]
			for i := range 12 {
				w.Put(n1, fmt.Sprint("k", i), large)
				w.Settle()
			}
			switch what {
			case "start":
				w.Stop(n2, script.Lost)
				require.NoError(t, w.Start(n2, false))
			case "cut": // n2 has written something that n1 does not have, and n1 leads again
				w.Cuts = [][2]node.ID{{1, 0}}
				w.Turn(n2, w.Promote(n2))
				again(w, n1, node.NewEpoch(2, 2))
				w.Cuts = nil
			}
			w.Pass(50 * time.Millisecond)
			pieces := 0
			for n2.Log().Last() != n1.Log().Last() || n2.Figures().Applied < n1.Figures().Applied {
				if len(w.InFlight) > 0 {
					m := w.InFlight[0]
					w.InFlight = w.InFlight[1:]
					w.Arrive(m)
				} else {
					require.LessOrEqual(t, n2.Node.Wake(), w.Now, "it has more to do")
					w.Turn(n2)
				}
				at := n2.Figures().Applied
				if n2.Node.Replica().Machine() == nil || at >= 13 { // not begun, or nothing is missing
					continue
				}
				pieces++
				_, ok := n2.Node.Read(node.Query{Key: "k0", Level: node.Session})
				require.False(t, ok, "at %d of %d", at, n1.Figures().Applied)
				r, _ := n2.Node.Read(node.Query{Key: "k0", Level: node.Stale})
				require.ErrorIs(t, r.Err, node.ErrNotYet)
			}
			require.Positive(t, pieces)
			w.Settle()
			r, ok := n2.Node.Read(node.Query{Key: "k11", Level: node.Session})
			require.True(t, ok)
			require.Len(t, r.Item.Value, 1<<20)
		})
	}
}

// A follower says that it has more than the leader. That cannot be; and believed,
// it would never be sent anything again.
func TestAFollowerIsNotBelievedToHaveMoreThanItsLeader(t *testing.T) {
	longer := started(t, 2, 2)
	for i := range 8 {
		longer.Put(longer.Members[0], fmt.Sprint("k", i), "v")
		longer.Settle()
	}
	longer.Pass(50 * time.Millisecond)
	deliver(t, longer, 1, 2, 1)
	ack, ok := longer.Take(2, 1, false)
	require.True(t, ok)

	w := started(t, 2, 2)
	w.Arrive(ack)
	require.EqualValues(t, 1, w.Members[0].Node.Replication.Status().Followers[0].Match)
	w.Put(w.Members[0], "k", "v")
	w.Settle()
	require.NoError(t, last(t, w).Err)
	require.EqualValues(t, 2, w.Members[1].Figures().Applied)
}

func TestAFollowerThatHasLostItsDiskIsKnownToHaveNothing(t *testing.T) {
	w := started(t, 2, 1)
	w.Put(w.Members[0], "k", "v")
	w.Settle()
	match := func() uint64 { return w.Members[0].Node.Replication.Status().Followers[0].Match }
	require.EqualValues(t, 2, match())
	w.Stop(w.Members[1], script.Lost)
	w.Members[1].Disk = script.NewMemory()
	require.NoError(t, w.Start(w.Members[1], false))
	w.Pass(50 * time.Millisecond)
	deliver(t, w, 1, 2, 1)
	deliver(t, w, 2, 1, 1)
	require.Zero(t, match())
}

// What waited for other disks does not count any more, when its leader has been
// replaced and leads again.
func TestTheBacklogOfAnEarlierReignIsForgotten(t *testing.T) {
	c := store.Config{}
	c.Replication.Acks, c.Replication.Backlog = 2, 10_000
	w := newCluster(3, c)
	require.NoError(t, w.StartAll())
	w.Settle()
	n1, n2 := w.Members[0], w.Members[1]
	w.Cuts = [][2]node.ID{{1, 0}}
	for n1.Node.Replication.Status().Pending < 9 {
		w.Put(n1, "k", strings.Repeat("v", 1000))
	}
	w.Turn(n2, w.Promote(n2))
	w.Cuts = nil
	w.Settle()
	require.Zero(t, n1.Node.Replication.Status().Pending)
	w.Turn(n1, w.Promote(n1))
	w.Cuts = [][2]node.ID{{1, 0}}
	for n := 1; n <= 9; n++ {
		w.Put(n1, "k", strings.Repeat("v", 1000))
		require.Equal(t, n, n1.Node.Replication.Status().Pending)
	}
}

func TestWhatCouldNotBeWrittenDoesNotWait(t *testing.T) {
	c := store.Config{}
	c.Replication.Acks, c.Replication.Backlog = 2, 10_000
	w := newCluster(2, c)
	require.NoError(t, w.StartAll())
	w.Settle()
	n1 := w.Members[0]
	w.Cuts = [][2]node.ID{{1, 0}}
	w.Put(n1, "k", "v")
	n1.Disk.FailOn(script.ErrFull, "append", "create")
	for range 20 {
		w.Put(n1, "k", strings.Repeat("v", 1000))
		require.ErrorIs(t, last(t, w).Err, script.ErrFull)
		require.NotErrorIs(t, last(t, w).Err, kv.ErrUnknown, "it did not happen")
	}
	require.Equal(t, 1, n1.Node.Replication.Status().Pending)
	n1.Disk.Fail = nil
	w.Put(n1, "k", "v")
	require.Equal(t, 2, n1.Node.Replication.Status().Pending, "there is room")
}

// Who learns from a refusal that there is a later epoch knows its leader, but has
// not heard it: how old its own map is, it does not know.
func TestADeposedLeaderHasHeardNobody(t *testing.T) {
	w := started(t, 3, 1)
	n1, n2, n3 := w.Members[0], w.Members[1], w.Members[2]
	w.Turn(n2, w.Promote(n2)) // it has heard n1, earlier
	w.Settle()
	w.Cuts = [][2]node.ID{{2, 0}}
	w.Turn(n3, w.Promote(n3))
	w.Settle()
	w.Cuts = [][2]node.ID{{2, 3}}
	w.Pass(50 * time.Millisecond)
	deliver(t, w, 2, 1, 1)
	deliver(t, w, 1, 2, count(w, 1, 2))
	st := n2.Node.Replication.Status()
	require.Equal(t, "starting", st.Role)
	require.EqualValues(t, 3, st.Leader)
	r, ok := n2.Node.Read(node.Query{Key: "k", Level: node.Stale})
	require.True(t, ok)
	require.ErrorIs(t, r.Err, node.ErrNotYet)
	_, ok = n2.Node.Read(node.Query{Key: "k", Level: node.Session})
	require.False(t, ok)
	w.Cuts = nil
	w.Settle()
	require.Equal(t, "follower", n2.Node.Replication.Status().Role)
	require.Equal(t, n3.Log().Last(), n1.Log().Last())
}
