package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the history, and under whom it was written. Two logs of
// one history that hold the same position are the same up to there. (It does not
// say which history: who begins a new one, with -new, on an emptied cluster, has
// 4@1.n1 twice.)
type Position struct {
	Index uint64
	Epoch Epoch
}

// String returns index and epoch, such as 41@2.n3.
func (p Position) String() string { return fmt.Sprintf("%d@%v", p.Index, p.Epoch) }

// ParsePosition reads what String returns.
func ParsePosition(text string) (Position, error) {
	index, epoch, _ := strings.Cut(text, "@")
	i, err := strconv.ParseUint(index, 10, 64)
	e, bad := ParseEpoch(epoch)
	if errors.Join(err, bad) != nil {
		return Position{}, fmt.Errorf("%.60q is not a position, such as 41@2.n3", text)
	}
	return Position{i, e}, nil
}

// Before says whether p is of an earlier epoch than q, or of the same one and
// at a smaller index. It is how much a log is worth that ends there.
func (p Position) Before(q Position) bool {
	return p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.Index < q.Index
}
