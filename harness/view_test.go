package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestARunIsMadeAPage(t *testing.T) {
	const run = "../docs/runs/03-kill-restart.jsonl"
	out := filepath.Join(t.TempDir(), "deep", "run.html")
	for _, args := range [][]string{{"view", run, "-o", out}, {"view", "-o", out, run}} {
		require.Equal(t, exitOK, dispatch(t.Context(), args))
		text, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.Contains(t, string(text), "durability: violation")
		assert.Contains(t, string(text), "Red as planned")
		require.NoError(t, os.Remove(out))
	}
}

func TestWithoutAnOutputThePageLiesBesideTheRun(t *testing.T) {
	text, err := os.ReadFile("../docs/runs/03-multi-key.jsonl")
	require.NoError(t, err)
	run := filepath.Join(t.TempDir(), "a.jsonl")
	require.NoError(t, os.WriteFile(run, text, 0o644))
	require.Equal(t, exitOK, dispatch(t.Context(), []string{"view", run}))
	assert.FileExists(t, filepath.Join(filepath.Dir(run), "a.html"))
}

func TestARunOfNoScenarioCanBeLookedAt(t *testing.T) {
	run := filepath.Join(t.TempDir(), "a.jsonl")
	const text = `{"type":"header","scenario":"mine","column":"01","world":"sim","seed":1}
{"type":"event","at":1,"kind":"message","node":"n1","to":"n2","text":"hello"}
`
	require.NoError(t, os.WriteFile(run, []byte(text), 0o644))
	require.Equal(t, exitOK, dispatch(t.Context(), []string{"view", run}))
	page, err := os.ReadFile(filepath.Join(filepath.Dir(run), "a.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "nothing was judged")
}

func TestAFileThatIsNoRunIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	const header = `{"type":"header","scenario":"baseline","column":"01","world":"real","seed":1}` + "\n"
	for want, args := range map[string][]string{
		"which history":         {},
		"no such file":          {filepath.Join(dir, "nowhere.jsonl")},
		"it is empty":           {file("empty.jsonl", "")},
		"invalid character":     {file("text.jsonl", "hello\n")},
		"line 2: the line has":  {file("cut.jsonl", header+`{"type":"op"`)},
		"malformed history":     {file("strange.jsonl", header+`{"type":"op","id":0,"kind":"dance"}`+"\n")},
		"unexpected argument":   {file("two.jsonl", header), "more"},
		"flag provided but not": {file("flag.jsonl", header), "-dance"},
	} {
		status, err := runView(t.Context(), args)
		assert.Equal(t, exitUsage, status, want)
		assert.ErrorContains(t, err, want)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	require.NoError(t, err)
	assert.Empty(t, pages, "no page is left half-written")
}
