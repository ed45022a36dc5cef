package replication_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/store"
)

func TestAcksAreOfDisksThatThereAre(t *testing.T) {
	for _, acks := range []int{-2, 4} {
		c := store.Config{}
		c.Replication.Acks = acks
		require.ErrorContains(t, newCluster(3, c).StartAll(), "there are 3")
	}
	for nodes, majority := range []int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3} {
		if nodes > 0 {
			w := started(t, nodes, 0)
			require.Equal(t, majority, w.Members[0].Node.Replication.Status().Acks, "of %d", nodes)
		}
	}
}

func TestAllDisksAreThoseThatCount(t *testing.T) {
	r := started(t, 3, replication.All).Members[0].Node.Replication
	require.Equal(t, 3, r.Status().Acks)
	r.AddLearner(4)
	require.Equal(t, 3, r.Status().Acks)
	r.AddLearner(3)
	require.Equal(t, 2, r.Status().Acks)
}

func TestANodeAloneIsAStore(t *testing.T) {
	w := started(t, 1, 0)
	w.Put(w.Members[0], "k", "v")
	require.Equal(t, node.Position{Index: 2, Epoch: node.NewEpoch(1, 1)}, last(t, w).At)
	w.Stop(w.Members[0], script.Lost)
	require.NoError(t, w.Start(w.Members[0], false))
	r, ok := w.Members[0].Node.Read(node.Query{Key: "k", Level: node.Leader})
	require.True(t, ok)
	require.Equal(t, "v", string(r.Item.Value))
}

func TestANewHistoryNeedsAnEmptyDisk(t *testing.T) {
	w := started(t, 2, 2)
	for _, m := range w.Members {
		w.Stop(m, script.Lost)
		require.ErrorContains(t, w.Start(m, true), "needs an empty disk")
		require.NoError(t, w.Start(m, false), "and it is as it was")
	}
}

func TestWritesThatWaitForOtherDisksAreBounded(t *testing.T) {
	c := store.Config{}
	c.Replication.Acks, c.Replication.Backlog = 2, 10_000
	w := newCluster(2, c)
	require.NoError(t, w.StartAll())
	w.Settle()
	w.Cuts = [][2]node.ID{{2, 0}}
	leader := w.Members[0]
	w.Put(leader, "large", strings.Repeat("v", 20_000))
	require.Equal(t, 1, leader.Node.Replication.Status().Pending, "one is always taken")
	w.Put(leader, "k", "v")
	require.ErrorIs(t, last(t, w).Err, kv.ErrOverloaded)
	require.NotErrorIs(t, last(t, w).Err, kv.ErrUnknown)
	require.EqualValues(t, 2, leader.Log().Last().Index, "and nothing is in the log of what was refused")

	w.Cuts = nil
	w.Settle()
	require.Zero(t, leader.Node.Replication.Status().Pending)
	taken := 0
	w.Cuts = [][2]node.ID{{2, 0}}
	for ; leader.Node.Replication.Status().Pending == taken; taken++ {
		w.Put(leader, "k", strings.Repeat("v", 900))
	}
	require.Equal(t, 10_000/(900+65), taken-1)
	w.Cuts = nil
	w.Settle()
	require.Zero(t, leader.Node.Replication.Status().Pending, "there is room again")
}

func TestARequestThatComesAgainIsAnsweredByWhoeverLeads(t *testing.T) {
	w := started(t, 3, 2)
	opened := do(t, w, w.Members[0], machine.Request{OpenSession: true})
	require.NotEmpty(t, opened.Opened)
	once := machine.Request{
		Identity: session.Identity{Session: session.ID(opened.Opened), Number: 1},
		Command:  kv.Put("k", []byte("v")).IfAbsent(),
	}
	first := do(t, w, w.Members[0], once)
	require.Equal(t, kv.Done, first.Result.Status)

	again := do(t, w, w.Members[0], once)
	require.Equal(t, first.Result, again.Result)
	require.EqualValues(t, 3, w.Members[0].Log().Last().Index, "a copy is not written down")

	w.Stop(w.Members[0], script.Lost)
	w.Turn(w.Members[1], w.Promote(w.Members[1]))
	w.Settle()
	require.Equal(t, first.Result, do(t, w, w.Members[1], once).Result, "the table of sessions is in the log")

	late := once
	late.Identity = session.Identity{}
	require.Equal(t, kv.Conflict, do(t, w, w.Members[1], late).Result.Status)
	late.Identity = session.Identity{Session: "nobody-1", Number: 1}
	require.ErrorIs(t, do(t, w, w.Members[1], late).Err, session.ErrForgotten)
}

