package catchup_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/06-catchup/store"
)

// small is a config with which everything happens soon.
func small(acks int) store.Config {
	c := store.Config{SegmentSize: 512}
	c.Replication.Acks = acks
	c.Catchup.Every, c.Catchup.Keep = 1000, 2
	return c
}

// eachMoment lets the power of a node go at every operation on its disk that
// happens in run, with every fate of what is not synced; then the node starts
// again. prepare makes the cluster.
func eachMoment(t *testing.T, id node.ID, prepare func(*testing.T) *cluster, run func(*cluster), check func(t *testing.T, w *cluster)) {
	t.Helper()
	w := prepare(t)
	operations := w.Members[id-1].Disk.DieAt(1<<30, nil)
	run(w)
	require.Greater(t, *operations, 5)
	for n := 1; n <= *operations+1; n++ {
		for name, f := range map[string]script.Fate{"lost": script.Lost, "torn": script.Torn, "kept": script.Kept} {
			t.Run(fmt.Sprintf("operation %d, %s", n, name), func(t *testing.T) {
				w := prepare(t)
				m := w.Members[id-1]
				m.Disk.DieAt(n, script.ErrPower)
				run(w)
				w.Stop(m, f)
				require.NoError(t, w.Start(m, false))
				check(t, w)
			})
		}
	}
}

// converges is converge where nothing that was acknowledged may be lost.
func converges(t *testing.T, w *cluster) { converge(t, w, true) }

// converge lets messages arrive and time pass, and checks that in the end all
// nodes hold the same, and if nothing may be lost, all that was acknowledged.
func converge(t *testing.T, w *cluster, safe bool) {
	t.Helper()
	for range 8 {
		w.Settle()
		w.Pass(200 * time.Millisecond)
	}
	w.Settle()
	var leader *script.Member
	for _, m := range w.Members {
		require.NotNil(t, m.Node, "%v: %v", m.ID, m.Failed)
		if _, leads := m.Epoch(); leads {
			leader = m
		}
	}
	require.NotNil(t, leader)
	for _, m := range w.Members {
		require.Equal(t, leader.Log().Last(), m.Log().Last(), "%v", m.ID)
		require.Equal(t, holds(leader), holds(m), "%v", m.ID)
		require.Equal(t, w.parts[leader.ID].Status().Members, w.parts[m.ID].Status().Members, "%v", m.ID)
	}
	for _, r := range w.Replies {
		if safe && r.Err == nil && r.At.Index > leader.Log().Base().Index {
			has, _ := leader.Log().Holds(r.At)
			require.True(t, has, "%v was acknowledged", r.At)
		}
	}
}

// holds says what a node has applied, and what that adds up to.
func holds(m *script.Member) string {
	machine := m.Node.Replica().Machine()
	if machine == nil {
		return "nothing"
	}
	return fmt.Sprint(m.Node.Replica().Applied(), machine.Scan(kv.Range{}), machine.Export())
}

// A node makes snapshots, and cuts its log. Whatever the power leaves, the next
// start finds all that was acknowledged.
func TestTheLogIsCutOnlyWhenTheSnapshotIsSafe(t *testing.T) {
	prepare := func(t *testing.T) *cluster {
		w := started(t, 2, small(1))
		w.Put(w.Members[0], "acknowledged", "1")
		w.Turn(w.Members[0], fill(3, 100)...)
		w.Settle()
		return w
	}
	run := func(w *cluster) {
		for range 7 {
			if n1 := w.Members[0]; n1.Node != nil {
				w.Turn(n1, fill(4, 100)...)
			}
			w.Pass(50 * time.Millisecond)
			w.Stabilize()
		}
	}
	w := prepare(t)
	run(w)
	require.Equal(t, 4, w.parts[1].Status().Written)
	require.Greater(t, w.Members[0].Log().First(), uint64(20))

	eachMoment(t, 1, prepare, run, func(t *testing.T, w *cluster) {
		converges(t, w)
		for _, m := range w.Members {
			require.Equal(t, "1", string(m.Node.Replica().Machine().Get("acknowledged").Value))
		}
	})
}

// behind returns a cluster whose last node lacks what is not in the log of n1 any
// more, and will hear of it as soon as time passes.
func behind(t *testing.T, n, acks int) *cluster {
	t.Helper()
	w := started(t, n, small(acks))
	w.Cuts = [][2]node.ID{{node.ID(n), 0}}
	w.Put(w.Members[0], "acknowledged", "1")
	w.Turn(w.Members[0], fill(12, 100)...)
	w.Settle()
	w.Pass(11 * time.Second)
	w.Settle()
	require.Greater(t, w.Members[0].Log().First(), uint64(2))
	w.Cuts = nil
	return w
}

// A follower is sent a snapshot, and goes on from it. There is no moment at which
// it would be left with half of it, or with a log that does not fit.
func TestAFollowerGoesOnFromTheSnapshotOrNotAtEveryMoment(t *testing.T) {
	eachMoment(t, 2, func(t *testing.T) *cluster { return behind(t, 2, 1) }, func(w *cluster) {
		for range 3 {
			w.Pass(50 * time.Millisecond)
			w.Stabilize()
		}
	}, converges)
}

func TestALearnerGetsAllAtEveryMoment(t *testing.T) {
	eachMoment(t, 3, func(t *testing.T) *cluster {
		w := behind(t, 2, 1)
		require.NoError(t, w.Start(w.Add(), false))
		w.Turn(w.Members[0], w.add(w.Members[0], 3, "host3:7000"))
		return w
	}, func(w *cluster) {
		for range 4 {
			w.Pass(50 * time.Millisecond)
			w.Stabilize()
		}
	}, converges)
}

// What n1 has applied is cut off, because n2 leads without it. If there is a
// snapshot from before, n1 goes on from that; if it covers what is cut, nothing is
// left of it.
func TestATailIsCutBelowOrAboveASnapshotAtEveryMoment(t *testing.T) {
	for name, more := range map[string]int{"above": 3, "below": 12} {
		t.Run(name, func(t *testing.T) {
			eachMoment(t, 1, func(t *testing.T) *cluster {
				w := started(t, 2, small(1))
				w.Turn(w.Members[0], fill(12, 100)...)
				w.Settle()
				w.Cuts = [][2]node.ID{{1, 2}}
				w.Turn(w.Members[0], fill(more, 100)...)
				w.Pass(11 * time.Second)
				w.Turn(w.Members[1], w.Promote(w.Members[1]))
				w.Cuts = nil
				return w
			}, func(w *cluster) {
				for range 4 {
					w.Pass(50 * time.Millisecond)
					w.Stabilize()
				}
			}, func(t *testing.T, w *cluster) {
				converge(t, w, false)
				require.EqualValues(t, 2, w.Members[0].Node.Replication.Status().Leader)
			})
		})
	}
}
