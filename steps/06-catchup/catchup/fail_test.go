package catchup_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/06-catchup/snapshot"
)

var errDisk = errors.New("input/output error")

// eachFailure lets every operation on a node's disk fail, one at a time. Where the
// node ends because of that, as it must when it cannot know what is on its disk, it
// starts again, and the power has not gone. It returns how often the node went on.
func eachFailure(t *testing.T, id int, prepare func(*testing.T) *cluster, run func(*cluster)) (wentOn int) {
	t.Helper()
	for n, done := 1, false; !done; n++ {
		t.Run(fmt.Sprint("operation ", n), func(t *testing.T) {
			w := prepare(t)
			m, calls := w.Members[id-1], 0
			var failed string
			m.Disk.Fail = func(op, name string) error {
				if calls++; calls == n {
					failed = op + " " + name
					return errDisk
				}
				return nil
			}
			run(w)
			if done = failed == ""; done {
				return
			}
			if m.Node != nil {
				wentOn++
			} else {
				w.Stop(m, script.Kept)
				require.NoError(t, w.Start(m, false), failed)
			}
			w.Pass(10 * time.Second) // it tries again
			w.Settle()
			w.Turn(w.Members[0], fill(15, 100)...)
			converges(t, w)
			require.Empty(t, w.parts[m.ID].Status().Failed, failed)
			for _, name := range files(m) {
				left := strings.HasSuffix(name, ".snapshot.new") || strings.HasSuffix(name, ".part")
				require.False(t, left, "%s is left after %s", name, failed)
			}
		})
	}
	return wentOn
}

func TestASnapshotThatCannotBeMadeIsMadeLater(t *testing.T) {
	wentOn := eachFailure(t, 1, func(t *testing.T) *cluster {
		w := started(t, 2, small(1))
		w.Turn(w.Members[0], fill(3, 100)...)
		w.Settle()
		return w
	}, func(w *cluster) {
		for range 6 {
			if n1 := w.Members[0]; n1.Node != nil {
				w.Turn(n1, fill(4, 100)...)
			}
			w.Pass(50 * time.Millisecond)
			w.Stabilize()
		}
	})
	require.Greater(t, wentOn, 10)
}

func TestASnapshotThatCannotBeReceivedComesAgain(t *testing.T) {
	wentOn := eachFailure(t, 2, func(t *testing.T) *cluster { return behind(t, 2, 1) }, func(w *cluster) {
		for range 8 {
			w.Pass(110 * time.Millisecond)
			w.Stabilize()
		}
	})
	require.Greater(t, wentOn, 3)
}

// A leader finds out that its snapshot is damaged before it sends it to anybody,
// wherever the damage is, and does not start again with it.
func TestADamagedSnapshotIsNotSent(t *testing.T) {
	undamaged := behind(t, 2, 1)
	size := int(undamaged.parts[1].Status().Size)
	for at := 0; at < size; at += 13 {
		w := behind(t, 2, 1)
		n1 := w.Members[0]
		n1.Disk.Change(fmt.Sprintf("%020d.snapshot", w.parts[1].Status().Saved.Index), func(b []byte) []byte {
			b[at] ^= 1
			return b
		})
		w.Settle()
		require.Nil(t, n1.Node, "offset %d", at)
		require.ErrorIs(t, n1.Failed, snapshot.ErrDamaged)
		require.Zero(t, w.parts[2].Status().Fetched)

		w.Stop(n1, script.Kept)
		err := w.Start(n1, false)
		require.ErrorIs(t, err, snapshot.ErrDamaged)
		require.ErrorContains(t, err, "Restore the directory from a copy")
	}
}
