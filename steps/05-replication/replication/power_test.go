package replication_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/store"
)

// put lets a node be asked to write.
func (w *cluster) put(m *member, key, value string) {
	w.turn(m, w.write(machine.Request{Command: kv.Put(key, []byte(value))}))
}

// started returns a cluster that has been started and knows of nothing new.
func started(t *testing.T, n, acks int) *cluster {
	t.Helper()
	c := store.Config{}
	c.Replication.Acks = acks
	w := newCluster(n, c)
	require.NoError(t, w.startAll())
	w.settle()
	return w
}

// eachMoment calls f once for every operation on the disk of a member at which
// the power can go, and for every fate of what is not synced. prepare makes the
// cluster; run does what may be interrupted.
func eachMoment(t *testing.T, id node.ID, prepare func() *cluster, run func(*cluster), check func(t *testing.T, w *cluster)) {
	t.Helper()
	w := prepare()
	operations := w.members[id-1].disk.dieAt(1<<30, nil)
	run(w)
	require.Positive(t, *operations)
	for n := 1; n <= *operations+1; n++ {
		for name, f := range map[string]fate{"lost": lost, "torn": torn, "kept": kept} {
			t.Run(fmt.Sprintf("operation %d, %s", n, name), func(t *testing.T) {
				w := prepare()
				m := w.members[id-1]
				m.disk.dieAt(n, errPower)
				run(w)
				if n <= *operations {
					require.Nil(t, m.node, "it cannot go on without power")
				}
				w.stop(m, f)
				require.NoError(t, w.start(m, false))
				check(t, w)
				agree(t, w)
			})
		}
	}
}

// agree checks that no two logs hold the same position and differ below it.
func agree(t *testing.T, w *cluster) {
	t.Helper()
	said := map[node.Position]string{}
	for _, m := range w.members {
		if m.node == nil {
			continue
		}
		text := ""
		entries, err := m.log().Fetch(1, m.log().Last().Index, 1<<30)()
		require.NoError(t, err)
		for _, e := range entries {
			text += fmt.Sprintf("%v %q\n", e.Position, e.Record)
			if had, ok := said[e.Position]; ok {
				require.Equal(t, had, text, "%v has something else at %v than a node before it", m.id, e.Position)
			}
			said[e.Position] = text
		}
	}
}

// A node that was the leader cuts its log back because there is a new one. If it
// led its old epoch again with fewer entries, it would write others where n3 has
// those that were cut.
func TestALogIsCutBackOrNotAtEveryMoment(t *testing.T) {
	eachMoment(t, 1, func() *cluster {
		w := started(t, 3, 1)
		w.cuts = [][2]node.ID{{2, 0}}
		w.put(w.members[0], "k", "for n3 only")
		w.stabilize()
		w.turn(w.members[1], w.promote(w.members[1]))
		w.cuts = nil
		return w
	}, func(w *cluster) {
		w.cuts = [][2]node.ID{{3, 0}} // it hears of nothing
		w.pass(50 * time.Millisecond)
		w.stabilize()
	}, func(t *testing.T, w *cluster) {
		w.cuts = [][2]node.ID{{2, 0}}
		w.put(w.members[0], "k", "another")
		w.put(w.members[0], "l", "and more")
		w.settle()
		agree(t, w)
		w.cuts = nil
		w.settle()
		for _, m := range w.members {
			e, _ := m.epoch()
			require.EqualValues(t, 2, e.Leader())
			require.Equal(t, w.members[1].log().Last(), m.log().Last())
		}
	})
}

// Whether the promotion happened nobody knows, if the power goes before the
// answer. But if it did, it is whole: the new leader can be read from, even if
// nobody ever writes again.
func TestAPromotionHappensOrNotAtEveryMoment(t *testing.T) {
	eachMoment(t, 2, func() *cluster {
		w := started(t, 3, 2)
		w.put(w.members[0], "k", "v")
		w.settle()
		w.stop(w.members[0], lost)
		return w
	}, func(w *cluster) {
		w.turn(w.members[1], w.promote(w.members[1]))
	}, func(t *testing.T, w *cluster) {
		n2 := w.members[1]
		told := len(w.replies) > 1
		if _, leads := n2.epoch(); !leads {
			require.False(t, told, "what was answered is so")
			w.turn(n2, w.promote(n2))
		}
		w.settle()
		r, ok := n2.node.Read(node.Query{Key: "k", Level: node.Leader})
		require.True(t, ok, "it can be read from")
		require.Equal(t, "v", string(r.Item.Value))
		epoch, _ := n2.epoch()
		require.Equal(t, epoch, n2.log().Last().Epoch, "its log says who leads")
	})
}

func TestAHistoryBeginsOrNotAtEveryMoment(t *testing.T) {
	eachMoment(t, 1, func() *cluster { return newCluster(2, store.Config{}) }, func(w *cluster) {
		if w.start(w.members[0], true) != nil {
			w.members[0].node = nil
		}
	}, func(t *testing.T, w *cluster) {
		n1 := w.members[0]
		if n1.log().Last().Index == 0 {
			w.stop(n1, lost)
			require.NoError(t, w.start(n1, true), "it can be begun again")
		}
		_, leads := n1.epoch()
		require.True(t, leads, "where there is an entry, it is known who leads")
		require.NoError(t, w.start(w.members[1], false))
		w.settle()
		w.put(n1, "k", "v")
		w.settle()
		require.NoError(t, w.last(t).Err)
		require.Equal(t, n1.figures().Last, w.members[1].figures().Applied)
	})
}

// What is acknowledged is on the disk of the leader and, with acks=2, on that of
// a follower: whichever of them is replaced by an empty one, and at whatever
// moment the other loses its power.
func TestWhatIsAcknowledgedIsOnTwoDisksAtEveryMoment(t *testing.T) {
	for _, id := range []node.ID{1, 2} {
		t.Run(id.String(), func(t *testing.T) {
			eachMoment(t, id, func() *cluster { return started(t, 2, 2) }, func(w *cluster) {
				for i := range 3 {
					if w.members[0].node != nil {
						w.put(w.members[0], fmt.Sprint("k", i), "v")
						w.stabilize()
					}
				}
			}, func(t *testing.T, w *cluster) {
				m, other := w.members[id-1], w.members[2-id]
				w.stop(other, lost)
				other.disk = newMemory()
				w.inFlight = nil
				require.NoError(t, w.start(other, false))
				if id == 2 {
					w.turn(m, w.promote(m))
				}
				w.settle()
				for _, r := range w.replies {
					if r.Err == nil && r.At.Index > 0 {
						has, _ := m.log().Holds(r.At)
						require.True(t, has, "%v was acknowledged", r.At)
						require.GreaterOrEqual(t, other.figures().Applied, r.At.Index)
					}
				}
			})
		})
	}
}
