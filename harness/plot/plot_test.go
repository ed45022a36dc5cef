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
	"zeyrho/harness/history"
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
		"05-write.svg":        {"05-write"},
		"05-deposed.svg":      {"05-deposed"},
		"05-tail.svg":         {"05-tail"},
		"06-transfer.svg":     {"06-transfer"},
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

// What the text of the documents says of a picture is in it.
func TestTheScenesShowWhatTheyAreAbout(t *testing.T) {
	for scene, parts := range map[string][]string{
		"05-write":    {">2 written<", ">2 committed, applied<", ">put k = v<", ">ok, version 2<", ">append 2<", ">ack 2<", ">committed 2<"},
		"05-deposed":  {`class="mark"`, "✂ n2, n3: cut", ">leader 2.n2<", ">follower 2.n2<", ">put k = new<", ">old, version 2<", ">epoch 2.n2<"},
		"05-tail":     {`class="cross"`, ">log cut back to 2<", ">its map begins again<", ">put k = lost<", ">ok, version 3<", ">append 3..4<"},
		"06-transfer": {`class="cross"`, ">joins<", ">I have 0 KiB<", ">I have 76 KiB<", ">bytes 76–140 of 191 KiB<", ">append 110.."},
	} {
		var b bytes.Buffer
		require.NoError(t, run([]string{scene}, &b))
		for _, part := range parts {
			assert.Contains(t, b.String(), part, scene)
		}
	}
}

func TestARunWithoutWhatASceneIsAboutIsRefused(t *testing.T) {
	h := &history.History{Events: []history.Event{{Kind: "fault", Node: "n1", To: "n2", Text: "split"}}}
	assert.ErrorContains(t, tail().drawRun(h, io.Discard), "ends")
	assert.ErrorContains(t, write().drawRun(h, io.Discard), "begins")
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
