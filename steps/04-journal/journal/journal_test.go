package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
)

func TestWhatWasSyncedIsThereInOrder(t *testing.T) {
	dir := t.TempDir()
	opened := func() (*journal.Journal, journal.Recovery, []string) {
		d, err := disk.OpenDir(dir)
		require.NoError(t, err)
		return open(t, d, journal.Config{SegmentSize: 200})
	}
	j, r, got := opened()
	require.True(t, r.Created)
	require.Equal(t, "a new journal", r.String())
	require.Empty(t, got)
	var want []string
	for i := range 25 {
		want = append(want, appendEntries(t, j, fmt.Sprint("a", i), fmt.Sprint("b", i))...)
		require.NoError(t, j.Sync())
	}
	require.NoError(t, j.Close())
	j, r, got = opened()
	defer j.Close()
	require.Equal(t, want, got)
	require.EqualValues(t, 50, r.Entries)
	require.Greater(t, r.Segments, 5)
	require.False(t, r.Created)
	require.Nil(t, r.Torn)
	require.EqualValues(t, 50, j.Last())
	require.EqualValues(t, 50, j.Synced(), "what was found is safe")
}

func TestTheFormatIsAsDescribed(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, small)
	appendEntries(t, j, "a")
	require.NoError(t, j.Sync())
	appendEntries(t, j, "b", "", strings.Repeat("c", 130))
	want := slices.Concat(
		segmentBytes(1, small.ID, 1),
		frame{2, 1, 0, []byte("\x01a")}.bytes(),
		frame{2 + 1 + 132, 2, 1, []byte("\x01b\x00\x82\x01" + strings.Repeat("c", 130))}.bytes(),
	)
	require.Equal(t, want, m.files[name(1)].bytes)
}

func TestSyncWithoutNeedAsksTheDiskForNothing(t *testing.T) {
	m, _ := several(t)
	j, _, _ := open(t, m, small)
	m.calls = nil
	require.NoError(t, j.Sync(), "Open made everything safe")
	require.NoError(t, j.Append())
	require.NoError(t, j.Sync(), "nothing was appended")
	require.Empty(t, m.calls)
	require.Zero(t, j.Syncs())

	appendEntries(t, j, "x")
	require.Less(t, j.Synced(), j.Last())
	require.NoError(t, j.Sync())
	require.NoError(t, j.Sync())
	require.Equal(t, 1, m.count("sync"))
	require.Equal(t, 1, j.Syncs())
	require.Equal(t, j.Last(), j.Synced())
}

func TestAFrameIsWrittenInOneCall(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, small)
	m.calls = nil
	appendEntries(t, j, "one", "two", "three")
	require.Equal(t, []call{{"append", name(1)}}, m.calls)
}

// A new segment gets its name when its header is safe, and its first frame when
// its name is; and only the last has anything that is not synced.
func TestANewSegmentBeginsInTheRightOrder(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, small)
	appendEntries(t, j, strings.Repeat("x", 250))
	m.calls = nil
	appendEntries(t, j, "too much for one file")
	m.calls = slices.DeleteFunc(m.calls, func(c call) bool { return c.op == "list" || c.op == "close" || c.op == "open" })
	require.Equal(t, []call{
		{"sync", name(1)},
		{"create", name(2) + ".new"}, {"append", name(2) + ".new"}, {"sync", name(2) + ".new"},
		{"rename", name(2) + ".new"}, {"syncdir", ""},
		{"append", name(2)},
	}, m.calls)
	require.EqualValues(t, 1, j.Synced())
}

func TestASegmentHoldsOneFrameAtLeast(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, journal.Config{SegmentSize: 1})
	var want []string
	for i := range 5 {
		want = append(want, appendEntries(t, j, strings.Repeat("x", 100*i))...)
	}
	require.Len(t, m.files, 5)
	got, _, err := replay(m)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestASegmentThatIsStillEmptyIsNotBegunAgain(t *testing.T) {
	m := newMemory()
	for range 3 {
		j, r, _ := open(t, m, journal.Config{SegmentSize: 1})
		require.Equal(t, 1, r.Segments)
		require.NoError(t, j.Close())
	}
	m.files[name(1)].bytes = m.files[name(1)].bytes[:headerSize]
	j, _, _ := open(t, m, journal.Config{SegmentSize: 1})
	appendEntries(t, j, "one")
	require.Len(t, m.files, 1)
}

func TestAFrameBeyondTheLimitIsRefusedAndNothingHasHappened(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, journal.Config{})
	half := strings.Repeat("x", journal.MaxFrame/2)
	before := m.bytes()
	_, err := tryAppend(j, half, half)
	require.ErrorContains(t, err, "the limit is")
	require.NotErrorIs(t, err, journal.ErrFailed)
	require.Zero(t, j.Last())
	require.Equal(t, before, m.bytes())

	want := appendEntries(t, j, half, half[:len(half)-8])
	require.NoError(t, j.Sync())
	got, _, err := replay(m)
	require.NoError(t, err)
	require.True(t, slices.Equal(want, got), "the greatest frame is there")
}

