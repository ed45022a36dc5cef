package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/journal"
)

// requireFailed checks that a journal has come to its end: nothing is written
// any more, and the disk is not even asked.
func requireFailed(t *testing.T, m *memory, j *journal.Journal) {
	t.Helper()
	m.calls, m.fail = nil, nil
	_, err := tryAppend(j, "too late")
	require.ErrorIs(t, err, journal.ErrFailed)
	require.ErrorIs(t, j.Sync(), journal.ErrFailed)
	require.ErrorIs(t, j.CutFront(j.Last()), journal.ErrFailed)
	require.ErrorIs(t, j.CutBack(j.First()), journal.ErrFailed)
	require.Empty(t, m.calls)
}

func TestAFailedAppendIsUndoneAndTheJournalGoesOn(t *testing.T) {
	for _, synced := range []bool{true, false} {
		m, want := several(t)
		j, _, _ := open(t, m, journal.Config{ID: small.ID})
		want = append(want, appendEntries(t, j, "before")...)
		if synced {
			require.NoError(t, j.Sync())
		}
		before := m.bytes()
		m.failOn(syscall.ENOSPC, "append")
		for range 2 {
			_, err := tryAppend(j, "no room", "for these")
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.NotErrorIs(t, err, journal.ErrFailed)
			require.ErrorContains(t, err, "append to "+m.last())
		}
		require.Equal(t, before, m.bytes())
		require.Equal(t, j.Last(), j.Synced(), "the cut was synced, and what lies before it with it")

		m.fail = nil
		want = append(want, appendEntries(t, j, "there is room again")...)
		require.NoError(t, j.Sync())
		got, r, err := replay(m)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Nil(t, r.Torn)
	}
}

