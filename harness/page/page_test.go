package page_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/page"
)

// written returns the page of a history.
func written(t *testing.T, h *history.History, findings []check.Finding) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, page.Write(&b, h, findings, page.Options{Question: "Is it a < b?", Expected: "Step 07 mends it."}))
	return b.String()
}

// lostWrite is a run in which a promotion loses a write, and what Durable says.
func lostWrite(t *testing.T) (*history.History, []check.Finding) {
	t.Helper()
	h := run(story, 1)
	findings := check.Judge(h, check.Durable, check.Torn("nothing"))
	require.Equal(t, check.Violation, findings[0].Verdict, findings[0].Reason)
	return h, findings
}

var program = regexp.MustCompile(`(?s)(<script[^>]*>).*?(</script>)`)

// withoutScripts is what somebody sees whose browser runs no programs.
func withoutScripts(text string) string { return program.ReplaceAllString(text, "$1$2") }

// embedded is the data in the page, as far as these tests look at it.
type embedded struct {
	Nodes, Texts []string
	Ops          struct {
		ID, Outcome []int
		Call, Took  []int64
	}
	Messages  struct{ From, To, Text []int }
	Positions struct {
		Node                       []int
		Written, Committed, Synced []int64
	}
	Bands []struct {
		Node, To, Text, Look string
		At, Until            int64
	}
	Links [][]struct {
		Others []int
		Way    string
		Slot   int
	}
	Blamed []int
	Focus  []int64
}

func dataOf(t *testing.T, text string) embedded {
	t.Helper()
	_, rest, ok := strings.Cut(text, `<script type="application/json" id="data">`)
	require.True(t, ok)
	inside, _, _ := strings.Cut(rest, "</script>")
	var d embedded
	require.NoError(t, json.Unmarshal([]byte(inside), &d))
	return d
}

func TestThePageLoadsNothing(t *testing.T) {
	text := written(t, run(story, 1), nil)
	for _, bad := range []string{"http:", "https:", " src=", "<link", "@import", "url(", "<iframe", "fetch(", "XMLHttpRequest", "import("} {
		assert.NotContains(t, text, bad)
	}
	assert.Contains(t, text, `Content-Security-Policy" content="default-src 'none'`, "a browser would not let it")
}

func TestThePageSaysWhatWentWrongEvenWithoutItsProgram(t *testing.T) {
	h, findings := lostWrite(t)
	text := withoutScripts(written(t, h, findings))
	assert.Contains(t, text, html.EscapeString(findings[0].Reason))
	assert.Contains(t, text, "durability: violation")
	for _, id := range findings[0].Ops {
		assert.Contains(t, text, fmt.Sprintf(`data-op="%d"`, id))
	}
	assert.Contains(t, text, "client 1: put k2 = c1.99 → ok, version 52, by n1")
	assert.Contains(t, text, "torn", "what was kept is said too")
	assert.Contains(t, text, "<noscript>")
	assert.Contains(t, text, "Is it a &lt; b?")
	assert.Contains(t, text, "Red as planned: Step 07 mends it.")
}

func TestThePageTellsTheStory(t *testing.T) {
	h, findings := lostWrite(t)
	text := withoutScripts(written(t, h, findings))
	for _, line := range []string{
		"<b>n1</b> started: leader in epoch 1.n1",
		"<b>n3</b> kill -9, and restart, until",
		"<b>n1 ⇄ n2, n1 ⇄ n3</b> cut, until",
		"the operator promotes n2",
		"<b>n2</b> leader in epoch 2.n2",
		"<b>n1</b> cuts its log back from 52 to 46",
		"<b>client 8</b> get k2 → c6.89",
	} {
		assert.True(t, strings.Contains(text, line), "the story lacks %q", line)
	}
	assert.NotContains(t, text, "append 1..", "messages are for the picture")
}

func TestThePageIsWellFormed(t *testing.T) {
	h, findings := lostWrite(t)
	text := withoutScripts(written(t, h, findings))
	d := xml.NewDecoder(strings.NewReader(text))
	d.AutoClose, d.Entity = xml.HTMLAutoClose, xml.HTMLEntity
	d.Strict = false // attributes without a value, and elements that have no end
	ids := map[string]bool{}
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			for _, a := range e.Attr {
				if a.Name.Local == "id" {
					assert.False(t, ids[a.Value], "two elements have the id %s", a.Value)
					ids[a.Value] = true
				}
			}
		case xml.EndElement:
			require.Equal(t, open[len(open)-1], e.Name.Local)
			open = open[:len(open)-1]
		}
	}
	assert.Empty(t, open)
	for _, m := range regexp.MustCompile(`\$\("([a-z-]+)"\)`).FindAllStringSubmatch(written(t, h, findings), -1) {
		assert.True(t, ids[m[1]], "the program asks for an element %q", m[1])
	}
}

func TestWhatARunSaysCannotBecomePartOfTheProgram(t *testing.T) {
	const evil = `</script><script>alert("x")</script><!-- \u2028 &`
	h := &history.History{
		Header: history.Header{Scenario: evil},
		Ops: []history.Op{{Phase: evil, Kind: history.Put, Key: evil, Value: evil + "\xff", Call: 1, Return: 2, Outcome: history.OK, Status: history.Done, Version: 1},
			{ID: 1, Client: 1, Phase: "x", Kind: history.Get, Key: "k", Call: 1, Return: 2, Outcome: history.Fail, Error: evil}},
		Events: []history.Event{{Kind: "note", Node: evil, Text: evil}, {Kind: history.Message, Node: "a", To: "b", Text: evil, Until: 1}},
	}
	text := written(t, h, []check.Finding{{Checker: evil, Verdict: check.Violation, Reason: evil, Ops: []int{0}}})
	assert.Equal(t, 2, strings.Count(text, "<script"), "the data and the program")
	assert.NotContains(t, text, "alert(\"x\")")
	d := dataOf(t, text)
	assert.Contains(t, d.Texts, evil, "a message is passed on as it is")
	assert.NotContains(t, strings.Join(d.Texts, ""), "\xff")
}

