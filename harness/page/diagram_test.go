package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
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

func TestADiagramOfTooMuchIsRefused(t *testing.T) {
	h, _ := lostWrite(t)
	assert.ErrorContains(t, page.Diagram(io.Discard, h, page.DiagramOptions{}), "choose a shorter one")
	assert.ErrorContains(t, page.Diagram(io.Discard, &history.History{}, page.DiagramOptions{}), "nothing happens")
}
