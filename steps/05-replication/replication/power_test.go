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

// A node that was the leader cuts its log back because there is a new one. If
// that were on its disk before the new epoch, it would lead the old epoch again,
// and write other entries where n3 has those that were cut.
func TestWhoCutsItsLogBackDoesNotLeadWithTheRestOfIt(t *testing.T) {
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
