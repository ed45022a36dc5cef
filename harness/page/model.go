package page

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// model is a history, put in order for a picture.
//
// Invariants:
//   - ops and events are sorted by when they began.
//   - nodes has every node that did or suffered something, n2 before n10.
//   - blamed numbers, from 1, the operations that findings with a fault name.
type model struct {
	header history.Header
	ops    []history.Op
	events []history.Event
	nodes  []string
	found  []check.Finding
	blamed map[int]int
	bands  []band
	end    int64 // the last instant
}

// band is something that lasts: on a node, or on the way from Node to To.
type band struct {
	Node  string `json:"node"`
	To    string `json:"to,omitempty"`
	At    int64  `json:"at"`
	Until int64  `json:"until"`
	Text  string `json:"text"`
	Look  string `json:"look"` // down, paused, slow, cut or fault: how it is drawn
}

func newModel(h *history.History, findings []check.Finding) *model {
	m := &model{header: h.Header, found: findings}
	m.ops = slices.SortedStableFunc(slices.Values(h.Ops), func(a, b history.Op) int {
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.ID, b.ID))
	})
	m.events = slices.SortedStableFunc(slices.Values(h.Events), func(a, b history.Event) int { return cmp.Compare(a.At, b.At) })
	m.nodes = nodesOf(h)
	m.blame()
	for _, op := range m.ops {
		m.end = max(m.end, op.Call, op.Return)
	}
	for _, e := range m.events {
		m.end = max(m.end, e.At)
		if e.Kind == history.Message {
			m.end = max(m.end, e.Until)
		}
	}
	m.bands = bandsOf(m.events, m.end)
	return m
}

// about are the kinds of event whose Node is not a node of the run.
var about = []string{"phase", "seen", "broken", "trouble", "sample"}

func nodesOf(h *history.History) (nodes []string) {
	seen := map[string]bool{"": true}
	add := func(name string) {
		if !seen[name] {
			nodes, seen[name] = append(nodes, name), true
		}
	}
	for _, e := range h.Events {
		if !slices.Contains(about, e.Kind) {
			add(e.Node)
			add(e.To)
		}
	}
	for _, op := range h.Ops {
		add(op.Node)
	}
	slices.SortFunc(nodes, compareNames)
	return nodes
}

// compareNames puts n2 before n10.
func compareNames(a, b string) int {
	word := func(s string) (string, int) {
		head := strings.TrimRight(s, "0123456789")
		n, _ := strconv.Atoi(s[len(head):])
		return head, n
	}
	wa, na := word(a)
	wb, nb := word(b)
	return cmp.Or(cmp.Compare(wa, wb), cmp.Compare(na, nb), cmp.Compare(a, b))
}

// blame numbers the operations that show what is wrong, in the order in which
// they began.
func (m *model) blame() {
	named := map[int]bool{}
	for _, f := range m.found {
		for _, id := range f.Ops {
			named[id] = f.Verdict != check.Pass || named[id]
		}
	}
	m.blamed = map[int]int{}
	for _, op := range m.ops {
		if named[op.ID] {
			m.blamed[op.ID] = len(m.blamed) + 1
		}
	}
}

// mostOps bounds how many operations of a finding are listed.
const mostOps = 9

// findings returns those that have something to say, the worst first.
func (m *model) findings() (out []finding) {
	for _, v := range []check.Verdict{check.Violation, check.Inconclusive, check.Pass} {
		for _, f := range m.found {
			if f.Verdict == v && (v != check.Pass || f.Reason != "") {
				one := m.finding(f)
				one.Big = v == check.Violation || len(out) == 0
				out = append(out, one)
			}
		}
	}
	return out
}

