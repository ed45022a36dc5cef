// Package machine answers: what do the entries of a log add up to?
//
// To a map, and to a table that says who asked for what last. An entry is the
// record of a request; the first entry of a log is the settings. Where the log
// is kept, and when an entry of it is safe, is the business of others: a
// machine is told the entries one by one, in their order, and does as they say.
//
// So two machines that are told the same entries are the same, on one computer
// after a crash, or on two.
package machine

import (
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
)

// Request is something that changes a store, and so has to be written down.
type Request struct {
	OpenSession bool             // a new session, and nothing else
	Identity    session.Identity // the zero Identity: the command is not numbered
	Command     kv.Command
}

// Answer is what a request gets. If Err is set, it wraps kv.ErrUnknown: the
// request came late, and nobody knows what became of it the first time.
type Answer struct {
	Result  kv.Result
	Session session.ID // the new one, if that was the request
	Err     error
}

// Map is what a machine keeps its keys in. *kv.Map is one, and says what the
// methods have to do.
type Map interface {
	Apply(e kv.Entry) kv.Result
	Get(key string) kv.Item
	Scan(r kv.Range) kv.Page
	Len() int
}

// Machine is what a log adds up to: the map, and who asked for what last.
//
// It is a function of the entries and of nothing else. Also whether a numbered
// command is applied, or answered as a copy of an earlier one, is decided here,
// when its entry is applied: so it is decided the same way when the log is
// replayed.
//
// A Machine is for one goroutine; so long as nobody applies, any number may
// read.
type Machine struct {
	Map
	sessions *session.Table
}

// New returns the machine of a log that has its settings and nothing else. The
// map must be empty, and is the machine's own from now on.
func New(s Settings, m Map) *Machine {
	return &Machine{m, session.NewTable(s.Incarnation, s.Sessions)}
}

// Apply carries out the request that is written down at index.
func (m *Machine) Apply(index uint64, r Request) Answer {
	if r.OpenSession {
		return Answer{Session: m.sessions.Open()}
	}
	e := kv.Entry{Version: kv.Version(index), Command: r.Command}
	if r.Identity == (session.Identity{}) {
		return Answer{Result: m.Map.Apply(e)}
	}
	result, fresh, err := m.sessions.Answer(r.Identity)
	if fresh {
		result = m.Map.Apply(e)
		m.sessions.Record(r.Identity, result)
	}
	return Answer{Result: result, Err: err}
}

// Answer looks a numbered request up: if it is not fresh, the answer is there
// already. See session.Table.
func (m *Machine) Answer(id session.Identity) (r kv.Result, fresh bool, err error) {
	return m.sessions.Answer(id)
}

// Sessions returns the number of sessions.
func (m *Machine) Sessions() int { return m.sessions.Len() }

// Room returns how many sessions there is room for.
func (m *Machine) Room() int { return m.sessions.Limit() }