func TestCopiesInOneTurnAreAppliedOnce(t *testing.T) {
	w := started(t, 2, 2)
	opened := do(t, w, w.Members[0], machine.Request{OpenSession: true})
	once := machine.Request{
		Identity: session.Identity{Session: session.ID(opened.Opened), Number: 1},
		Command:  kv.Put("k", []byte("v")).IfAbsent(),
	}
	w.Turn(w.Members[0], w.Write(once), w.Write(once))
	w.Settle()
	a, b := w.Replies[len(w.Replies)-2], w.Replies[len(w.Replies)-1]
	require.Equal(t, kv.Done, a.Result.Status)
	require.Equal(t, a.Result, b.Result)
}

func TestEveryLevelOfReadingAtEveryNode(t *testing.T) {
	w := started(t, 3, 2)
	w.Put(w.Members[0], "k", "old")
	w.Settle()
	w.Cuts = [][2]node.ID{{1, 3}} // n3 hears of nothing more
	w.Put(w.Members[0], "k", "new")
	w.Settle()
	old, latest := node.Position{Index: 2, Epoch: node.NewEpoch(1, 1)}, node.Position{Index: 3, Epoch: node.NewEpoch(1, 1)}
	for _, c := range []struct {
		at     node.ID
		level  node.Level
		seen   node.Position
		answer string
	}{
		{1, node.Leader, node.Position{}, "new"},
		{1, "", node.Position{}, "new"},
		{1, node.Session, latest, "new"},
		{1, node.Stale, node.Position{}, "new"},
		{2, node.Leader, node.Position{}, "n1 does"},
		{2, "", node.Position{}, "n1 does"},
		{2, node.Session, node.Position{}, "new"},
		{2, node.Session, latest, "new"},
		{2, node.Stale, node.Position{}, "new"},
		{3, node.Leader, node.Position{}, "n1 does"},
		{3, node.Session, node.Position{}, "old"},
		{3, node.Session, old, "old"},
		{3, node.Session, latest, ""},
		{3, node.Stale, latest, "old"},
	} {
		name := fmt.Sprintf("%v at %v, having seen %v", c.level, c.at, c.seen)
		m := w.Members[c.at-1]
		r, ok := m.Node.Read(node.Query{Key: "k", Level: c.level, Seen: c.seen})
		require.Equal(t, c.answer != "", ok, name)
		if notLeader := (*node.NotLeaderError)(nil); errors.As(r.Err, &notLeader) {
			require.EqualValues(t, 1, notLeader.Leader, name)
			require.Contains(t, r.Err.Error(), c.answer, name)
			continue
		}
		require.NoError(t, r.Err, name)
		require.Equal(t, c.answer, string(r.Item.Value), name)
		if ok {
			require.Equal(t, m.Node.Replica().Applied(), r.At, name)
		}
		require.Equal(t, c.level == node.Stale && c.at == 3, r.Lag.Heard > 0, name)
	}
}

func TestAPageIsReadLikeAKey(t *testing.T) {
	w := started(t, 2, 2)
	w.Put(w.Members[0], "a", "1")
	w.Put(w.Members[0], "b", "2")
	w.Settle()
	r, ok := w.Members[1].Node.Read(node.Query{Range: &kv.Range{}, Level: node.Session})
	require.True(t, ok)
	require.Len(t, r.Page.Items, 2)
	require.Equal(t, w.Members[1].Node.Replica().Applied(), r.At)
}

