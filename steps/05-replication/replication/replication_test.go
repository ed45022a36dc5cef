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
	"zeyrho/steps/05-replication/store"
)

// last returns the reply that came last.
func (w *cluster) last(t *testing.T) node.Reply {
	t.Helper()
	require.NotEmpty(t, w.replies)
	return w.replies[len(w.replies)-1]
}

// do lets a node be asked, and everything happen that comes of it.
func (w *cluster) do(t *testing.T, m *member, r machine.Request) node.Reply {
	t.Helper()
	w.turn(m, w.write(r))
	w.settle()
	return w.last(t)
}

func TestAcksAreOfDisksThatThereAre(t *testing.T) {
	for _, acks := range []int{-1, 4} {
		c := store.Config{}
		c.Replication.Acks = acks
		require.ErrorContains(t, newCluster(3, c).startAll(), "there are 3")
	}
	for nodes, majority := range []int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3} {
		if nodes > 0 {
			w := started(t, nodes, 0)
			require.Equal(t, majority, w.members[0].node.Replication.Status().Acks, "of %d", nodes)
		}
	}
}

func TestANodeAloneIsAStore(t *testing.T) {
	w := started(t, 1, 0)
	w.put(w.members[0], "k", "v")
	require.Equal(t, node.Position{Index: 2, Epoch: node.NewEpoch(1, 1)}, w.last(t).At)
	w.stop(w.members[0], lost)
	require.NoError(t, w.start(w.members[0], false))
	r, ok := w.members[0].node.Read(node.Query{Key: "k", Level: node.Leader})
	require.True(t, ok)
	require.Equal(t, "v", string(r.Item.Value))
}

func TestANewHistoryNeedsAnEmptyDisk(t *testing.T) {
	w := started(t, 2, 2)
	for _, m := range w.members {
		w.stop(m, lost)
		require.ErrorContains(t, w.start(m, true), "needs an empty disk")
		require.NoError(t, w.start(m, false), "and it is as it was")
	}
}

func TestWritesThatWaitForOtherDisksAreBounded(t *testing.T) {
	c := store.Config{}
	c.Replication.Acks, c.Replication.Backlog = 2, 10_000
	w := newCluster(2, c)
	require.NoError(t, w.startAll())
	w.settle()
	w.cuts = [][2]node.ID{{2, 0}}
	leader := w.members[0]
	w.put(leader, "large", strings.Repeat("v", 20_000))
	require.Equal(t, 1, leader.node.Replication.Status().Pending, "one is always taken")
	w.put(leader, "k", "v")
	require.ErrorIs(t, w.last(t).Err, kv.ErrOverloaded)
	require.NotErrorIs(t, w.last(t).Err, kv.ErrUnknown)
	require.EqualValues(t, 2, leader.log().Last().Index, "and nothing is in the log of what was refused")

	w.cuts = nil
	w.settle()
	require.Zero(t, leader.node.Replication.Status().Pending)
	taken := 0
	w.cuts = [][2]node.ID{{2, 0}}
	for ; leader.node.Replication.Status().Pending == taken; taken++ {
		w.put(leader, "k", strings.Repeat("v", 900))
	}
	require.Equal(t, 10_000/(900+65), taken-1)
	w.cuts = nil
	w.settle()
	require.Zero(t, leader.node.Replication.Status().Pending, "there is room again")
}

func TestARequestThatComesAgainIsAnsweredByWhoeverLeads(t *testing.T) {
	w := started(t, 3, 2)
	opened := w.do(t, w.members[0], machine.Request{OpenSession: true})
	require.NotEmpty(t, opened.Opened)
	once := machine.Request{
		Identity: session.Identity{Session: session.ID(opened.Opened), Number: 1},
		Command:  kv.Put("k", []byte("v")).IfAbsent(),
	}
	first := w.do(t, w.members[0], once)
	require.Equal(t, kv.Done, first.Result.Status)

	again := w.do(t, w.members[0], once)
	require.Equal(t, first.Result, again.Result)
	require.EqualValues(t, 3, w.members[0].log().Last().Index, "a copy is not written down")

	w.stop(w.members[0], lost)
	w.turn(w.members[1], w.promote(w.members[1]))
	w.settle()
	require.Equal(t, first.Result, w.do(t, w.members[1], once).Result, "the table of sessions is in the log")

	late := once
	late.Identity = session.Identity{}
	require.Equal(t, kv.Conflict, w.do(t, w.members[1], late).Result.Status)
	late.Identity = session.Identity{Session: "nobody-1", Number: 1}
	require.ErrorIs(t, w.do(t, w.members[1], late).Err, session.ErrForgotten)
}

func TestCopiesInOneTurnAreAppliedOnce(t *testing.T) {
	w := started(t, 2, 2)
	opened := w.do(t, w.members[0], machine.Request{OpenSession: true})
	once := machine.Request{
		Identity: session.Identity{Session: session.ID(opened.Opened), Number: 1},
		Command:  kv.Put("k", []byte("v")).IfAbsent(),
	}
	w.turn(w.members[0], w.write(once), w.write(once))
	w.settle()
	a, b := w.replies[len(w.replies)-2], w.replies[len(w.replies)-1]
	require.Equal(t, kv.Done, a.Result.Status)
	require.Equal(t, a.Result, b.Result)
}

