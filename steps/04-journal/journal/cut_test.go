package journal_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/journal"
)

// inside returns what the open journal says that it holds.
func inside(t *testing.T, j *journal.Journal) []string {
	t.Helper()
	got := []string{}
	for e, err := range j.Read(j.First()) {
		require.NoError(t, err)
		require.NoError(t, keep(&got)(e))
	}
	return got
}

func TestCutBackAtEveryIndex(t *testing.T) {
	whole, all := several(t)
	for last := 0; last <= len(all); last++ {
		for _, synced := range []bool{true, false} {
			m := whole.clone()
			j, _, _ := open(t, m, small)
			if !synced {
				appendEntries(t, j, "not synced", "and cut all the same")
			}
			require.NoError(t, j.CutBack(uint64(last)))
			want := all[:last:last]
			require.EqualValues(t, last, j.Last())
			require.Equal(t, j.Last(), j.Synced())
			require.Equal(t, want, inside(t, j))

			for i := range 4 { // across a few segments
				want = append(want, appendEntries(t, j, fmt.Sprint("after the cut ", i), "x")...)
				require.NoError(t, j.Sync())
			}
			require.Equal(t, want, inside(t, j))
			got, r, err := replay(m)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Nil(t, r.Torn)
		}
	}
}

func TestCutBackMakesSafeWhatItLeaves(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	want = append(want, appendEntries(t, j, "not synced", "and cut in two")...)
	require.NoError(t, j.CutBack(j.Last()-1))
	require.Equal(t, j.Last(), j.Synced())
	require.Equal(t, want[:len(want)-1], inside(t, j))
	m.calls = nil
	require.NoError(t, j.Sync())
	require.Empty(t, m.calls)
}

func TestCutBackTwiceAndWithinWhatWasCutBefore(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	for last := len(want) - 1; last >= 0; last -= 2 {
		require.NoError(t, j.CutBack(uint64(last)))
		require.Equal(t, want[:last], inside(t, j))
	}
}

func TestCutBackAboveTheEndDoesNothing(t *testing.T) {
	m, _ := several(t)
	j, _, _ := open(t, m, small)
	appendEntries(t, j, "not synced")
	m.calls = nil
	require.NoError(t, j.CutBack(j.Last()))
	require.NoError(t, j.CutBack(j.Last()+1))
	require.Empty(t, m.calls)
	require.Equal(t, j.Last()-1, j.Synced())
}

func TestCutBackBelowTheFirstIsRefused(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	require.NoError(t, j.CutFront(j.Last()))
	first := j.First()
	require.ErrorContains(t, j.CutBack(first-2), fmt.Sprintf("the oldest is %d", first))
	require.Equal(t, want[first-1:], inside(t, j), "nothing has happened")

	require.NoError(t, j.CutBack(first-1), "all of them, and no more")
	require.Equal(t, first, j.First())
	require.Equal(t, first-1, j.Last())
	want = appendEntries(t, j, "the next")
	got, _, err := replay(m)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Contains(t, got[0], fmt.Sprint(first, ":"))
}

// Damage in what was cut and written anew is still told from a torn end.
func TestWhatIsLeftAfterCutBackBearsWitness(t *testing.T) {
	m, _ := several(t)
	j, _, _ := open(t, m, small)
	require.NoError(t, j.CutBack(j.Last()-1))
	offsets := frames(m.files[m.last()].bytes)
	require.Greater(t, len(offsets), 2)
	for _, at := range offsets[:len(offsets)-1] {
		d := m.clone()
		d.files[m.last()].bytes[at+headerSize] ^= 1
		requireDamaged(t, d, m.last(), fmt.Sprint("frame at ", at))
	}
}

func TestCutFrontTakesWholeSegmentsOnly(t *testing.T) {
	whole, all := several(t)
	for before := 0; before <= len(all)+5; before++ {
		m := whole.clone()
		j, _, _ := open(t, m, small)
		require.NoError(t, j.CutFront(uint64(before)))
		require.LessOrEqual(t, int(j.First()), max(before, 1), "nothing from there on is gone")
		if len(m.files) > 1 {
			var second int
			_, err := fmt.Sscanf(m.names()[1], "%d", &second)
			require.NoError(t, err)
			require.Greater(t, second, before, "the first file has something that must stay")
		}
		want := append(all[j.First()-1:len(all):len(all)], appendEntries(t, j, "after the cut")...)
		require.Equal(t, want, inside(t, j))
		got, r, err := replay(m)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.EqualValues(t, len(want), r.Entries)
	}
}

// The oldest goes first, and its name is gone for good before the next goes.
func TestCutFrontLeavesNoGapWhereverItStops(t *testing.T) {
	whole, all := several(t)
	segments := len(whole.files)
	for n := 1; n <= 2*(segments-1); n++ {
		m := whole.clone()
		j, _, _ := open(t, m, small)
		m.calls = nil
		m.failAt(n, syscall.EIO)
		require.ErrorIs(t, j.CutFront(j.Last()), syscall.EIO)
		require.Len(t, m.files, segments-n/2)
		m.fail = nil
		got, _, err := replay(m)
		require.NoError(t, err)
		require.Equal(t, all[len(all)-len(got):], got)
	}
}
