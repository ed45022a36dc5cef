package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"zeyrho/harness/history"
)

// line is one of the run told in words.
type line struct {
	NS    int64  // when it was, for the program
	At    string // and for people
	Until int64  // when it ended, if it lasted
	Look  string
	Mark  string // a symbol, beside the colour
	Who   string
	Text  string
	Op    int // the number of a blamed operation, from 1
}

// mostLines bounds the story.
const mostLines = 400

// story tells the run: phases, faults, changes of role, logs that were cut, and
// the operations that show what is wrong. It returns how many lines it left out.
func (m *model) story() (lines []line, more int) {
	reigns := map[string]history.Event{}
	for i, e := range m.events {
		switch e.Kind {
		case "sample", history.Message, "seen":
		case history.Position:
			lines = joined(lines, changes(reigns[e.Node], e))
			reigns[e.Node] = e
		case "start":
			delete(reigns, e.Node) // what it has is what it found on its disk
			lines = append(lines, eventLine(e))
		case "fault":
			if l, ok := m.faultLine(i); ok {
				lines = append(lines, l)
			}
		default:
			lines = append(lines, eventLine(e))
		}
	}
	for _, op := range m.ops {
		if n := m.blamed[op.ID]; n > 0 {
			lines = append(lines, line{NS: told(op), Look: "blamed", Who: fmt.Sprintf("client %d", op.Client), Text: words(op), Op: n})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.NS, b.NS) })
	for i, l := range lines {
		lines[i].At = m.clock(l.NS)
	}
	return shortened(lines)
}

// shortened keeps the lines that say most when there are too many.
func shortened(lines []line) ([]line, int) {
	if len(lines) <= mostLines {
		return lines, 0
	}
	var kept []line
	for _, l := range lines {
		if l.Op > 0 || l.Look == "phase" || len(kept) < mostLines {
			kept = append(kept, l)
		}
	}
	return kept, len(lines) - len(kept)
}

func eventLine(e history.Event) line {
	l := line{NS: e.At, Look: e.Kind, Mark: "•", Who: e.Node, Text: e.Text}
	switch e.Kind {
	case "phase":
		l.Mark, l.Who = "", ""
	case "start":
		l.Mark = "▶"
	case "exit":
		l.Mark = "■"
	case "broken", "crash", "trouble":
		l.Look, l.Mark = "broken", "✗"
	}
	return l
}

// joined adds more to lines. In which role a node starts is said where it starts.
func joined(lines, more []line) []line {
	for _, l := range more {
		if l.Look == "role" {
			same := func(s line) bool { return s.Look == "start" && s.Who == l.Who && s.NS == l.NS }
			if i := slices.IndexFunc(lines, same); i >= 0 {
				lines[i].Text += ": " + l.Text
				continue
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// changes says what is new about a node's role, epoch and log.
func changes(before, e history.Event) (lines []line) {
	if e.Role != before.Role || e.Epoch != before.Epoch {
		text := e.Role
		if e.Epoch != "" {
			text = strings.TrimSpace(e.Role + " in epoch " + e.Epoch)
		}
		if text != "" {
			lines = append(lines, line{NS: e.At, Look: "role", Mark: "◆", Who: e.Node, Text: text})
		}
	}
	if before.Positions != nil && e.Positions.Written < before.Positions.Written {
		text := fmt.Sprintf("cuts its log back from %d to %d", before.Positions.Written, e.Positions.Written)
		lines = append(lines, line{NS: e.At, Look: "cutback", Mark: "✂", Who: e.Node, Text: text})
	}
	return lines
}

// faultLine tells fault i. Links that are cut together are one line, that of
// the first.
func (m *model) faultLine(i int) (line, bool) {
	events, e := m.events, m.events[i]
	l := line{NS: e.At, Until: e.Until, Look: "fault", Mark: "⚡", Who: e.Node, Text: e.Text}
	if e.To != "" {
		together := func(o history.Event) bool {
			return o.Kind == "fault" && o.To != "" && o.At == e.At && o.Until == e.Until && o.Text == e.Text
		}
		if slices.ContainsFunc(events[max(0, i-64):i], together) {
			return l, false
		}
		var ways [][2]string
		for _, o := range events[i:min(len(events), i+64)] {
			if together(o) {
				ways = append(ways, [2]string{o.Node, o.To})
			}
		}
		l.Who, l.Text = links(ways), e.Text
	}
	if e.Until > e.At {
		l.Text += fmt.Sprintf(", until %s", m.clock(e.Until))
	}
	return l, true
}

// links prints ways between nodes: n1 ⇄ n2 if both ways are there, else n1 → n2.
func links(ways [][2]string) string {
	var parts []string
	for i, w := range ways {
		back := [2]string{w[1], w[0]}
		switch {
		case slices.Contains(ways[:i], back):
		case slices.Contains(ways, back):
			parts = append(parts, w[0]+" ⇄ "+w[1])
		default:
			parts = append(parts, w[0]+" → "+w[1])
		}
	}
	return strings.Join(parts, ", ")
}
