package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/history"
	"zeyrho/harness/page"
)

func drawn(t *testing.T, h *history.History, o page.DiagramOptions) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, page.Diagram(&b, h, o))
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return b.String()
		} else {
			require.NoError(t, err)
		}
	}
}

func TestADiagramShowsAPartOfARun(t *testing.T) {
	h, findings := lostWrite(t)
	svg := drawn(t, h, page.DiagramOptions{Title: "a < b", From: 118.9e6, Until: 122e6, Clients: []int{1}, Findings: findings})
	for _, part := range []string{
		"<title>a &lt; b</title>", ">client 1<", ">n1<", ">n2<", ">n3<", ">leader 2.n2<", "prefers-color-scheme: dark",
		"put k2 = c1.99", "ok, version 52", ">append 52<", "✂ n2, n3: cut", `class="mark"`, `class="cross"`, "0.12056",
	} {
		assert.Contains(t, svg, part)
	}
	assert.Equal(t, svg, drawn(t, h, page.DiagramOptions{Title: "a < b", From: 118.9e6, Until: 122e6, Clients: []int{1}, Findings: findings}),
		"the same, to the letter")
}

func TestADiagramLeavesOutWhatItIsTold(t *testing.T) {
	h, _ := lostWrite(t)
	o := page.DiagramOptions{From: 118.9e6, Until: 122e6, Nodes: []string{"n2", "n1"}}
	all := drawn(t, h, o)
	assert.NotContains(t, all, ">n3<")
	assert.Contains(t, all, "append")
	o.Omit = func(e history.Event) bool { return e.Kind == history.Message && strings.HasPrefix(e.Text, "append") }
	o.Label = func(e history.Event) string { return "no!" }
	some := drawn(t, h, o)
	assert.NotContains(t, some, "append")
	assert.Contains(t, some, ">no!<")
}

// short is a run of one write: n1 leads, n2 had more in its log than that.
func short() *history.History {
	at := func(ms int64, node, role string, p history.Positions) history.Event {
		return history.Event{At: ms * 1e6, Kind: history.Position, Node: node, Role: role, Epoch: "2.n1", Positions: &p}
	}
	h := &history.History{Ops: []history.Op{{
		Client: 1, Phase: "faults", Kind: history.Put, Key: "k", Value: "v", Node: "n1", Outcome: history.OK, Status: history.Done,
		Version: 8, Call: 100e6, Return: 110e6,
	}}}
	h.Events = []history.Event{
		at(90, "n1", "leader", history.Positions{Written: 7, Synced: 7, Committed: 7, Applied: 7}),
		at(90, "n2", "follower", history.Positions{Written: 9, Synced: 9, Committed: 9, Applied: 9}),
		{At: 95e6, Kind: "note", Node: "n2", Text: "long words"},
		at(101, "n1", "leader", history.Positions{Written: 8, Synced: 7, Committed: 7, Applied: 7}),
		{At: 102e6, Until: 103e6, Kind: history.Message, Node: "n1", To: "n2", Text: "append in epoch 2.n1: entry 8@2.n1"},
		at(104, "n2", "follower", history.Positions{Written: 8, Synced: 7, Committed: 7, Applied: 0}),
		at(105, "n2", "follower", history.Positions{Written: 8, Synced: 8, Committed: 7, Applied: 7}),
		at(109, "n1", "leader", history.Positions{Written: 8, Synced: 8, Committed: 8, Applied: 8}),
	}
	return h
}

func TestADiagramSaysHowFarEachNodeIs(t *testing.T) {
	svg := drawn(t, short(), page.DiagramOptions{From: 92e6, Clients: []int{1}, Positions: true})
	for _, part := range []string{">8 written<", ">8 synced, committed, appl", ">log cut back to 7<", ">its map begins again<", ">8 synced<"} {
		assert.Contains(t, svg, part)
	}
}

// An answer cannot have left before that was applied which it speaks of.
func TestAnAnswerLeavesWhenItsWriteIsApplied(t *testing.T) {
	height := func(svg, pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(svg)
		require.NotNil(t, m, pattern)
		return m[1]
	}
	o := page.DiagramOptions{From: 92e6, Clients: []int{1}, Nodes: []string{"n1"}, Since: 100e6, Width: 900, Positions: true}
	svg := drawn(t, short(), o)
	applied := height(svg, `y="([0-9.]+)" text-anchor="end">9.0\x{a0}ms`)
	var y float64
	_, err := fmt.Sscan(applied, &y)
	require.NoError(t, err)
	assert.Contains(t, svg, fmt.Sprintf(" %.1f L", y-4), "an arrow begins at that height")
}

func TestADiagramCountsFromWhereItIsTold(t *testing.T) {
	svg := drawn(t, short(), page.DiagramOptions{From: 92e6, Since: 95e6, Clients: []int{1}})
	assert.Contains(t, svg, ">0.0\u00a0ms<")
	assert.Contains(t, svg, ">15.0\u00a0ms<")
	assert.NotContains(t, svg, "-3.0", "what comes before has no number")
}

func TestALabelMayBeLeftToTheDiagram(t *testing.T) {
	label := func(e history.Event) string { return map[string]string{"note": "short"}[e.Kind] }
	svg := drawn(t, short(), page.DiagramOptions{From: 92e6, Clients: []int{1}, Label: label})
	assert.Contains(t, svg, ">short<")
	assert.NotContains(t, svg, "long words")
	assert.Contains(t, svg, ">append 8<")
}

func TestADiagramOfTooMuchIsRefused(t *testing.T) {
	h, _ := lostWrite(t)
	assert.ErrorContains(t, page.Diagram(io.Discard, h, page.DiagramOptions{}), "choose a shorter one")
	assert.ErrorContains(t, page.Diagram(io.Discard, &history.History{}, page.DiagramOptions{}), "nothing happens")
}
