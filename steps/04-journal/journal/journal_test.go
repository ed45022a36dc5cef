package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
)

// open opens the journal in dir, and returns it with what it replayed.
func open(t *testing.T, dir string, c journal.Config) (*journal.Journal, journal.Recovery, []string) {
	t.Helper()
	d, err := disk.OpenDir(dir)
	require.NoError(t, err)
	var got []string
	j, r, err := journal.Open(d, c, func(e journal.Entry) error {
		got = append(got, fmt.Sprintf("%d:%s", e.Index, e.Data))
		return nil
	})
	require.NoError(t, err)
	t.Cleanup(func() { j.Close() })
	return j, r, got
}

func TestWhatWasSyncedIsThereInOrder(t *testing.T) {
	dir := t.TempDir()
	j, r, got := open(t, dir, journal.Config{SegmentSize: 200})
	require.True(t, r.Created)
	require.Empty(t, got)
	var want []string
	for i := 1; i <= 50; i += 2 {
		require.NoError(t, j.Append(fmt.Append(nil, "a", i), fmt.Append(nil, "b", i)))
		require.NoError(t, j.Sync())
		want = append(want, fmt.Sprintf("%d:a%d", i, i), fmt.Sprintf("%d:b%d", i+1, i))
	}
	require.NoError(t, j.Close())
	j, r, got = open(t, dir, journal.Config{SegmentSize: 200})
	require.Equal(t, want, got)
	require.EqualValues(t, 50, r.Entries)
	require.Greater(t, r.Segments, 5)
	require.Nil(t, r.Torn)
	require.EqualValues(t, 50, j.Last())
}

func TestATornEndIsCutOff(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := open(t, dir, journal.Config{})
	require.NoError(t, j.Append([]byte("one")))
	require.NoError(t, j.Sync())
	require.NoError(t, j.Append([]byte("two")))
	require.NoError(t, j.Close())
	name := filepath.Join(dir, "00000000000000000001.journal")
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(name, info.Size()-1))
	_, r, got := open(t, dir, journal.Config{})
	require.Equal(t, []string{"1:one"}, got)
	require.NotNil(t, r.Torn)
}
