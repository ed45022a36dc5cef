package durable

import (
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
)

// Request is something that changes the store, and so has to be written down.
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

// state is what the journal adds up to: the map, and who asked for what last.
//
// It is a function of the entries and of nothing else. Also whether a numbered
// command is applied, or answered as a copy of an earlier one, is decided here,
// when its entry is applied: so it is decided the same way when the journal is
// replayed.
type state struct {
	*kv.Map
	sessions *session.Table
}

func newState(s settings) *state {
	return &state{kv.NewMap(), session.NewTable(s.incarnation, s.sessions)}
}

// apply carries out the request that is written down at index.
func (s *state) apply(index uint64, r Request) Answer {
	if r.OpenSession {
		return Answer{Session: s.sessions.Open()}
	}
	e := kv.Entry{Version: kv.Version(index), Command: r.Command}
	if r.Identity == (session.Identity{}) {
		return Answer{Result: s.Apply(e)}
	}
	result, fresh, err := s.sessions.Answer(r.Identity)
	if fresh {
		result = s.Apply(e)
		s.sessions.Record(r.Identity, result)
	}
	return Answer{Result: result, Err: err}
}
