package node_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

func TestANewNodeHasHeardOfNoEpoch(t *testing.T) {
	e, leads := open(t, script.NewMemory(), config()).replica.Epoch()
	require.Zero(t, e)
	require.False(t, leads)
}

func TestTheEpochOutlivesTheNode(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	for _, leads := range []bool{true, false} {
		e, _ := w.replica.Epoch()
		next := e.Next(3)
		w.turns(t, func() { w.replica.Enter(next, leads) })
		w = w.reopen(t, script.Lost, config())
		e, got := w.replica.Epoch()
		require.Equal(t, next, e)
		require.Equal(t, leads, got)
	}
}

func TestWhoAbdicatesRemembersTheEpoch(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.turns(t, func() { w.replica.Enter(first, true) })
	w.turns(t, w.replica.Abdicate)
	e, leads := w.reopen(t, script.Lost, config()).replica.Epoch()
	require.Equal(t, first, e)
	require.False(t, leads)
}

func TestTheEpochIsTheOldOneOrTheNewAtEveryMoment(t *testing.T) {
	old, later := node.NewEpoch(1, 2), node.NewEpoch(2, 1)
	eachMoment(t, config(), func() *world {
		w := open(t, script.NewMemory(), config())
		w.turns(t, func() { w.replica.Enter(old, false) })
		return w
	}, func(w *world) {
		_, _ = w.turn(func() { w.replica.Enter(later, true) })
	}, func(t *testing.T, w *world, done bool) {
		e, leads := w.replica.Epoch()
		if e == old {
			require.False(t, done)
			require.False(t, leads)
			w.turns(t, func() { w.replica.Enter(later, true) })
			e, leads = w.reopen(t, script.Lost, config()).replica.Epoch()
		}
		require.Equal(t, later, e)
		require.True(t, leads)
	})
}

// A leader hears of a later epoch, and in the same turn loses entries. Were these
// gone, and the epoch forgotten, it would lead again, and give their indexes to
// others.
func TestWhoLeadsAgainHasAllThatItHad(t *testing.T) {
	prepare := func() *world {
		w := open(t, script.NewMemory(), config())
		w.fill(t, 20)
		return w
	}
	check := func(t *testing.T, w *world, done bool) {
		if e, leads := w.replica.Epoch(); leads {
			require.False(t, done)
			require.Equal(t, first, e)
			require.EqualValues(t, 21, w.log.Last().Index)
		}
	}
	t.Run("cut back", func(t *testing.T) {
		eachMoment(t, config(), prepare, func(w *world) {
			_, _ = w.turn(func() {
				w.replica.Enter(first.Next(2), false)
				if w.replica.CutBack(3) == nil {
					w.replica.Append(first.Next(2), nil)
				}
			})
		}, check)
	})
	t.Run("install", func(t *testing.T) {
		at := node.Position{Index: 5, Epoch: first}
		eachMoment(t, originAt(&at), prepare, func(w *world) {
			_, _ = w.turn(func() {
				w.replica.Enter(first.Next(2), false)
				_ = w.replica.Install(node.Origin{At: at})
			})
		}, check)
	})
}

// The file is lost, but the log says which epochs there were. Who led them does
// not lead any more: it may have lost more than that.
func TestTheLogKnowsOfItsEpochsToo(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.fill(t, 3)
	require.NoError(t, w.disk.Remove("epoch"))
	require.NoError(t, w.disk.SyncDir())
	w = w.reopen(t, script.Lost, config())
	e, leads := w.replica.Epoch()
	require.Equal(t, first, e)
	require.False(t, leads)
}

func TestADamagedEpochFileIsRefused(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.turns(t, func() { w.replica.Enter(first, true) })
	good := make([]byte, 24)
	w.disk.After(script.Lost).Change("epoch", func(b []byte) []byte {
		require.Equal(t, len(good), copy(good, b))
		return b
	})
	bad := [][]byte{append(bytes.Clone(good), 0), bytes.Repeat(good, 2), make([]byte, 24)}
	for n := range good {
		bad = append(bad, good[:n])
		flipped := bytes.Clone(good)
		flipped[n] ^= 0x10
		bad = append(bad, flipped)
	}
	for _, b := range bad {
		d := w.disk.After(script.Lost)
		d.Change("epoch", func([]byte) []byte { return b })
		_, err := node.OpenReplica(1, d, config())
		require.ErrorContains(t, err, `the file "epoch" is damaged`, "% x", b)
		_, err = d.Lock()
		require.NoError(t, err, "and the directory is free again")
	}
}
