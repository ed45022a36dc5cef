package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhereNothingIsAskedNothingIsRun(t *testing.T) {
	for _, args := range [][]string{
		{"run", "-scenario", "multi-key", "-steps", "1"},
		{"matrix", "-scenario", "multi-key", "-steps", "1"},
		{"matrix", "-scenario", "baseline", "-steps", "4", "-world", "sim"},
		{"list", "-scenario", "multi-key", "-steps", "1"},
		{"list", "-scenario", "nope"},
		{"list", "-steps", "0"},
	} {
		assert.Equal(t, exitUsage, dispatch(t.Context(), args), "%q", args)
	}
	assert.Equal(t, exitOK, dispatch(t.Context(), []string{"list", "-scenario", "multi-key", "-steps", "2-3"}))
}

func TestAPageIsDrawnOfAKeyThatIsThere(t *testing.T) {
	const run = "../docs/runs/03-kill-restart.jsonl"
	page := filepath.Join(t.TempDir(), "page.html")
	for _, args := range [][]string{
		{"judge", "-html", page, run},
		{"judge", "-html", page, "-key", "nowhere", run},
		{"judge", "-key", "k1", run},
		{"judge", "-html", page, "-key", "k1", run, run},
	} {
		assert.Equal(t, exitUsage, dispatch(t.Context(), args), "%q", args)
		assert.NoFileExists(t, page)
	}
	assert.Equal(t, exitOK, dispatch(t.Context(), []string{"judge", "-html", page, "-key", "k1", run}))
	info, err := os.Stat(page)
	require.NoError(t, err)
	assert.NotZero(t, info.Size())
}

func TestAListOfKeysEnds(t *testing.T) {
	assert.Equal(t, `"a", "b c"`, enumerate([]string{"a", "b c"}))
	assert.Contains(t, enumerate(make([]string, 100)), ", and 70 more")
}
