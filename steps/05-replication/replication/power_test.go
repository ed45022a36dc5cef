package replication_test

import (
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/store"
)

// eachMoment calls f once for every operation on the disk of a member at which
// the power can go, and for every fate of what is not synced. prepare makes the
// cluster; run does what may be interrupted.
func eachMoment(t *testing.T, id node.ID, prepare func() *script.World, run func(*script.World), check func(t *testing.T, w *script.World)) {
	t.Helper()
	w := prepare()
	operations := w.Members[id-1].Disk.DieAt(1<<30, nil)
	run(w)
	require.Positive(t, *operations)
	for n := 1; n <= *operations+1; n++ {
		for name, f := range map[string]script.Fate{"lost": script.Lost, "torn": script.Torn, "kept": script.Kept} {
			t.Run(fmt.Sprintf("operation %d, %s", n, name), func(t *testing.T) {
				w := prepare()
				m := w.Members[id-1]
				m.Disk.DieAt(n, script.ErrPower)
				run(w)
				if n <= *operations {
					require.Nil(t, m.Node, "it cannot go on without power")
				}
				w.Stop(m, f)
				require.NoError(t, w.Start(m, false))
				check(t, w)
				agree(t, w)
			})
		}
	}
}

// agree checks that no two logs hold the same position and differ below it.
func agree(t *testing.T, w *script.World) {
	t.Helper()
	said := map[node.Position]uint64{}
	for _, m := range w.Members {
		if m.Node == nil {
			continue
		}
		hash := fnv.New64a()
		entries, err := m.Log().Fetch(1, m.Log().Last().Index, 1<<30)()
		require.NoError(t, err)
		for _, e := range entries {
			fmt.Fprintf(hash, "%v %q\n", e.Position, e.Record)
			if had, ok := said[e.Position]; ok {
				require.Equal(t, had, hash.Sum64(), "%v has another history up to %v than a node before it", m.ID, e.Position)
			}
			said[e.Position] = hash.Sum64()
		}
	}
}

// A node that was the leader cuts its log back because there is a new one. If it
// led its old epoch again with fewer entries, it would write others where n3 has
// those that were cut.
func TestALogIsCutBackOrNotAtEveryMoment(t *testing.T) {
	eachMoment(t, 1, func() *script.World {
		w := started(t, 3, 1)
		w.Cuts = [][2]node.ID{{2, 0}}
		w.Put(w.Members[0], "k", "for n3 only")
		w.Stabilize()
		w.Turn(w.Members[1], w.Promote(w.Members[1]))
		w.Cuts = nil
		return w
	}, func(w *script.World) {
		w.Cuts = [][2]node.ID{{3, 0}} // it hears of nothing
		w.Pass(50 * time.Millisecond)
		w.Stabilize()
	}, func(t *testing.T, w *script.World) {
		w.Cuts = [][2]node.ID{{2, 0}}
		w.Put(w.Members[0], "k", "another")
		w.Put(w.Members[0], "l", "and more")
		w.Settle()
		agree(t, w)
		w.Cuts = nil
		w.Settle()
		for _, m := range w.Members {
			e, _ := m.Epoch()
			require.EqualValues(t, 2, e.Leader())
			require.Equal(t, w.Members[1].Log().Last(), m.Log().Last())
		}
	})
}

// Whether the promotion happened nobody knows, if the power goes before the
// answer. But if it did, it is whole: the new leader can be read from, even if
// nobody ever writes again.
func TestAPromotionHappensOrNotAtEveryMoment(t *testing.T) {
	eachMoment(t, 2, func() *script.World {
		w := started(t, 3, 2)
		w.Put(w.Members[0], "k", "v")
		w.Settle()
		w.Stop(w.Members[0], script.Lost)
		return w
	}, func(w *script.World) {
		w.Turn(w.Members[1], w.Promote(w.Members[1]))
	}, func(t *testing.T, w *script.World) {
		n2 := w.Members[1]
		told := len(w.Replies) > 1
		if _, leads := n2.Epoch(); !leads {
			require.False(t, told, "what was answered is so")
			w.Turn(n2, w.Promote(n2))
		}
		w.Settle()
		r, ok := n2.Node.Read(node.Query{Key: "k", Level: node.Leader})
		require.True(t, ok, "it can be read from")
		require.Equal(t, "v", string(r.Item.Value))
		epoch, _ := n2.Epoch()
		require.Equal(t, epoch, n2.Log().Last().Epoch, "its log says who leads")
	})
}

func TestAHistoryBeginsOrNotAtEveryMoment(t *testing.T) {
	eachMoment(t, 1, func() *script.World { return newCluster(2, store.Config{}) }, func(w *script.World) {
		if w.Start(w.Members[0], true) != nil {
			w.Members[0].Node = nil
		}
	}, func(t *testing.T, w *script.World) {
		n1 := w.Members[0]
		if n1.Log().Last().Index == 0 {
			w.Stop(n1, script.Lost)
			require.NoError(t, w.Start(n1, true), "it can be begun again")
		}
		_, leads := n1.Epoch()
		require.True(t, leads, "where there is an entry, it is known who leads")
		require.NoError(t, w.Start(w.Members[1], false))
		w.Settle()
		w.Put(n1, "k", "v")
		w.Settle()
		require.NoError(t, last(t, w).Err)
		require.Equal(t, n1.Figures().Last, w.Members[1].Figures().Applied)
	})
}

// What is acknowledged is on the disk of the leader and, with acks=2, on that of
// a follower: whichever of them is replaced by an empty one, and at whatever
// moment the other loses its power.
func TestWhatIsAcknowledgedIsOnTwoDisksAtEveryMoment(t *testing.T) {
	for _, id := range []node.ID{1, 2} {
		t.Run(id.String(), func(t *testing.T) {
			eachMoment(t, id, func() *script.World { return started(t, 2, 2) }, func(w *script.World) {
				for i := range 3 {
					if w.Members[0].Node != nil {
						w.Put(w.Members[0], fmt.Sprint("k", i), "v")
						w.Stabilize()
					}
				}
			}, func(t *testing.T, w *script.World) {
				m, other := w.Members[id-1], w.Members[2-id]
				w.Stop(other, script.Lost)
				other.Disk = script.NewMemory()
				w.InFlight = nil
				require.NoError(t, w.Start(other, false))
				if id == 2 {
					w.Turn(m, w.Promote(m))
				}
				w.Settle()
				for _, r := range w.Replies {
					if r.Err == nil && r.At.Index > 0 {
						has, _ := m.Log().Holds(r.At)
						require.True(t, has, "%v was acknowledged", r.At)
						require.GreaterOrEqual(t, other.Figures().Applied, r.At.Index)
					}
				}
			})
		})
	}
}
