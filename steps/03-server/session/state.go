package session

import (
	"fmt"
	"strconv"
	"strings"

	"zeyrho/steps/01-map/kv"
)

// State is everything that a table knows, as data: for those who write it down,
// or send it to where another table goes on from there.
type State struct {
	Incarnation string
	Limit       int
	Issued      uint64 // how many names were issued, forgotten ones included
	Slots       []Slot // in the order in which they will be forgotten
}

// Slot is what a table knows of one session.
type Slot struct {
	ID     ID
	Number uint64    // of its last request; 0: none yet
	Result kv.Result // of that request; the zero Result: nobody knows
}

// Export returns the state of t. It shares no memory with t.
func (t *Table) Export() State {
	s := State{Incarnation: t.incarnation, Limit: t.limit, Issued: t.issued, Slots: make([]Slot, 0, t.Len())}
	for at := t.order.Front(); at != nil; at = at.Next() {
		had := at.Value.(*slot)
		s.Slots = append(s.Slots, Slot{had.id, had.number, had.result})
	}
	return s
}

// Import returns a table in state s, which answers, issues and forgets from now
// on as the one would that was exported. It refuses a state that no table can be
// in: with such a one a name might be issued twice.
func Import(s State) (*Table, error) {
	if s.Limit < 1 || len(s.Slots) > s.Limit {
		return nil, fmt.Errorf("%d sessions in a table with room for %d", len(s.Slots), s.Limit)
	}
	t := NewTable(s.Incarnation, s.Limit)
	t.issued = s.Issued
	for _, had := range s.Slots {
		if !s.issued(had.ID) {
			return nil, fmt.Errorf("session %.80q is none of the %d that were issued as %s-1, …", had.ID, s.Issued, s.Incarnation)
		}
		if t.slots[had.ID] != nil {
			return nil, fmt.Errorf("session %s is in the table twice", had.ID)
		}
		if had.Number == 0 && had.Result != (kv.Result{}) {
			return nil, fmt.Errorf("session %s has the answer to a request that it has not made", had.ID)
		}
		t.slots[had.ID] = t.order.PushBack(&slot{had.ID, had.Number, had.Result})
	}
	return t, nil
}

// issued reports whether a table in state s has issued a name.
func (s State) issued(id ID) bool {
	digits, ok := strings.CutPrefix(string(id), s.Incarnation+"-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return ok && err == nil && 0 < n && n <= s.Issued && strconv.FormatUint(n, 10) == digits
}