func TestEveryLevelOfReadingAtEveryNode(t *testing.T) {
	w := started(t, 3, 2)
	w.put(w.members[0], "k", "old")
	w.settle()
	w.cuts = [][2]node.ID{{1, 3}} // n3 hears of nothing more
	w.put(w.members[0], "k", "new")
	w.settle()
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
		m := w.members[c.at-1]
		r, ok := m.node.Read(node.Query{Key: "k", Level: c.level, Seen: c.seen})
		require.Equal(t, c.answer != "", ok, name)
		if notLeader := (*node.NotLeaderError)(nil); errors.As(r.Err, &notLeader) {
			require.EqualValues(t, 1, notLeader.Leader, name)
			require.Contains(t, r.Err.Error(), c.answer, name)
			continue
		}
		require.NoError(t, r.Err, name)
		require.Equal(t, c.answer, string(r.Item.Value), name)
		if ok {
			require.Equal(t, m.node.Replica().Applied(), r.At, name)
		}
		require.Equal(t, c.level == node.Stale && c.at == 3, r.Lag.Heard > 0, name)
	}
}

func TestAPageIsReadLikeAKey(t *testing.T) {
	w := started(t, 2, 2)
	w.put(w.members[0], "a", "1")
	w.put(w.members[0], "b", "2")
	w.settle()
	r, ok := w.members[1].node.Read(node.Query{Range: &kv.Range{}, Level: node.Session})
	require.True(t, ok)
	require.Len(t, r.Page.Items, 2)
	require.Equal(t, w.members[1].node.Replica().Applied(), r.At)
}

func TestAReadThatIsGivenUpIsForgotten(t *testing.T) {
	w := started(t, 2, 2)
	m := w.members[1]
	q := node.Query{Key: "k", Level: node.Session, Seen: node.Position{Index: 2, Epoch: node.NewEpoch(1, 1)}}
	for range 3 {
		w.read(m, q)
	}
	require.Empty(t, w.replies)
	w.turn(m, node.GiveUp{ID: 2}, node.GiveUp{ID: 99})
	w.put(w.members[0], "k", "v")
	w.settle()
	var answered []uint64
	for _, r := range w.replies {
		answered = append(answered, r.ID)
	}
	require.ElementsMatch(t, []uint64{1, 3, 4}, answered)
}

func TestAReadThatWaitedForALeaderIsToldWhenItLeadsNoLonger(t *testing.T) {
	w := started(t, 3, 2)
	w.stop(w.members[0], lost)
	w.cuts = [][2]node.ID{{1, 0}}
	require.NoError(t, w.start(w.members[0], false))
	w.read(w.members[0], node.Query{Key: "k", Level: node.Leader})
	require.Empty(t, w.replies, "it does not know what is committed")
	w.turn(w.members[1], w.promote(w.members[1]))
	w.cuts = nil
	w.settle()
	notLeader := (*node.NotLeaderError)(nil)
	for _, r := range w.replies {
		if r.ID == 1 {
			require.ErrorAs(t, r.Err, &notLeader)
		}
	}
	require.NotNil(t, notLeader)
	require.EqualValues(t, 2, notLeader.Leader)
}

func TestAFollowerThatIsFarBehindIsSentWhatIsOnTheDisk(t *testing.T) {
	w := started(t, 2, 1)
	leader, behind := w.members[0], w.members[1]
	w.stop(behind, lost)
	large := strings.Repeat("v", 300<<10)
	for i := range 40 { // 12 MB, more than a log keeps in memory
		w.put(leader, fmt.Sprint("k", i), large)
	}
	w.inFlight = nil
	_, inMemory := leader.log().Read(2, 2, 1)
	require.False(t, inMemory)
	require.NoError(t, w.start(behind, false))
	most := 0
	for range 20 {
		for len(w.inFlight) > 0 {
			m := w.inFlight[0]
			require.Less(t, len(m.Data), 600<<10, "a message is bounded")
			w.inFlight = w.inFlight[1:]
			w.arrive(m)
			most = max(most, len(w.inFlight))
		}
		w.pass(50 * time.Millisecond)
	}
	require.LessOrEqual(t, most, 20, "and so is what is under way")
	require.Equal(t, leader.log().Last(), behind.log().Last())
	require.Equal(t, leader.figures().Applied, behind.figures().Applied)
}

