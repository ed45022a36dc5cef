package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/bench"
	"zeyrho/harness/real"
)

func TestThePicturesOfSeriesAreUpToDate(t *testing.T) {
	root, err := real.Root(".")
	require.NoError(t, err)
	for picture, name := range map[string]string{"05-acks": "acks", "06-growth": "growth"} {
		path := filepath.Join(root, "docs", "assets", picture)
		want, err := os.ReadFile(path + ".svg")
		require.NoError(t, err)
		var got bytes.Buffer
		require.NoError(t, run([]string{name, path + ".json"}, &got))
		assert.Equal(t, string(want), got.String(), "go run ./harness/plot %s docs/assets/%s.json > docs/assets/%s.svg draws it anew", name, picture, picture)
	}
}

func TestASeriesThatIsNoneIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "series.json")
	for want, s := range map[string]*bench.Series{
		"no points":                         {Of: "clients"},
		"of something else":                 {Of: "writes", Places: []bench.Place{{At: 1}}},
		"there are 1 sides at 8, and not 4": {Of: "clients", Places: []bench.Place{{At: 8, Sides: make([]bench.Side, 1)}}},
	} {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, text, 0o644))
		assert.ErrorContains(t, run([]string{"acks", file}, io.Discard), want)
	}
	assert.ErrorContains(t, run([]string{"growth", file + "x"}, io.Discard), "no such file")
}
