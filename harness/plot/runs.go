package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/page"
	"zeyrho/harness/real"
	"zeyrho/harness/sim"
)

// scene is a picture of a run in the simulated world. The run is what comes of
// the plan docs/runs/NAME.plan.json, so what is in the picture has happened.
type scene struct {
	page.DiagramOptions
	// from and until say what the picture begins and ends with.
	from, until func(e history.Event) bool
	// shows says which messages are drawn, and is asked in the order in which they
	// were sent. The rest of what a cluster says goes without saying.
	shows func(m history.Event) bool
}

// scenes has the pictures of runs, by name.
func scenes() map[string]scene {
	return map[string]scene{"05-write": write(), "05-deposed": deposed(), "05-tail": tail(), "06-transfer": transfer()}
}

// draw carries out the plan of that name, and draws what came of it.
func (s scene) draw(name string, w io.Writer) error {
	root, err := real.Root(".")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "runs", name+".plan.json"))
	if err != nil {
		return err
	}
	plan, err := sim.ReadPlan(text)
	if err != nil {
		return err
	}
	r, err := sim.Run(plan, true)
	if err != nil {
		return err
	}
	if s.Findings != nil {
		s.Findings = r.Findings
	}
	return s.drawRun(r.History, w)
}

func (s scene) drawRun(h *history.History, w io.Writer) error {
	first := slices.IndexFunc(h.Events, s.from)
	if first < 0 {
		return errors.New("the run has nothing with which the picture begins")
	}
	last := slices.IndexFunc(h.Events[first:], s.until)
	if last < 0 {
		return errors.New("the run has nothing with which the picture ends")
	}
	o := s.DiagramOptions
	const margin = 500_000 // ns
	o.Since, o.Until = h.Events[first].At, h.Events[first+last].At+margin
	for _, op := range h.Ops {
		if slices.Contains(o.Clients, op.Client) && op.Call > o.Since-margin {
			o.Since = min(o.Since, op.Call)
		}
	}
	o.From = o.Since - margin/10
	some := *h
	some.Events = nil
	for _, e := range h.Events {
		if e.Kind != history.Message && e.Role != "starting" || e.Kind == history.Message && s.shows(e) {
			some.Events = append(some.Events, e)
		}
	}
	return page.Diagram(w, &some, o)
}

// says returns what says whether an event of a kind and node has a text in it.
func says(kind, node, text string) func(history.Event) bool {
	return func(e history.Event) bool {
		return e.Kind == kind && e.Node == node && strings.Contains(e.Text, text)
	}
}

// reaches returns what says whether a node has applied everything up to an entry.
func reaches(node string, index uint64) func(history.Event) bool {
	return func(e history.Event) bool {
		return e.Kind == history.Position && e.Node == node && e.Positions.Applied >= index
	}
}

// write is one write that waits for two disks of three.
func write() scene {
	told := false // the followers, that it is committed
	return scene{
		DiagramOptions: page.DiagramOptions{
			Title:   "A write: the leader writes it down and sends it, a follower acknowledges it, the client is told, and at last the followers hear that it is committed",
			Clients: []int{1}, Positions: true, Label: plainly,
		},
		from:  func(e history.Event) bool { return e.Kind == history.Position && e.Positions.Written == 2 },
		until: reaches("n2", 2),
		shows: func(m history.Event) bool {
			told = told || strings.Contains(m.Text, "committed 2")
			return carries(m) || m.To == "n1" != told
		},
	}
}

// deposed is an old leader that learns too late that it is one.
func deposed() scene {
	return scene{
		DiagramOptions: page.DiagramOptions{
			Title:   "An old leader is cut off and replaced; it answers a read with what was true before, until the first message of the later epoch arrives",
			Clients: []int{1, 2}, Label: plainly, Findings: []check.Finding{},
		},
		from:  says("fault", "n1", "split"),
		until: reaches("n1", 4),
		shows: func(m history.Event) bool { return carries(m) || m.To == "n1" && m.Until > 0 },
	}
}

// tail is a log whose end nobody else has.
func tail() scene {
	return scene{
		DiagramOptions: page.DiagramOptions{
			Title:   "One disk is enough: a leader that is cut off acknowledges an entry that no other node has, and has to cut it off when it comes back",
			Clients: []int{1}, Label: plainly,
		},
		from:  says("fault", "n1", "split"),
		until: reaches("n1", 4),
		shows: func(m history.Event) bool {
			return carries(m) && (m.Until > 0 || m.To == "n2") || m.To == "n1" && m.Until > 0
		},
	}
}

// transfer is a learner that is sent a snapshot, and ends half-way.
func transfer() scene {
	asked := false
	return scene{
		DiagramOptions: page.DiagramOptions{
			Title: "A learner is sent a snapshot in pieces, is killed, says how much it has, is sent the rest, and then entries",
			Nodes: []string{"n1", "n4"}, Label: plainly,
		},
		from:  says("note", "n4", "joins"),
		until: reaches("n4", 110),
		shows: func(m history.Event) bool {
			if strings.Contains(m.Text, "I have ") { // and says so for every piece
				before := asked
				asked = false
				return before && strings.HasPrefix(m.Text, "snapshot")
			}
			asked = asked || strings.Contains(m.Text, "which have you got?")
			return carries(m) || strings.HasPrefix(m.Text, "snapshot")
		},
	}
}

// carries says whether a message has entries in it.
func carries(m history.Event) bool { return strings.Contains(m.Text, ": entr") }

// plainly puts into few words what the diagram would put into more.
func plainly(e history.Event) string {
	var at string
	var have, from, to, size int
	_, rest, _ := strings.Cut(e.Text, ": ")
	switch n, _ := fmt.Sscanf(rest, "bytes %d to %d of %d", &from, &to, &size); {
	case n == 3:
		return fmt.Sprintf("bytes %d–%d of %d KiB", from>>10, to>>10, size>>10)
	case strings.Contains(e.Text, "which have you got?"):
		return "a snapshot: what have you got?"
	}
	if n, _ := fmt.Sscanf(rest, "I have %d of %d", &have, &size); n == 2 {
		return fmt.Sprintf("I have %d KiB", have>>10)
	}
	if n, _ := fmt.Sscanf(rest, "I have %d", &have); n == 1 {
		return fmt.Sprintf("ack %d", have)
	}
	switch n, _ := fmt.Sscanf(e.Text, "append in epoch %s", &at); {
	case n == 1 && strings.Contains(e.Text, "nothing new"):
		if e.To == "n1" {
			return strings.TrimSuffix("epoch "+at, ":")
		}
		_, committed, _ := strings.Cut(e.Text, ", ")
		return committed
	case e.Kind == "note" && strings.Contains(e.Text, "is to lead"):
		return "promoted"
	case e.Kind == "note" && strings.Contains(e.Text, "joins"):
		return "joins"
	case e.Kind == "start":
		return "started"
	case e.Kind == "fault" && e.Text == "split":
		return "cut"
	}
	return ""
}
