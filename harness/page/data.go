package page

import (
	"slices"
	"strings"

	"zeyrho/harness/history"
)

// data is what the program in the page gets: columns of numbers, which are
// short and quick to read. Instants are differences to the one before; strings
// are indexes into Texts; what is none of these is as in the history.
type data struct {
	Nodes   []string   `json:"nodes"`
	Texts   []string   `json:"texts"`
	End     int64      `json:"end"`
	Ops     opColumns  `json:"ops"`
	Sent    msgColumns `json:"messages"`
	Places  posColumns `json:"positions"`
	Samples smpColumns `json:"samples"`
	Bands   []band     `json:"bands"`
	Links   [][]link   `json:"links"` // of each node
	Phases  []mark     `json:"phases"`
	Marks   []mark     `json:"marks"`
	Blamed  []int      `json:"blamed"` // ids, in order
	Focus   []int64    `json:"focus"`  // from and until: what to look at first
}

// mark is something that happened in an instant.
type mark struct {
	At   int64  `json:"at"`
	Kind string `json:"kind"`
	Node string `json:"node,omitempty"`
	Text string `json:"text"`
}

type opColumns struct {
	ID      []int    `json:"id"`
	Client  []int    `json:"client"`
	Kind    []int    `json:"kind"`
	Key     []int    `json:"key"`
	Call    []int64  `json:"call"`
	Took    []int64  `json:"took"`
	Outcome []int    `json:"outcome"`
	Version []uint64 `json:"version"`
	Node    []int    `json:"node"`  // -1: not known
	Phase   []int    `json:"phase"` // text
	Asked   []int    `json:"asked"`
	Answer  []int    `json:"answer"`
	Brief   []int    `json:"brief"` // a few words for the bar
}

type msgColumns struct {
	From []int   `json:"from"`
	To   []int   `json:"to"`
	At   []int64 `json:"at"`
	Took []int64 `json:"took"` // -1: lost
	Text []int   `json:"text"`

	First []uint64 `json:"first"` // of the entries that it carries
	Count []uint64 `json:"count"` // how many these are, mostly 0
}

// posColumns has positions as differences to the last ones of the same node.
type posColumns struct {
	Node      []int   `json:"node"`
	At        []int64 `json:"at"`
	Written   []int64 `json:"written"`
	Synced    []int64 `json:"synced"`
	Committed []int64 `json:"committed"`
	Applied   []int64 `json:"applied"`
	Role      []int   `json:"role"`
	Epoch     []int   `json:"epoch"`
}

type smpColumns struct {
	Node  []int     `json:"node"` // text
	Name  []int     `json:"name"`
	At    []int64   `json:"at"`
	Value []float64 `json:"value"`
}

// kinds and outcomes are numbered as they are here.
var (
	kinds    = []history.Kind{history.Get, history.Put, history.Delete, history.Scan}
	outcomes = []history.Outcome{history.OK, history.Fail, history.Unknown}
)

// packer turns a model into data.
type packer struct {
	*data
	texts map[string]int
	nodes map[string]int
	last  map[string]history.Positions // of each node
	at    [4]int64                     // the last instant of ops, messages, positions, samples
}

func (m *model) data() *data {
	p := &packer{data: &data{Nodes: m.nodes, End: m.end, Bands: m.bands, Links: m.linksOf()}, texts: map[string]int{},
		nodes: map[string]int{}, last: map[string]history.Positions{}}
	for i, name := range m.nodes {
		p.nodes[name] = i
	}
	for _, op := range m.ops {
		p.op(op)
	}
	for _, e := range m.events {
		p.event(e)
	}
	p.Blamed = make([]int, len(m.blamed))
	for id, number := range m.blamed {
		p.Blamed[number-1] = id
	}
	p.Focus = m.focus()
	return p.data
}

func (p *packer) text(s string) int {
	i, ok := p.texts[s]
	if !ok {
		i = len(p.Texts)
		p.Texts, p.texts[s] = append(p.Texts, s), i
	}
	return i
}

func (p *packer) node(name string) int {
	if i, ok := p.nodes[name]; ok {
		return i
	}
	return -1
}

// since returns how much later at is than the last of its column.
func (p *packer) since(column int, at int64) int64 {
	d := at - p.at[column]
	p.at[column] = at
	return d
}

func (p *packer) op(op history.Op) {
	c := &p.Ops
	c.ID = append(c.ID, op.ID)
	c.Client = append(c.Client, op.Client)
	c.Kind = append(c.Kind, index(kinds, op.Kind))
	c.Key = append(c.Key, p.text(show(op.Key)))
	c.Call = append(c.Call, p.since(0, op.Call))
	c.Took = append(c.Took, told(op)-op.Call)
	c.Outcome = append(c.Outcome, index(outcomes, op.Outcome))
	c.Version = append(c.Version, op.Version)
	c.Node = append(c.Node, p.node(op.Node))
	c.Phase = append(c.Phase, p.text(op.Phase))
	c.Asked = append(c.Asked, p.text(asked(op)))
	c.Answer = append(c.Answer, p.text(answered(op)))
	c.Brief = append(c.Brief, p.text(brief(op)))
}

