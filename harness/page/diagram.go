package page

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// DiagramOptions say which part of a run is drawn, and what of it.
type DiagramOptions struct {
	Title       string                       // for those who cannot see the picture
	From, Until int64                        // nanoseconds since the run began; Until 0 is its end
	Since       int64                        // the instant that is called 0 ms; 0: instants are told in seconds since the run began
	Nodes       []string                     // the lanes, from left to right; nil: all
	Clients     []int                        // whose operations are drawn; nil: nobody's
	Omit        func(e history.Event) bool   // leaves out messages, faults and notes
	Label       func(e history.Event) string // what is written at a message, fault or note; nil or "": what a message carries, else its text
	Findings    []check.Finding              // the operations that they name are marked
	Positions   bool                         // says what is written, synced, committed and applied, where that changes
	Width       int                          // 0 is 700
}

// mostDrawn bounds a diagram: more cannot be read.
const mostDrawn = 120

// Diagram draws a short run, or a part of one, as SVG: a lane for each client
// and node, time downwards. Time is not to scale where little or much happens,
// so that one can read it; the instants at the left are exact.
func Diagram(w io.Writer, h *history.History, o DiagramOptions) error {
	if err := history.Validate(*h); err != nil {
		return fmt.Errorf("diagram: %w", err)
	}
	d := newDiagram(newModel(h, o.Findings), o)
	switch n := len(d.arrows) + len(d.bars) + len(d.notes); {
	case n == 0:
		return errors.New("diagram: nothing happens in that time")
	case n > mostDrawn:
		return fmt.Errorf("diagram: %d things in that time; more than %d cannot be read, so choose a shorter one, or fewer lanes", n, mostDrawn)
	}
	d.scale = newScale(d.instants())
	_, err := io.WriteString(w, d.svg())
	return err
}

// diagram is what is drawn. Lanes are numbered from the left, clients first.
type diagram struct {
	DiagramOptions
	model  *model
	lanes  []lane
	arrows []arrow
	bars   []bar
	notes  []note
	reigns []reign
	faults []band
	ways   []way
	scale  *scale
}

// lane is a client or a node.
type lane struct {
	name   string
	client int // -1 for a node
}

// arrow is a message, or an operation on its way to a node or back.
type arrow struct {
	from, to  int
	at, until int64 // until 0: lost
	text      string
	class     string
}

// bar is the time of an operation.
type bar struct {
	lane      int
	at, until int64
	class     string
	number    int // of a blamed operation, else 0
	text      string
}

// note is something said beside a lane.
type note struct {
	lane  int
	at    int64
	text  string
	class string
}

// reign is the time of a node in one role and epoch.
type reign struct {
	lane      int
	at, until int64
	role      string
	hue       int // which of the epochs
}

// way is a bad link, at the side of a lane.
type way struct {
	lane int
	link
}

func newDiagram(m *model, o DiagramOptions) *diagram {
	if o.Until == 0 {
		o.Until = m.end
	}
	o.Width = cmp.Or(o.Width, 700)
	if o.Nodes == nil {
		o.Nodes = m.nodes
	}
	o.Label = labels(o.Label)
	if o.Omit == nil {
		o.Omit = func(history.Event) bool { return false }
	}
	d := &diagram{DiagramOptions: o, model: m}
	for _, c := range o.Clients {
		d.lanes = append(d.lanes, lane{fmt.Sprintf("client %d", c), c})
	}
	for _, n := range o.Nodes {
		d.lanes = append(d.lanes, lane{n, -1})
	}
	d.addOps()
	d.addEvents()
	d.addReigns()
	d.addLinks()
	return d
}

// labels returns what says how each event is labelled: special, where that says
// something.
func labels(special func(history.Event) string) func(history.Event) string {
	return func(e history.Event) string {
		if special != nil {
			if s := special(e); s != "" {
				return s
			}
		}
		if e.Kind == history.Message {
			return short(e)
		}
		return e.Text
	}
}

func (d *diagram) node(name string) int {
	return slices.IndexFunc(d.lanes, func(l lane) bool { return l.client < 0 && l.name == name })
}

// within reports whether a time touches the part that is drawn.
func (d *diagram) within(at, until int64) bool { return at <= d.Until && max(at, until) >= d.From }

func (d *diagram) addOps() {
	for _, op := range d.model.ops {
		i := slices.IndexFunc(d.lanes, func(l lane) bool { return l.client == op.Client && l.client >= 0 })
		if i < 0 || op.Call < d.From || op.Call > d.Until {
			continue
		}
		b := bar{lane: i, at: op.Call, until: told(op), class: string(op.Outcome), number: d.model.blamed[op.ID]}
		n := d.node(op.Node)
		if n < 0 {
			b.text = words(op)
			d.bars = append(d.bars, b)
			continue
		}
		d.bars = append(d.bars, b)
		come, left := d.model.served(op)
		d.arrows = append(d.arrows, arrow{i, n, b.at, come, asked(op), "ask"}, arrow{n, i, left, b.until, answered(op), "ask " + b.class})
	}
}

