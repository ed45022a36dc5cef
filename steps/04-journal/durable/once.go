package durable

import (
	"context"
	"errors"
	"fmt"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
)

// DoOnce carries out c if the request id is fresh, and otherwise gives the
// answer that the request got the first time. A copy that comes while the first
// is under way is written down too, and found to be one when it is applied. If
// it is refused, that says nothing of the first.
func (s *Store) DoOnce(ctx context.Context, id session.Identity, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	if r, fresh, err := s.engine.Answer(id); !fresh {
		return r, errors.Join(s.over(), err)
	}
	a, err := s.ask(ctx, machine.Request{Identity: id, Command: c})
	if err == nil || errors.Is(err, kv.ErrUnknown) {
		return a.Result, err
	}
	if s.isOpen(id) {
		return kv.Result{}, fmt.Errorf("%w: this one was refused: %w", session.ErrInProgress, err)
	}
	if r, fresh, late := s.engine.Answer(id); !fresh { // it has just been applied
		return r, errors.Join(s.over(), late)
	}
	return kv.Result{}, err
}

// count keeps open up to date.
func (s *Store) count(j *job, by int) {
	id := j.request.Identity
	if id == (session.Identity{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[id] += by; s.open[id] == 0 {
		delete(s.open, id)
	}
}

func (s *Store) isOpen(id session.Identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id] > 0
}
