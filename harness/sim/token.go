package sim

import (
	"cmp"
	"slices"

	"zeyrho/steps/05-replication/node"
)

// token is how much of the history a client has seen, as it must carry it to be
// shown no less at the level session: the greatest position of every epoch. See
// package route, which does the same for real clients.
type token []node.Position

// next is what the client asks for: the oldest that is not known to be part of
// the later ones.
func (t token) next() (p node.Position) {
	if len(t) > 0 {
		p = t[0]
	}
	return p
}

// add notes a position that the client was told of.
func (t *token) add(p node.Position) {
	i, there := slices.BinarySearchFunc(*t, p, func(a, b node.Position) int { return cmp.Compare(a.Epoch, b.Epoch) })
	switch {
	case p.Index == 0:
	case !there:
		*t = slices.Insert(*t, i, p)
	case (*t)[i].Index < p.Index:
		(*t)[i] = p
	}
}

// shown notes that what was asked for with need is shown, in a history up to p.
// It says whether that is known to include everything else.
func (t *token) shown(need, p node.Position) (all bool) {
	if need.Index > 0 && need.Index <= p.Index && t.next() == need {
		*t = (*t)[1:]
	}
	t.add(p)
	return !slices.ContainsFunc(*t, func(q node.Position) bool { return q.Epoch != p.Epoch || q.Index > p.Index })
}