func (d *diagram) addEvents() {
	for _, e := range d.model.events {
		if e.At < d.From || e.At > d.Until || e.Kind != history.Position && d.Omit(e) {
			continue
		}
		n, to := d.node(e.Node), d.node(e.To)
		switch {
		case e.Kind == history.Message && n >= 0 && to >= 0:
			class := "message"
			if e.Until == 0 {
				class = "lost"
			}
			d.arrows = append(d.arrows, arrow{n, to, e.At, e.Until, d.Label(e), class})
		case n < 0 || e.To != "" || e.Frequent() || e.Kind == "phase":
		case e.Kind != "fault" || e.Until <= e.At:
			d.notes = append(d.notes, note{n, e.At, d.Label(e), "note"})
		}
	}
	for _, b := range d.model.bands {
		fault := history.Event{At: b.At, Until: b.Until, Kind: "fault", Node: b.Node, To: b.To, Text: b.Text}
		if b.To == "" && d.node(b.Node) >= 0 && d.within(b.At, b.Until) && !d.Omit(fault) {
			b.Text = d.Label(fault)
			d.faults = append(d.faults, b)
		}
	}
}

// addReigns finds in which role each node was, and what it told of its log.
func (d *diagram) addReigns() {
	last := map[string]history.Event{}
	hues := map[string]int{}
	for _, e := range d.model.events {
		n := d.node(e.Node)
		if e.Kind != history.Position || n < 0 {
			continue
		}
		if _, ok := hues[e.Epoch]; !ok {
			hues[e.Epoch] = len(hues)
		}
		before := last[e.Node]
		last[e.Node] = e
		if before.Positions == nil || before.Role != e.Role || before.Epoch != e.Epoch {
			for i := range d.reigns {
				if d.reigns[i].lane == n {
					d.reigns[i].until = min(d.reigns[i].until, e.At)
				}
			}
			d.reigns = append(d.reigns, reign{n, e.At, d.model.end, e.Role, hues[e.Epoch]})
			d.note(n, e.At, strings.TrimSpace(e.Role+" "+e.Epoch), "role")
		}
		d.progress(n, before.Positions, e)
	}
	d.reigns = slices.DeleteFunc(d.reigns, func(r reign) bool { return !d.within(r.at, r.until) })
}

// note adds a note. A role that began before the part that is drawn is told at
// its top.
func (d *diagram) note(lane int, at int64, text, class string) {
	if at > d.Until {
		return
	}
	if at < d.From {
		d.notes = slices.DeleteFunc(d.notes, func(n note) bool { return n.lane == lane && n.at == d.From && n.class == class })
		at = d.From
	}
	d.notes = append(d.notes, note{lane, at, text, class})
}

func (d *diagram) progress(n int, before *history.Positions, e history.Event) {
	if before == nil || e.At < d.From {
		return
	}
	now := *e.Positions
	switch {
	case now.Synced < before.Synced: // and what is written by now came after that
		d.note(n, e.At, fmt.Sprintf("log cut back to %d", now.Synced), "bad")
	case now.Written < before.Written:
		d.note(n, e.At, fmt.Sprintf("log cut back to %d", now.Written), "bad")
	}
	if now.Applied < before.Applied {
		d.note(n, e.At, "its map begins again", "bad")
	}
	if !d.Positions {
		return
	}
	for _, step := range grown(*before, now) {
		d.note(n, e.At, step, "place")
	}
}

// grown says which positions are greater than before. What got to the same entry
// at once is said at once.
func grown(before, now history.Positions) (steps []string) {
	last := uint64(0)
	for _, p := range []struct {
		name         string
		before, here uint64
	}{
		{"written", before.Written, now.Written}, {"synced", before.Synced, now.Synced},
		{"committed", before.Committed, now.Committed}, {"applied", before.Applied, now.Applied},
	} {
		switch {
		case p.here <= p.before:
		case p.here == last:
			steps[len(steps)-1] += ", " + p.name
		default:
			steps, last = append(steps, fmt.Sprintf("%d %s", p.here, p.name)), p.here
		}
	}
	return steps
}

func (d *diagram) addLinks() {
	for n, links := range d.model.linksOf() {
		i := d.node(d.model.nodes[n])
		for _, l := range links {
			fault := history.Event{At: l.At, Until: l.Until, Kind: "fault", Node: d.model.nodes[n], To: d.model.nodes[l.Others[0]], Text: l.Text}
			if i >= 0 && d.within(l.At, l.Until) && !d.Omit(fault) {
				l.Text = d.Label(fault)
				d.ways = append(d.ways, way{i, l})
			}
		}
	}
}

// instants are those that need a height of their own, and how much room each
// needs above it.
func (d *diagram) instants() map[int64]float64 {
	room := map[int64]float64{d.From: 0}
	need := func(at int64, h float64) {
		if at >= d.From {
			room[at] = max(room[at], h)
		}
	}
	arrives := 9.0
	if len(d.lanes) == 2 { // all labels are in the same gap
		arrives = 17
	}
	for _, a := range d.arrows {
		need(a.at, 17)
		need(a.until, arrives)
	}
	for _, b := range d.bars {
		need(b.at, 19)
		need(b.until, 9)
	}
	for _, n := range d.notes {
		need(n.at, 16)
	}
	for _, b := range d.faults {
		need(min(b.At, d.Until), 16)
		need(min(b.Until, d.Until), 12)
	}
	for _, w := range d.ways {
		need(min(w.At, d.Until), 16)
		need(min(w.Until, d.Until), 12)
	}
	return room
}