func TestAReadThatIsGivenUpIsForgotten(t *testing.T) {
	w := started(t, 2, 2)
	m := w.Members[1]
	q := node.Query{Key: "k", Level: node.Session, Seen: node.Position{Index: 2, Epoch: node.NewEpoch(1, 1)}}
	for range 3 {
		w.Read(m, q)
	}
	require.Empty(t, w.Replies)
	w.Turn(m, node.GiveUp{ID: 2}, node.GiveUp{ID: 99})
	w.Put(w.Members[0], "k", "v")
	w.Settle()
	var answered []uint64
	for _, r := range w.Replies {
		answered = append(answered, r.ID)
	}
	require.ElementsMatch(t, []uint64{1, 3, 4}, answered)
}

func TestAReadThatWaitedForALeaderIsToldWhenItLeadsNoLonger(t *testing.T) {
	w := started(t, 3, 2)
	w.Stop(w.Members[0], script.Lost)
	w.Cuts = [][2]node.ID{{1, 0}}
	require.NoError(t, w.Start(w.Members[0], false))
	w.Read(w.Members[0], node.Query{Key: "k", Level: node.Leader})
	require.Empty(t, w.Replies, "it does not know what is committed")
	w.Turn(w.Members[1], w.Promote(w.Members[1]))
	w.Cuts = nil
	w.Settle()
	notLeader := (*node.NotLeaderError)(nil)
	for _, r := range w.Replies {
		if r.ID == 1 {
			require.ErrorAs(t, r.Err, &notLeader)
		}
	}
	require.NotNil(t, notLeader)
	require.EqualValues(t, 2, notLeader.Leader)
}

func TestAFollowerThatIsFarBehindIsSentWhatIsOnTheDisk(t *testing.T) {
	w := started(t, 2, 1)
	leader, behind := w.Members[0], w.Members[1]
	w.Stop(behind, script.Lost)
	large := strings.Repeat("v", 300<<10)
	for i := range 40 { // 12 MB, more than a log keeps in memory
		w.Put(leader, fmt.Sprint("k", i), large)
	}
	w.InFlight = nil
	_, inMemory := leader.Log().Read(2, 2, 1)
	require.False(t, inMemory)
	require.NoError(t, w.Start(behind, false))
	most := 0
	for range 20 {
		for len(w.InFlight) > 0 {
			m := w.InFlight[0]
			require.Less(t, len(m.Data), 600<<10, "a message is bounded")
			w.InFlight = w.InFlight[1:]
			w.Arrive(m)
			most = max(most, len(w.InFlight))
		}
		w.Pass(50 * time.Millisecond)
	}
	require.LessOrEqual(t, most, 20, "and so is what is under way")
	require.Equal(t, leader.Log().Last(), behind.Log().Last())
	require.Equal(t, leader.Figures().Applied, behind.Figures().Applied)
}

// What is read from the disk for a follower takes a while. In the meantime this
// node may have been replaced, cut its log back, and lead once more: then what
// was read is not the history any more.
func TestWhatWasReadInAnEarlierReignIsNotSent(t *testing.T) {
	w := started(t, 3, 1)
	n1, n2, n3 := w.Members[0], w.Members[1], w.Members[2]
	w.Cuts = [][2]node.ID{{1, 0}}
	for i := range 40 {
		w.Put(n1, fmt.Sprint("k", i), strings.Repeat("v", 300<<10))
	}
	n1.Hold = true
	w.Cuts = [][2]node.ID{{1, 3}}
	w.Settle()
	require.Len(t, n1.Work, 1, "n1 reads what n2 lacks")
	read := n1.Work[0]
	read.Do()

	w.Cuts = [][2]node.ID{{2, 0}}
	w.Turn(n3, w.Promote(n3))
	w.Settle()
	require.Equal(t, n3.Log().Last(), n1.Log().Last(), "n1 has cut its log back")
	w.Turn(n1, w.Promote(n1))
	w.Cuts = [][2]node.ID{{3, 0}}
	w.Pass(50 * time.Millisecond)
	for n2.Log().Last().Index == 1 && len(w.InFlight) > 0 {
		m := w.InFlight[0]
		w.InFlight = w.InFlight[1:]
		w.Arrive(m)
	}
	w.Text.Reset()
	w.Turn(n1, node.Done(read.Done))
	require.Contains(t, w.Text.String(), "n1 → n2: append in epoch 3.n1: entries 2 to 3@3.n1 after 1@1.n1")
	require.NotContains(t, w.Text.String(), "@1.n1 after", "entries of what was cut")
	n1.Hold = false
	w.Cuts = nil
	w.Settle()
	agree(t, w)
	require.Equal(t, n1.Log().Last(), n2.Log().Last())
}

