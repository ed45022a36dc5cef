package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/bench"
	"zeyrho/harness/real"
	"zeyrho/harness/rush"
)

// The pictures of the documents are what the data says.
func TestThePicturesOfTheDocumentsAreUpToDate(t *testing.T) {
	root, err := real.Root(".")
	require.NoError(t, err)
	assets := func(name string) string { return filepath.Join(root, "docs", "assets", name) }
	for picture, args := range map[string][]string{
		"04-group-commit.svg": {"group-commit", assets("04-group-commit.json")},
		"04-goodput.svg":      {"goodput"},
	} {
		want, err := os.ReadFile(assets(picture))
		require.NoError(t, err)
		var got bytes.Buffer
		require.NoError(t, run(args, &got))
		assert.Equal(t, string(want), got.String(), "go run ./harness/plot %s > docs/assets/%s draws it anew", args, picture)
	}
}

func TestAPictureIsWellFormed(t *testing.T) {
	p := picture{
		title: "a < b",
		panels: []panel{{title: "y & z", y: axis{ticks: []float64{0, 10}}, lines: []line{
			{name: "one", class: "a", dots: true, points: []point{{1, 0}, {4, 10}}},
		}}},
		x:    axis{log: true, ticks: []float64{1, 2, 4}},
		band: &band{1, 2},
	}
	var b bytes.Buffer
	require.NoError(t, p.draw(&b))
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	assert.Contains(t, b.String(), `d="M52.0 204.0 L484.0 34.0"`, "from corner to corner")
	assert.Equal(t, 2, strings.Count(b.String(), "<circle"))
	assert.Contains(t, b.String(), "prefers-color-scheme: dark")
}

func TestAnAxisMapsItsEndsToZeroAndOne(t *testing.T) {
	plain := axis{ticks: []float64{0, 50, 100}}
	assert.Equal(t, []float64{0, 0.25, 1}, []float64{plain.at(0), plain.at(25), plain.at(100)})
	log := axis{log: true, ticks: []float64{1, 10, 100}}
	assert.InDelta(t, 0.5, log.at(10), 1e-9)
	assert.Equal(t, 0.0, log.at(0), "what is outside is moved to the end")
	assert.Equal(t, 1.0, log.at(1000))
}

func TestTicksAreFewAndRound(t *testing.T) {
	assert.Equal(t, []float64{0, 10, 20, 30}, fromZero(27))
	assert.Equal(t, []float64{0, 2000, 4000, 6000}, fromZero(4600))
	assert.Equal(t, []float64{0, 0.5, 1, 1.5, 2}, fromZero(1.7))
	assert.Equal(t, []float64{0, 50, 100}, fromZero(99))
	assert.Equal(t, []float64{0.1, 1, 10, 100}, powers(10, 0.2, 70))
	assert.Equal(t, []float64{1, 2, 4, 8}, powers(2, 1, 8))
	assert.Equal(t, "1.5k", number(1500))
	assert.Equal(t, "0.1", number(0.1))
}

func TestNamesDoNotCoverEachOther(t *testing.T) {
	lines := make([]line, 4)
	heights := []float64{10, 12, 13, 100}
	next := -1
	at := apart(lines, func(line) float64 { next++; return heights[next] })
	for i := 1; i < len(at); i++ {
		assert.GreaterOrEqual(t, at[i]-at[i-1], lineHeight-1.0)
	}
	assert.Equal(t, 100.0, at[3], "what is far enough stays")
}

func TestOverTimeEveryClientIsDrawn(t *testing.T) {
	c := rush.Plain(1)
	r := rush.Run(c)
	all, drawn := 0, 0.0
	for _, s := range r.Samples {
		all += s.Came
	}
	for _, p := range rates(r, func(s rush.Sample) float64 { return float64(s.Came) }) {
		drawn += p.y * bin.Seconds()
	}
	assert.InDelta(t, all, drawn, 1e-6)
}

func TestWhatCannotBeDrawnIsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.json")
	require.NoError(t, os.WriteFile(empty, []byte("{}"), 0o644))
	for want, args := range map[string][]string{
		"usage":        {"dance"},
		"no points":    {"group-commit", empty},
		"no such file": {"group-commit", empty + "x"},
	} {
		assert.ErrorContains(t, run(args, io.Discard), want)
	}
	one := &bench.Curve{Points: []bench.Point{{Clients: 2, Group: bench.Side{PerSecond: 1, P50: 1, P99: 1}, Alone: bench.Side{PerSecond: 1, P50: 1, P99: 1}}}}
	assert.NoError(t, groupCommit(one).draw(io.Discard))
}
