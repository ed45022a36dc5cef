package journal_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/journal"
)

var update = flag.Bool("update", false, "write what the tests get into testdata")

func dump(t *testing.T, m *memory) (string, error) {
	t.Helper()
	before := m.bytes()
	var text strings.Builder
	err := journal.Dump(&text, m, func(e journal.Entry) string { return fmt.Sprintf("%q", e.Data) })
	require.Equal(t, before, m.bytes(), "a look changes nothing")
	require.Equal(t, m.count("open"), m.count("close"))
	return text.String(), err
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func whatToDump(t *testing.T) *memory {
	t.Helper()
	m := newMemory()
	j, _, _ := open(t, m, small)
	appendEntries(t, j, "one")
	require.NoError(t, j.Sync())
	appendEntries(t, j, "two", "three", strings.Repeat("-", 60))
	appendEntries(t, j, "five", "")
	require.NoError(t, j.Sync())
	appendEntries(t, j, "seven", strings.Repeat("-", 60))
	appendEntries(t, j, "nine")
	m.calls = nil
	return m
}

func TestADumpShowsEveryFrame(t *testing.T) {
	text, err := dump(t, whatToDump(t))
	require.NoError(t, err)
	requireGolden(t, "dump.txt", text)
}

func TestADumpSaysWhatIsBadAndGoesOn(t *testing.T) {
	m := whatToDump(t)
	first, last := m.files[name(1)], m.files[m.last()]
	first.bytes[frames(first.bytes)[1]+headerSize] ^= 1
	last.bytes = last.bytes[:len(last.bytes)-1]
	m.files[name(50)] = &content{[]byte("not a journal")}
	m.files["notes.txt"] = &content{[]byte("mine")}
	text, err := dump(t, m)
	require.ErrorIs(t, err, journal.ErrBad)
	requireGolden(t, "dump-damaged.txt", text)
}

func TestADumpOfNothingSaysSo(t *testing.T) {
	text, err := dump(t, newMemory())
	require.ErrorIs(t, err, journal.ErrNoJournal)
	require.Empty(t, text)
}

func TestADumpFailsAsTheDiskDoes(t *testing.T) {
	broken := errors.New("broken")
	for _, op := range []string{"list", "open", "size", "read"} {
		m := whatToDump(t)
		m.failOn(broken, op)
		var text strings.Builder
		err := journal.Dump(&text, m, func(journal.Entry) string { return "" })
		require.ErrorIs(t, err, broken, op)
	}
}