func TestALogThatCannotBeReadEndsItsLeader(t *testing.T) {
	w := started(t, 2, 1)
	leader := w.Members[0]
	w.Stop(w.Members[1], script.Lost)
	for i := range 40 {
		w.Put(leader, fmt.Sprint("k", i), strings.Repeat("v", 300<<10))
	}
	w.InFlight = nil
	leader.Disk.Change(fmt.Sprintf("%020d.journal", 1), func(b []byte) []byte {
		b[1<<20] ^= 1
		return b
	})
	require.NoError(t, w.Start(w.Members[1], false))
	w.Settle()
	require.Nil(t, leader.Node)
	require.ErrorIs(t, leader.Failed, journal.ErrDamaged)
}

// If a disk fails in the middle of an append, nobody knows whether the entry is
// there after the next start; so nobody is told that it is not.
func TestAWriteOnADiskThatFailsIsNotAnswered(t *testing.T) {
	w := started(t, 2, 1)
	leader := w.Members[0]
	leader.Disk.FailOn(script.ErrPower, "append", "truncate")
	w.Put(leader, "k", "v")
	require.Empty(t, w.Replies)
	require.Nil(t, leader.Node)
	require.ErrorIs(t, leader.Failed, journal.ErrFailed)
}

func TestWhatCouldNotBeWrittenIsNotCommitted(t *testing.T) {
	w := started(t, 3, 2)
	n2 := w.Members[1]
	w.Cuts = [][2]node.ID{{2, 0}}
	w.Put(w.Members[0], "k", "v")
	w.Settle()
	w.Cuts = nil
	n2.Disk.FailOn(script.ErrFull, "append", "create")
	w.Settle()
	f := n2.Figures()
	require.EqualValues(t, 1, f.Last)
	require.EqualValues(t, 1, f.Committed, "though the leader says that 2 is")
	n2.Disk.Fail = nil
	w.Settle()
	require.EqualValues(t, 2, n2.Figures().Applied)
}

func TestTheEpochsOfAnotherHistoryAreNotObeyed(t *testing.T) {
	other := newCluster(3, store.Config{})
	other.Members[0].Random = rand.New(rand.NewPCG(99, 99))
	require.NoError(t, other.StartAll())
	for _, i := range []int{1, 2, 1, 2} {
		other.Settle()
		other.Turn(other.Members[i], other.Promote(other.Members[i]))
	}
	other.Settle()

	w := started(t, 3, 2)
	w.Members[2].Disk = other.Members[2].Disk.After(script.Lost)
	require.NoError(t, w.Start(w.Members[2], false))
	e, _ := w.Members[2].Epoch()
	require.Equal(t, node.NewEpoch(5, 3), e)
	w.Settle()
	e, leads := w.Members[0].Epoch()
	require.True(t, leads, "a disk of another cluster in n3 deposes nobody")
	require.Equal(t, node.NewEpoch(1, 1), e)
	require.Contains(t, w.Members[0].Node.Replication.Status().Alarm, "another history is on the disk of n3")
	w.Put(w.Members[0], "k", "v")
	w.Settle()
	require.NoError(t, last(t, w).Err, "two of three go on")
	require.EqualValues(t, 2, w.Members[1].Figures().Applied)
}

func TestStatusTellsAnOperatorWhatIsWrong(t *testing.T) {
	w := started(t, 3, 2)
	st := w.Members[0].Node.Replication.Status()
	require.Equal(t, "leader", st.Role)
	require.Equal(t, []replication.FollowerStatus{{ID: 2, Match: 1}, {ID: 3, Match: 1}}, st.Followers)
	require.Empty(t, st.Alarm)
	st = w.Members[1].Node.Replication.Status()
	require.Equal(t, "follower", st.Role)
	require.EqualValues(t, 1, st.Leader)
	w.Now += 3 * time.Second
	require.Equal(t, 3*time.Second, w.Members[1].Node.Replication.Status().Lag.Heard)
	require.Equal(t, 3*time.Second, w.Members[0].Node.Replication.Status().Followers[0].Heard)
}