// brief says an operation in a few words, for a bar.
func brief(op history.Op) string {
	switch {
	case op.Kind == history.Put:
		return show(op.Key) + " = " + show(op.Value)
	case op.Kind == history.Get && op.Status == history.Done:
		return show(op.Key) + " → " + show(op.Value)
	case op.Kind == history.Get && op.Status == history.Absent:
		return show(op.Key) + " → absent"
	case op.Kind == history.Get:
		return show(op.Key) + " →"
	}
	return string(op.Kind) + " " + show(op.Key)
}

func (p *packer) event(e history.Event) {
	switch e.Kind {
	case history.Message:
		p.message(e)
	case history.Position:
		p.position(e)
	case "sample":
		s := &p.Samples
		s.Node, s.Name = append(s.Node, p.text(e.Node)), append(s.Name, p.text(e.Text))
		s.At, s.Value = append(s.At, p.since(3, e.At)), append(s.Value, e.Value)
	case "phase":
		p.Phases = append(p.Phases, mark{e.At, e.Kind, "", e.Text})
	case "seen": // what went well needs no mark
	case "fault":
		if e.Until <= e.At || e.Node == "" {
			p.Marks = append(p.Marks, mark{e.At, e.Kind, e.Node, e.Text})
		}
	default:
		p.Marks = append(p.Marks, mark{e.At, e.Kind, e.Node, e.Text})
	}
}

func (p *packer) message(e history.Event) {
	c := &p.Sent
	took := int64(-1)
	if e.Until > 0 {
		took = e.Until - e.At
	}
	c.From, c.To = append(c.From, p.node(e.Node)), append(c.To, p.node(e.To))
	c.At, c.Took = append(c.At, p.since(1, e.At)), append(c.Took, took)
	first, n := carried(e.Text)
	c.First, c.Count = append(c.First, first), append(c.Count, n)
	text := e.Text
	if len(text) > 6*most {
		text = strings.ToValidUTF8(text[:6*most], "") + "…"
	}
	c.Text = append(c.Text, p.text(text))
}

func (p *packer) position(e history.Event) {
	c, last := &p.Places, p.last[e.Node]
	c.Node, c.At = append(c.Node, p.node(e.Node)), append(c.At, p.since(2, e.At))
	c.Written = append(c.Written, int64(e.Positions.Written-last.Written))
	c.Synced = append(c.Synced, int64(e.Positions.Synced-last.Synced))
	c.Committed = append(c.Committed, int64(e.Positions.Committed-last.Committed))
	c.Applied = append(c.Applied, int64(e.Positions.Applied-last.Applied))
	c.Role, c.Epoch = append(c.Role, p.text(e.Role)), append(c.Epoch, p.text(e.Epoch))
	p.last[e.Node] = *e.Positions
}

func index[T comparable](all []T, one T) int {
	for i, v := range all {
		if v == one {
			return i
		}
	}
	return -1
}

// focus returns what to look at first: where the blamed operations are; else
// the instant in which something broke; else everything.
func (m *model) focus() []int64 {
	from, until := m.end, int64(0)
	for _, op := range m.ops {
		if m.blamed[op.ID] > 0 {
			from, until = min(from, op.Call), max(until, told(op))
		}
	}
	for _, e := range m.events {
		if len(m.blamed) == 0 && (e.Kind == "broken" || e.Kind == "crash") && m.busy(e.At-m.end/20, e.At) {
			from, until = min(from, e.At-m.end/20), max(until, e.At+m.end/20)
		}
	}
	if until == 0 {
		return nil
	}
	from = m.cause(from, until)
	margin := max((until-from)/10, min(2_000_000, m.end/50))
	return []int64{max(from-margin, 0), min(until+margin, m.end)}
}

// busy says whether an operation was called in that time. Some things are found
// broken long after they broke.
func (m *model) busy(from, until int64) bool {
	return slices.ContainsFunc(m.ops, func(op history.Op) bool { return from <= op.Call && op.Call <= until })
}

// cause looks for what may have led to it: a fault, or a new leader, that began
// not too long before.
func (m *model) cause(from, until int64) int64 {
	earliest, first := from-2*(until-from), from
	roles := map[string]string{}
	for _, e := range m.events {
		if e.At >= from {
			break
		}
		leads := e.Kind == history.Position && e.Role == "leader" && roles[e.Node] != e.Role
		if e.Kind == history.Position {
			roles[e.Node] = e.Role
		}
		if (leads || e.Kind == "fault") && e.At >= earliest {
			first = min(first, e.At)
		}
	}
	return first
}
