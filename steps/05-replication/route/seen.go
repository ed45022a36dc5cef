package route

import (
	"cmp"
	"slices"

	"zeyrho/steps/05-replication/node"
)

// seen is how much of the history a client has seen: what it has read, and what
// it has written. A later read must not show less.
//
// In one epoch one node writes the history, so of its positions the greatest
// includes the others. Between epochs that is not so: the next leader may lack
// what the last one had acknowledged, and use its indexes again. The history
// with 110 of epoch 2 includes 100 of epoch 1, or it does not; who knows both
// positions knows nothing of that.
//
// A read tells, because it carries a position, and a server that lacks it says
// so. Most clients only ever have one position to carry. They get a second when
// a write, which carries none, is answered from another epoch. Then reads carry
// the older one until a server shows that its history includes both.
//
// Invariants:
//   - The positions are of different epochs, the oldest first.
//   - A position goes only if a history that includes it includes another one
//     here, or if the client has been told that it has vanished.
type seen []node.Position

// add notes a position of which it is not known what its history includes.
func (s *seen) add(p node.Position) {
	i, there := slices.BinarySearchFunc(*s, p, func(a, b node.Position) int { return cmp.Compare(a.Epoch, b.Epoch) })
	switch {
	case !there:
		*s = slices.Insert(*s, i, p)
	case (*s)[i].Index < p.Index:
		(*s)[i] = p
	}
}

// drop removes the oldest position, if it is p.
func (s *seen) drop(p node.Position) {
	if len(*s) > 0 && (*s)[0] == p {
		*s = (*s)[1:]
	}
}

// shown notes that an answer shows the history up to p, and that it includes the
// first of need, for which the server was asked. It says whether it is known to
// include the others, too.
func (s *seen) shown(need []node.Position, p node.Position) (all bool) {
	if len(need) > 0 && need[0].Index <= p.Index { // as it should be
		s.drop(need[0]) // p stands for it
		need = need[1:]
	}
	s.add(p)
	return !slices.ContainsFunc(need, func(q node.Position) bool { return q.Epoch != p.Epoch || q.Index > p.Index })
}
