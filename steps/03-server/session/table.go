package session

import (
	"container/list"
	"fmt"

	"zeyrho/steps/01-map/kv"
)

// Table remembers, for every session, its last request and the answer.
//
// It has no lock, no clock and no chance in it: it is a function of the calls
// of Open and Record, in their order. Two tables that see the same calls agree
// on everything, and also on whom to forget.
//
// Invariants:
//   - There are at most limit sessions.
//   - A name is issued once.
//   - The number in a slot never falls, so a request that was recorded is
//     never fresh again: it is answered from its slot, or it is superseded, or
//     its session is forgotten.
//   - order holds every session once, by the place of its last Open or Record
//     in the history. The first in it is the next to be forgotten. A session
//     that is asked about is not moved: asking leaves no trace.
type Table struct {
	incarnation string
	limit       int
	issued      uint64
	slots       map[ID]*list.Element
	order       *list.List // of *slot, the stillest first
}

type slot struct {
	id     ID
	number uint64    // of the last request; 0: none yet
	result kv.Result // of that request; the zero Result: nobody knows
}

// NewTable returns an empty table with room for limit sessions (at least 1).
func NewTable(incarnation string, limit int) *Table {
	return &Table{
		incarnation: incarnation,
		limit:       max(limit, 1),
		slots:       make(map[ID]*list.Element),
		order:       list.New(),
	}
}

// Len returns the number of sessions.
func (t *Table) Len() int { return len(t.slots) }

// Limit returns how many sessions there is room for.
func (t *Table) Limit() int { return t.limit }

// Open issues a new session. When the table is full, it forgets the session
// whose last request lies furthest back in the history. The clock has no say:
// a client that sleeps for a year keeps its session if nobody needs the room.
func (t *Table) Open() ID {
	if t.Len() == t.limit {
		stillest := t.order.Remove(t.order.Front()).(*slot)
		delete(t.slots, stillest.id)
	}
	t.issued++
	id := ID(fmt.Sprintf("%s-%d", t.incarnation, t.issued))
	t.slots[id] = t.order.PushBack(&slot{id: id})
	return id
}

// Answer looks a request up. It is fresh if it has to be applied, and then
// recorded. Otherwise the result and the error are the answer to it, and the
// error, if there is one, wraps kv.ErrUnknown.
func (t *Table) Answer(id Identity) (r kv.Result, fresh bool, err error) {
	at, ok := t.slots[id.Session]
	if !ok {
		return kv.Result{}, false, fmt.Errorf("request %s: %w", id, ErrForgotten)
	}
	s := at.Value.(*slot)
	switch {
	case id.Number > s.number:
		return kv.Result{}, true, nil
	case id.Number < s.number:
		return kv.Result{}, false, fmt.Errorf("request %s: %w", id, ErrSuperseded)
	case s.result == kv.Result{}:
		return kv.Result{}, false, fmt.Errorf("request %s: %w", id, errNoAnswer)
	}
	return s.result, false, nil
}

// Record keeps the result of a fresh request; the zero Result says that nobody
// knows it. A request that is not fresh (its session was forgotten while it
// was being applied) leaves the table as it is.
func (t *Table) Record(id Identity, r kv.Result) {
	if _, fresh, err := t.Answer(id); !fresh || err != nil {
		return
	}
	at := t.slots[id.Session]
	s := at.Value.(*slot)
	s.number, s.result = id.Number, r
	t.order.MoveToBack(at)
}
