package snapshot_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/06-catchup/snapshot"
)

// requireOneOf checks that one of the snapshots is found, as a whole, and that
// nothing else is left of others.
func requireOneOf(t *testing.T, m *memory, states ...snapshot.State) (found snapshot.State) {
	t.Helper()
	got, err := load(m)
	require.NoError(t, err)
	require.NotNil(t, got, "there is a snapshot")
	for _, s := range states {
		if s.Position == got.Position {
			found = s
		}
	}
	requireIs(t, found, got)
	require.Equal(t, []string{name(found.Index)}, m.list())
	return found
}

// The second of two snapshots is written, and the power goes before every
// operation in turn. Whatever is found then is one of the two; and the later one
// if Write had returned.
func TestALossOfPowerLeavesOneSnapshotOrTheOther(t *testing.T) {
	w := medium(1)
	before, first := written(t, w)
	second := w.goOn(100, 1000).state()
	cuts := 0
	for done := false; !done; cuts++ {
		m := before.clone()
		m.cut = 1 + cuts
		done = publish(m, second) == nil
		require.Equal(t, done, m.ops < m.cut)
		for _, found := range m.survivors() {
			allowed := []snapshot.State{first, second}
			if done {
				allowed = allowed[1:]
			}
			requireOneOf(t, found, allowed...)
		}
	}
	require.Greater(t, cuts, 15)
}

// The power goes again while what the first loss of it has left is cleared away.
func TestALossOfPowerInClearingAwayLeavesThemToo(t *testing.T) {
	w := small(1)
	before, first := written(t, w)
	second := w.goOn(10, 10).state()
	for cut := 1; ; cut++ {
		m := before.clone()
		if m.cut = cut; publish(m, second) == nil {
			break
		}
		for _, found := range m.survivors() {
			for again, opened := 1, false; !opened; again++ {
				next := found.clone()
				next.cut = again
				l, err := snapshot.Open(next)
				opened = err == nil
				for _, last := range next.survivors() {
					if got := requireOneOf(t, last, first, second); opened {
						require.Equal(t, l.Position, got.Position, "what Open has found stays")
					}
				}
			}
		}
	}
}

// A snapshot that is removed does not leave the field to an earlier one.
func TestALossOfPowerInRemovingLeavesTheSnapshotOrNone(t *testing.T) {
	w := small(1)
	for cut, done := 1, false; !done; cut++ {
		m, _ := written(t, w)
		second := w.goOn(10, 10).write(t, m)
		m.cut = m.ops + cut
		done = snapshot.Remove(m) == nil
		for _, found := range m.survivors() {
			if len(found.names) > 0 {
				require.False(t, done)
				requireOneOf(t, found, second)
			}
		}
	}
}

var errDisk = errors.New("the disk has failed")

// Every operation fails in turn, and the process goes on.
func TestWhenTheDiskFailsASnapshotIsThere(t *testing.T) {
	w := medium(1)
	before, first := written(t, w)
	second := w.goOn(100, 1000).state()
	third := w.goOn(100, 1000).state()
	for n, done := 1, false; !done; n++ {
		m := before.clone()
		m.failAt(n, errDisk)
		err := publish(m, second)
		done = m.ops < n
		if !done {
			require.ErrorIs(t, err, errDisk, "operation %d", n)
		}
		m.fail = nil
		requireOneOf(t, m.clone(), first, second)
		require.NoError(t, publish(m, third), "operation %d: the next one", n)
		requireOneOf(t, m, third)
	}
}

func TestWhenTheDiskFailsInReadingThatIsNotDamage(t *testing.T) {
	m, s := written(t, medium(2))
	for n, done := 1, false; !done; n++ {
		m.failAt(n, errDisk)
		_, err := load(m)
		if done = err == nil; !done {
			require.ErrorIs(t, err, errDisk, "operation %d", n)
			require.NotErrorIs(t, err, snapshot.ErrDamaged)
		}
	}
	m.fail = nil
	requireFinds(t, m, s)
}

// A disk that is full gets back what the attempt took.
func TestAnAttemptThatFailsTakesNoRoom(t *testing.T) {
	w := medium(1)
	m, first := written(t, w)
	appended := 0
	m.fail = func(op, name string) error {
		if op == "append" && strings.HasSuffix(name, ".new") {
			if appended++; appended == 5 {
				return errDisk
			}
		}
		return nil
	}
	require.ErrorIs(t, publish(m, w.goOn(10, 10).state()), errDisk)
	require.Equal(t, []string{name(first.Index)}, m.list())
}