// What is read from the disk for a follower takes a while. In the meantime this
// node may have been replaced, cut its log back, and lead once more: then what
// was read is not the history any more.
func TestWhatWasReadInAnEarlierReignIsNotSent(t *testing.T) {
	w := started(t, 3, 1)
	n1, n2, n3 := w.members[0], w.members[1], w.members[2]
	w.cuts = [][2]node.ID{{1, 0}}
	for i := range 40 {
		w.put(n1, fmt.Sprint("k", i), strings.Repeat("v", 300<<10))
	}
	var held []func()
	n1.later = func(work, done func()) {
		work()
		held = append(held, done)
	}
	w.cuts = [][2]node.ID{{1, 3}}
	w.settle()
	require.Len(t, held, 1, "n1 reads what n2 lacks")

	w.cuts = [][2]node.ID{{2, 0}}
	w.turn(n3, w.promote(n3))
	w.settle()
	require.Equal(t, n3.log().Last(), n1.log().Last(), "n1 has cut its log back")
	w.turn(n1, w.promote(n1))
	w.cuts = [][2]node.ID{{3, 0}}
	w.pass(50 * time.Millisecond)
	for n2.log().Last().Index == 1 && len(w.inFlight) > 0 {
		m := w.inFlight[0]
		w.inFlight = w.inFlight[1:]
		w.arrive(m)
	}
	w.turn(n1, node.Done(held[0]))
	n1.later = nil
	w.cuts = nil
	w.settle()
	agree(t, w)
	require.Equal(t, n1.log().Last(), n2.log().Last())
}

func TestALogThatCannotBeReadEndsItsLeader(t *testing.T) {
	w := started(t, 2, 1)
	leader := w.members[0]
	w.stop(w.members[1], lost)
	for i := range 40 {
		w.put(leader, fmt.Sprint("k", i), strings.Repeat("v", 300<<10))
	}
	w.inFlight = nil
	for _, c := range leader.disk.names {
		if len(c.bytes) > 1<<20 {
			c.bytes[1<<20] ^= 1
		}
	}
	require.NoError(t, w.start(w.members[1], false))
	w.settle()
	require.Nil(t, leader.node)
	require.ErrorIs(t, leader.failed, journal.ErrDamaged)
}

// If a disk fails in the middle of an append, nobody knows whether the entry is
// there after the next start; so nobody is told that it is not.
func TestAWriteOnADiskThatFailsIsNotAnswered(t *testing.T) {
	w := started(t, 2, 1)
	leader := w.members[0]
	leader.disk.failOn(errPower, "append", "truncate")
	w.put(leader, "k", "v")
	require.Empty(t, w.replies)
	require.Nil(t, leader.node)
	require.ErrorIs(t, leader.failed, journal.ErrFailed)
}

func TestWhatCouldNotBeWrittenIsNotCommitted(t *testing.T) {
	w := started(t, 3, 2)
	n2 := w.members[1]
	w.cuts = [][2]node.ID{{2, 0}}
	w.put(w.members[0], "k", "v")
	w.settle()
	w.cuts = nil
	n2.disk.failOn(errFull, "append", "create")
	w.settle()
	f := n2.figures()
	require.EqualValues(t, 1, f.Last)
	require.EqualValues(t, 1, f.Committed, "though the leader says that 2 is")
	n2.disk.fail = nil
	w.settle()
	require.EqualValues(t, 2, n2.figures().Applied)
}

func TestTheEpochsOfAnotherHistoryAreNotObeyed(t *testing.T) {
	other := newCluster(3, store.Config{})
	other.members[0].rand = rand.New(rand.NewPCG(99, 99))
	require.NoError(t, other.startAll())
	for _, i := range []int{1, 2, 1, 2} {
		other.settle()
		other.turn(other.members[i], other.promote(other.members[i]))
	}
	other.settle()

	w := started(t, 3, 2)
	w.members[2].disk = other.members[2].disk.after(lost)
	require.NoError(t, w.start(w.members[2], false))
	e, _ := w.members[2].epoch()
	require.Equal(t, node.NewEpoch(5, 3), e)
	w.settle()
	e, leads := w.members[0].epoch()
	require.True(t, leads, "a disk of another cluster in n3 deposes nobody")
	require.Equal(t, node.NewEpoch(1, 1), e)
	require.Contains(t, w.members[0].node.Replication.Status().Alarm, "another history is on the disk of n3")
	w.put(w.members[0], "k", "v")
	w.settle()
	require.NoError(t, w.last(t).Err, "two of three go on")
	require.EqualValues(t, 2, w.members[1].figures().Applied)
}

func TestStatusTellsAnOperatorWhatIsWrong(t *testing.T) {
	w := started(t, 3, 2)
	st := w.members[0].node.Replication.Status()
	require.Equal(t, "leader", st.Role)
	require.Equal(t, []replication.FollowerStatus{{ID: 2, Match: 1}, {ID: 3, Match: 1}}, st.Followers)
	require.Empty(t, st.Alarm)
	st = w.members[1].node.Replication.Status()
	require.Equal(t, "follower", st.Role)
	require.EqualValues(t, 1, st.Leader)
	w.now += 3 * time.Second
	require.Equal(t, 3*time.Second, w.members[1].node.Replication.Status().Lag.Heard)
	require.Equal(t, 3*time.Second, w.members[0].node.Replication.Status().Followers[0].Heard)
}