func TestAnAppendThatCannotBeUndoneIsTheEnd(t *testing.T) {
	for _, undo := range []string{"truncate", "sync"} {
		m, want := several(t)
		j, _, _ := open(t, m, journal.Config{ID: small.ID})
		m.failOn(syscall.EIO, "append", undo)
		_, err := tryAppend(j, "lost")
		require.ErrorIs(t, err, journal.ErrFailed)
		require.ErrorIs(t, err, syscall.EIO)
		requireFailed(t, m, j)
		got, _, err := replay(m)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestAFailedSyncIsTheEndAndNobodyAsksAgain(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, journal.Config{ID: small.ID})
	want = append(want, appendEntries(t, j, "who knows")...)
	m.failOn(syscall.EIO, "sync")
	err := j.Sync()
	require.ErrorIs(t, err, journal.ErrFailed)
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorContains(t, err, "sync "+m.last())
	require.Equal(t, j.Last()-1, j.Synced())
	requireFailed(t, m, j)
	got, _, err := replay(m)
	require.NoError(t, err)
	require.Equal(t, want, got, "this disk has lost nothing")
}

// filled is a journal whose next append begins a new segment.
func filled(t *testing.T) (m *memory, j *journal.Journal, entries []string) {
	t.Helper()
	m = newMemory()
	j, _, _ = open(t, m, small)
	entries = appendEntries(t, j, strings.Repeat("x", 250))
	return m, j, entries
}

func TestASegmentThatCannotBeBegunYetIsBegunLater(t *testing.T) {
	for _, op := range []string{"list", "create", "append"} {
		m, j, want := filled(t)
		m.failOn(syscall.ENOSPC, op)
		for range 2 {
			_, err := tryAppend(j, "no room")
			require.ErrorIs(t, err, syscall.ENOSPC, op)
			require.NotErrorIs(t, err, journal.ErrFailed, op)
		}
		m.fail = nil
		want = append(want, appendEntries(t, j, "there is room again")...)
		require.Equal(t, []string{name(1), name(2)}, m.names())
		got, _, err := replay(m)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// After the rename nobody knows which of two names is on the disk. To go on in
// the old segment could make two ends.
func TestASegmentThatMayHaveBegunIsTheEnd(t *testing.T) {
	for _, op := range []string{"sync", "rename", "syncdir", "open"} {
		m, j, want := filled(t)
		m.failOn(syscall.EIO, op)
		_, err := tryAppend(j, "lost")
		require.ErrorIs(t, err, journal.ErrFailed, op)
		require.ErrorIs(t, err, syscall.EIO, op)
		requireFailed(t, m, j)
		got, _, err := replay(m)
		require.NoError(t, err, op)
		require.Equal(t, want, got, op)
	}
}

// model is a journal beside the list of what it should hold.
type model struct {
	*journal.Journal
	entries []string // from entry 1 on, also those that were cut from the front
	synced  int      // of those, how many are safe
	maybe   []string // what may be there if the journal has failed
}

// step does one thing to both. If the journal fails, it reports that.
func (m *model) step(i int) error {
	text := fmt.Sprintf("entry of step %d, %s", i, strings.Repeat(".", i%7*10))
	switch last := int(m.Last()); {
	case i%11 == 10:
		to := last - 3
		m.maybe = slices.Clone(m.entries)
		m.synced = min(m.synced, to)
		if err := m.CutBack(uint64(to)); err != nil {
			return err
		}
		m.entries, m.synced = m.entries[:to:to], to
	case i%13 == 12:
		m.maybe = m.entries
		return m.CutFront(uint64(last - 5))
	case i%3 == 2:
		m.maybe = m.entries
		if err := m.Sync(); err != nil {
			return err
		}
		m.synced = last
	default:
		entries, err := tryAppend(m.Journal, text, "and another")
		m.maybe = append(slices.Clone(m.entries), entries...)
		if err != nil {
			return err
		}
		m.entries = m.maybe
	}
	return nil
}

// Every call that a journal makes in a long life is failed once. Then either
// nothing has happened and the life goes on, or it has ended; and what is found
// afterwards is what the journal had said.
func TestWhicheverCallFailsTheJournalKeepsItsWord(t *testing.T) {
	const steps = 60
	ends, goesOn := 0, 0
	for n := 1; ; n++ {
		d := newMemory()
		j, _, _ := open(t, d, small)
		m := &model{Journal: j}
		count := d.failAt(n, syscall.EIO)
		var failed error
		for i := 0; i < steps && failed == nil; i++ {
			if err := m.step(i); errors.Is(err, journal.ErrFailed) {
				failed = err
				ends++
			} else if err != nil {
				require.ErrorIs(t, err, syscall.EIO)
				goesOn++
			}
		}
		what := fmt.Sprintf("call %d, %v: %v", n, d.calls[min(n, len(d.calls))-1], failed)
		requireKept(t, d, m, failed, what)
		if *count < n {
			break
		}
	}
	require.Greater(t, ends, 50)
	require.Greater(t, goesOn, 50)
}

func requireKept(t *testing.T, d *memory, m *model, failed error, what string) {
	t.Helper()
	if failed != nil {
		requireFailed(t, d, m.Journal)
	}
	d.fail = nil
	got := []string{}
	j, _, err := journal.Open(d, small, keep(&got))
	require.NoError(t, err, what)
	first := int(j.First()) - 1
	if failed == nil {
		require.Equal(t, m.entries[first:], got, what)
		return
	}
	require.GreaterOrEqual(t, int(j.Last()), m.synced, what)
	require.LessOrEqual(t, int(j.Last()), len(m.maybe), what)
	require.Equal(t, m.maybe[first:j.Last()], got, what)
}

func TestNothingIsRetriedOnAFileThatIsGone(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	m.failOn(fs.ErrPermission, "remove")
	require.ErrorIs(t, j.CutFront(j.Last()), fs.ErrPermission)
	require.EqualValues(t, 1, j.First())
	m.fail = nil
	require.NoError(t, j.CutFront(j.Last()))
	require.Greater(t, int(j.First()), 1)
	got, _, err := replay(m)
	require.NoError(t, err)
	require.Equal(t, want[j.First()-1:], got)
}