func (m *model) finding(f check.Finding) finding {
	one := finding{Finding: f}
	for _, op := range m.ops {
		switch n := m.blamed[op.ID]; {
		case n == 0 || !slices.Contains(f.Ops, op.ID):
		case len(one.Ops) == mostOps:
			one.Rest++
		default:
			one.Ops = append(one.Ops, shownOp{n, op.ID, m.clock(told(op)), fmt.Sprintf("client %d: %s", op.Client, words(op))})
		}
	}
	return one
}

// told is when a client got its answer, or asked if there is none.
func told(op history.Op) int64 { return max(op.Call, op.Return) }

// served returns when an operation came to its node at the latest, and when the
// answer left at the earliest. Nobody has written that down, so it is the middle
// of the time that the client waited; but a write has come when its entry is
// there, and is answered when that is applied.
func (m *model) served(op history.Op) (come, left int64) {
	come = (op.Call + told(op)) / 2
	left = come
	if op.Kind != history.Put && op.Kind != history.Delete || op.Outcome != history.OK || op.Status != history.Done {
		return come, left
	}
	for _, e := range m.events {
		if e.Kind != history.Position || e.Node != op.Node || e.At < op.Call || e.At > op.Return {
			continue
		}
		if e.Positions.Written >= op.Version {
			come = min(come, e.At)
		}
		if e.Positions.Applied >= op.Version {
			return come, max(left, e.At)
		}
	}
	return come, left
}

// bandsOf finds what lasts. A node that has ended is down until it starts again.
func bandsOf(events []history.Event, end int64) (bands []band) {
	for _, e := range events {
		if e.Kind == "fault" && e.Until > e.At && e.Node != "" {
			bands = append(bands, band{e.Node, e.To, e.At, min(e.Until, end), e.Text, look(e)})
		}
	}
	faults := len(bands)
	for i, e := range events {
		if e.Kind != "exit" || e.Node == "" {
			continue
		}
		down := band{e.Node, "", e.At, end, e.Text, "down"}
		for _, later := range events[i:] {
			if later.Kind == "start" && later.Node == e.Node {
				down.Until = later.At
				break
			}
		}
		same := func(b band) bool { return b.Node == e.Node && b.Look == "down" && b.At <= e.At && e.At < b.Until }
		if !slices.ContainsFunc(bands[:faults], same) {
			bands = append(bands, down)
		}
	}
	return bands
}

// looks says how a fault is drawn, by the words in its text.
var looks = []struct {
	look  string
	words []string
}{
	{"down", []string{"kill", "power", "crash", "gone", "down", "exit", "stopped for good"}},
	{"paused", []string{"pause", "stop", "freeze", "frozen"}},
	{"slow", []string{"slow", "delay", "late", "disk", "fsync", "sync"}},
	{"cut", []string{"cut", "partition", "split", "drop", "loss", "lose", "one-way", "isolat", "unplug"}},
}

func look(e history.Event) string {
	text := strings.ToLower(e.Text)
	for _, l := range looks {
		if l.look == "cut" && e.To != "" && !strings.Contains(text, "slow") {
			return "cut"
		}
		for _, w := range l.words {
			if strings.HasPrefix(text, w) {
				return l.look
			}
		}
	}
	return "fault"
}

// counts says how much there is.
func (m *model) counts() string {
	n := map[string]int{}
	for _, e := range m.events {
		n[e.Kind]++
		if e.Kind == history.Message && e.Until == 0 {
			n["lost"]++
		}
	}
	for _, op := range m.ops {
		n[string(op.Outcome)]++
	}
	parts := []string{fmt.Sprintf("%s of virtual time", seconds(m.end))}
	if m.header.World != "sim" {
		parts[0] = seconds(m.end)
	}
	parts = append(parts, fmt.Sprintf("%d operations (%d ok, %d refused, %d unknown)", len(m.ops), n["ok"], n["fail"], n["unknown"]))
	if n[history.Message] > 0 {
		parts = append(parts, fmt.Sprintf("%d messages, %d of them lost", n[history.Message], n["lost"]))
	}
	return strings.Join(parts, " · ")
}
