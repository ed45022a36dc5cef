package page

import "slices"

// link is a bad way to other nodes, as one end sees it: n2 to n1 and back, or
// n1 to n2 and n3, is one link if it is one fault.
type link struct {
	Others []int  `json:"others"` // indexes of nodes
	Way    string `json:"way"`    // to, from or both
	Up     bool   `json:"up"`     // the others come before the node
	Slot   int    `json:"slot"`   // those that overlap in time have different ones
	At     int64  `json:"at"`
	Until  int64  `json:"until"`
	Text   string `json:"text"`
}

// same reports whether two links are of one fault.
func (l link) same(o link) bool { return l.At == o.At && l.Until == o.Until && l.Text == o.Text }

// linksOf returns the bad links of every node.
func (m *model) linksOf() [][]link {
	pairs := make([][]link, len(m.nodes))
	add := func(n, other int, way string, b band) {
		l := link{Others: []int{other}, Way: way, Up: other < n, At: b.At, Until: b.Until, Text: b.Text}
		twin := slices.IndexFunc(pairs[n], func(o link) bool { return o.Others[0] == other && o.same(l) })
		if twin >= 0 {
			pairs[n][twin].Way = "both"
			return
		}
		pairs[n] = append(pairs[n], l)
	}
	for _, b := range m.bands {
		from, to := slices.Index(m.nodes, b.Node), slices.Index(m.nodes, b.To)
		if to < 0 {
			continue
		}
		add(from, to, "to", b)
		add(to, from, "from", b)
	}
	for n := range pairs {
		pairs[n] = joint(pairs[n])
	}
	return pairs
}

// joint makes one link of those that go to the same side by the same fault, and
// gives each a slot.
func joint(pairs []link) (out []link) {
	for _, l := range pairs {
		i := slices.IndexFunc(out, func(o link) bool { return o.Up == l.Up && o.Way == l.Way && o.same(l) })
		if i >= 0 {
			out[i].Others = append(out[i].Others, l.Others...)
			continue
		}
		taken := func(o link) bool { return o.Up == l.Up && o.Slot == l.Slot && o.At < l.Until && l.At < o.Until }
		for slices.ContainsFunc(out, taken) {
			l.Slot++
		}
		out = append(out, l)
	}
	return out
}