func TestReadBeginsAtEveryIndex(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	want = append(want, appendEntries(t, j, "not synced", "and yet written")...)
	for from := 1; from <= len(want)+2; from++ {
		got := []string{}
		for e, err := range j.Read(uint64(from)) {
			require.NoError(t, err)
			require.NoError(t, keep(&got)(e))
		}
		require.Equal(t, want[min(from-1, len(want)):], got, "from entry %d", from)
	}
}

func TestReadBelowTheFirstIsAnError(t *testing.T) {
	m, _ := several(t)
	j, _, _ := open(t, m, small)
	require.NoError(t, j.CutFront(j.Last()))
	for _, from := range []uint64{0, j.First() - 1} {
		errs := 0
		for _, err := range j.Read(from) {
			require.ErrorContains(t, err, fmt.Sprintf("the oldest is %d", j.First()))
			errs++
		}
		require.Equal(t, 1, errs)
	}
}

func TestReadStopsWhenItsCallerDoes(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	for stop := 1; stop <= len(want); stop++ {
		got := []string{}
		for e, err := range j.Read(1) {
			require.NoError(t, err)
			require.NoError(t, keep(&got)(e))
			if len(got) == stop {
				break
			}
		}
		require.Equal(t, want[:stop], got)
	}
	m.calls = nil
	for range j.Read(1) {
		break
	}
	require.Equal(t, m.count("open"), m.count("close"), "no file stays open")
}

func TestReadSaysWhatHasBeenDamagedSinceOpen(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	m.files[m.names()[1]].bytes[headerSize+40] ^= 1
	got := []string{}
	var last error
	for e, err := range j.Read(1) {
		if last = err; err == nil {
			require.NoError(t, keep(&got)(e))
		}
	}
	require.ErrorIs(t, last, journal.ErrDamaged)
	require.ErrorContains(t, last, m.names()[1])
	require.Equal(t, want[:len(got)], got)
	require.Less(t, len(got), len(want))
}

func TestAnErrorOfReplayEndsOpen(t *testing.T) {
	m, _ := several(t)
	before := m.bytes()
	enough := errors.New("that is enough")
	seen := 0
	_, _, err := journal.Open(m, small, func(e journal.Entry) error {
		if seen++; e.Index == 5 {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	require.NotErrorIs(t, err, journal.ErrDamaged)
	require.Equal(t, 5, seen)
	require.Equal(t, before, m.bytes())
}

func TestReplayMayBeLeftOut(t *testing.T) {
	m, want := several(t)
	j, r, err := journal.Open(m, small, nil)
	require.NoError(t, err)
	require.EqualValues(t, len(want), r.Entries)
	require.EqualValues(t, len(want), j.Last())
}

func TestOpenKeepsOtherPeoplesFiles(t *testing.T) {
	m, want := several(t)
	others := []string{"notes.txt", "1.journal", "00000000000000000001.journal.old", "x.journal.new", "+0000000000000000001.journal"}
	for _, other := range others {
		m.files[other] = &content{[]byte("mine")}
	}
	got, _, err := replay(m)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, other := range others {
		assert.Contains(t, m.files, other)
	}
}

func TestJournalsHaveIdentitiesOfTheirOwn(t *testing.T) {
	a, b := newMemory(), newMemory()
	open(t, a, journal.Config{})
	open(t, b, journal.Config{})
	require.NotEqual(t, a.bytes(), b.bytes())
	before := a.bytes()
	open(t, a, journal.Config{ID: 9})
	require.Equal(t, before, a.bytes(), "it has one already")
}

func TestTheFilesOfAJournalAreClosed(t *testing.T) {
	m, _ := several(t)
	m.calls = nil
	j, _, _ := open(t, m, small)
	for range 10 {
		appendEntries(t, j, strings.Repeat("x", 100))
	}
	require.NoError(t, j.CutBack(j.Last()-7))
	require.NoError(t, j.CutFront(j.Last()))
	require.NoError(t, j.Close())
	require.Equal(t, m.count("open")+m.count("create"), m.count("close"))
}

func TestOpenFailsAsTheDiskDoes(t *testing.T) {
	whole, want := several(t)
	whole.files[whole.last()].bytes = append(whole.files[whole.last()].bytes, "torn"...)
	failOpenAtEveryCall(t, whole, want)
	failOpenAtEveryCall(t, newMemory(), []string{})
}

func failOpenAtEveryCall(t *testing.T, m *memory, want []string) {
	t.Helper()
	for n := 1; ; n++ {
		d := m.clone()
		count := d.failAt(n, fs.ErrInvalid)
		_, _, err := replay(d)
		if *count < n {
			require.NoError(t, err)
			require.Greater(t, n, 8)
			return
		}
		require.ErrorIs(t, err, fs.ErrInvalid, "call %d of Open, %v", n, d.calls[n-1])
		d.fail = nil
		got, _, err := replay(d)
		require.NoError(t, err, "after call %d of Open had failed", n)
		require.Equal(t, want, got)
	}
}