func TestWhatIsInTheRunIsInThePage(t *testing.T) {
	h, findings := lostWrite(t)
	d := dataOf(t, written(t, h, findings))
	require.Equal(t, []string{"n1", "n2", "n3"}, d.Nodes)
	require.Len(t, d.Ops.ID, len(h.Ops))
	var call int64
	for i, id := range d.Ops.ID {
		call += d.Ops.Call[i]
		assert.Equal(t, h.Ops[id].Call, call)
		assert.Equal(t, h.Ops[id].Return-h.Ops[id].Call, d.Ops.Took[i])
	}
	require.Len(t, d.Messages.From, count(h, history.Message, ""))
	now := make([]history.Positions, 3)
	at := 0
	for _, e := range h.Events {
		if e.Kind != history.Position {
			continue
		}
		n := d.Positions.Node[at]
		now[n].Written += uint64(d.Positions.Written[at])
		now[n].Synced += uint64(d.Positions.Synced[at])
		now[n].Committed += uint64(d.Positions.Committed[at])
		assert.Equal(t, []uint64{e.Positions.Written, e.Positions.Synced, e.Positions.Committed}, []uint64{now[n].Written, now[n].Synced, now[n].Committed})
		at++
	}
	assert.Equal(t, []int{99, 123}, d.Blamed, "in the order in which they began")
	assert.Less(t, d.Focus[0], h.Ops[99].Call)
	assert.Greater(t, d.Focus[1], h.Ops[123].Return)
}

func TestWhatLastsBecomesABand(t *testing.T) {
	event := func(at, until int64, kind, node, to, text string) history.Event {
		return history.Event{At: at, Until: until, Kind: kind, Node: node, To: to, Text: text}
	}
	h := &history.History{Events: []history.Event{
		event(0, 0, "start", "n1", "", "started"), event(10, 0, "exit", "n1", "", "it crashed"), event(20, 0, "start", "n1", "", "started"),
		event(30, 50, "fault", "n2", "", "kill -9, and restart"), event(30, 0, "exit", "n2", "", "killed"), event(50, 0, "start", "n2", "", "started"),
		event(60, 90, "fault", "n1", "n2", "cut"), event(60, 90, "fault", "n2", "n1", "cut"),
		event(60, 90, "fault", "n1", "n3", "cut"), event(60, 90, "fault", "n3", "n1", "cut"),
		event(70, 80, "fault", "n1", "n2", "slow: 100 ms"), event(70, 0, "fault", "n10", "", "bit flipped"),
		event(100, 0, "exit", "n3", "", "killed"), event(120, 0, "seen", "checker", "", "nothing"),
	}}
	d := dataOf(t, written(t, h, nil))
	assert.Equal(t, []string{"n1", "n2", "n3", "n10"}, d.Nodes, "a checker is no node")
	var got []string
	for _, b := range d.Bands {
		if b.To == "" {
			got = append(got, fmt.Sprintf("%s %d-%d %s: %s", b.Node, b.At, b.Until, b.Look, b.Text))
		}
	}
	assert.Equal(t, []string{"n2 30-50 down: kill -9, and restart", "n1 10-20 down: it crashed", "n3 100-120 down: killed"}, got)
	require.Len(t, d.Links[0], 2, "cut from two nodes is one thing, and slow another")
	assert.Equal(t, []int{1, 2}, d.Links[0][0].Others)
	assert.Equal(t, "both", d.Links[0][0].Way)
	assert.Equal(t, "to", d.Links[0][1].Way)
	assert.Equal(t, 1, d.Links[0][1].Slot, "both at once need room for both")
}

func TestALongRunFitsInAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("it is long")
	}
	h := run(busy, 1)
	require.Greater(t, len(h.Ops), 20_000)
	require.Greater(t, count(h, history.Message, ""), 100_000)
	findings := check.Judge(h, check.Durable)
	require.Equal(t, check.Violation, findings[0].Verdict)
	text := written(t, h, findings)
	assert.Less(t, len(text), 15<<20)
	t.Logf("%d operations, %d messages: %.1f MiB", len(h.Ops), count(h, history.Message, ""), float64(len(text))/(1<<20))
}

func TestARunOfAnyStepHasAPage(t *testing.T) {
	for _, name := range []string{"01-contention", "01-many-processes", "03-kill-restart", "03-lost-reply-and-kill", "04-months-of-writes"} {
		f, err := os.Open("../../docs/runs/" + name + ".jsonl")
		require.NoError(t, err)
		h, err := history.Read(f)
		f.Close()
		require.NoError(t, err)
		assert.Contains(t, written(t, &h, check.Judge(&h, check.Durable)), "<h1>"+h.Header.Scenario)
	}
}

func TestAnImpossibleRunHasNoPage(t *testing.T) {
	h := &history.History{Ops: []history.Op{{Kind: "dance"}}}
	assert.ErrorContains(t, page.Write(io.Discard, h, nil, page.Options{}), `malformed history: operation 0 is of kind "dance"`)
	assert.ErrorContains(t, page.Diagram(io.Discard, h, page.DiagramOptions{}), "malformed history")
}
