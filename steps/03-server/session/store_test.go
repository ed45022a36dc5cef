package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/03-server/session"
)

// scripted is a kv.Store whose Do is a function of the test.
type scripted struct {
	kv.Store
	do func(context.Context, kv.Command) (kv.Result, error)
}

func (s scripted) Do(ctx context.Context, c kv.Command) (kv.Result, error) { return s.do(ctx, c) }

func open(t *testing.T, s *session.Store) session.ID {
	id, err := s.OpenSession(t.Context())
	require.NoError(t, err)
	return id
}

func newStore(do func(context.Context, kv.Command) (kv.Result, error)) *session.Store {
	return session.NewStore(scripted{do: do}, session.NewTable("inc", 2))
}

func TestARetriedCommandIsAppliedOnce(t *testing.T) {
	s := session.NewStore(locked.NewMap(), session.NewTable("inc", 10))
	id := session.Identity{Session: open(t, s), Number: 1}
	first, err := s.DoOnce(t.Context(), id, kv.Put("k", []byte("1")))
	require.NoError(t, err)
	_, err = s.Do(t.Context(), kv.Put("k", []byte("2"))) // somebody else
	require.NoError(t, err)
	again, err := s.DoOnce(t.Context(), id, kv.Put("k", []byte("1")))
	require.NoError(t, err)
	require.Equal(t, first, again)
	it, err := s.Get(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "2", string(it.Value), "the retry must not undo what came after the first try")
}

func TestARetriedConflictIsTheSameConflict(t *testing.T) {
	s := session.NewStore(locked.NewMap(), session.NewTable("inc", 10))
	id := session.Identity{Session: open(t, s), Number: 1}
	c := kv.Put("k", nil).IfVersion(5)
	first, err := s.DoOnce(t.Context(), id, c)
	require.NoError(t, err)
	require.Equal(t, kv.Result{Status: kv.Conflict}, first)
	for range 4 {
		_, err = s.Do(t.Context(), kv.Put("k", nil)) // up to version 5
		require.NoError(t, err)
	}
	again, err := s.DoOnce(t.Context(), id, c)
	require.NoError(t, err)
	require.Equal(t, first, again, "it was told no, and that is what it is told")
}

func TestADefiniteFailureLeavesTheRequestFresh(t *testing.T) {
	fail := errors.New("disk on fire")
	s := newStore(func(context.Context, kv.Command) (kv.Result, error) { return done(1), fail })
	id := session.Identity{Session: open(t, s), Number: 1}
	_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
	require.ErrorIs(t, err, fail)
	require.NotErrorIs(t, err, kv.ErrUnknown)
	fail = nil
	r, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
	require.NoError(t, err)
	require.Equal(t, done(1), r)
}

func TestAnUnknownFateIsNotTriedAgain(t *testing.T) {
	calls := 0
	s := newStore(func(context.Context, kv.Command) (kv.Result, error) {
		calls++
		return kv.Result{}, fmt.Errorf("wire cut: %w", kv.ErrUnknown)
	})
	id := session.Identity{Session: open(t, s), Number: 1}
	for range 3 {
		_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.ErrorIs(t, err, kv.ErrUnknown)
	}
	require.Equal(t, 1, calls)
}

func TestAPanicLeavesTheFateUnknownAndNothingStuck(t *testing.T) {
	s := newStore(func(context.Context, kv.Command) (kv.Result, error) { panic("bug") })
	id := session.Identity{Session: open(t, s), Number: 1}
	require.Panics(t, func() { s.DoOnce(t.Context(), id, kv.Put("k", nil)) })
	_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
	require.ErrorIs(t, err, kv.ErrUnknown)
}

// slow is a store that works on every command until it is released.
type slow struct {
	*session.Store
	calls   atomic.Int32
	release chan struct{}
}

func newSlow() *slow {
	sl := &slow{release: make(chan struct{})}
	sl.Store = newStore(func(context.Context, kv.Command) (kv.Result, error) {
		sl.calls.Add(1)
		<-sl.release
		return done(9), nil
	})
	return sl
}

func TestACopyThatArrivesDuringTheFirstWaitsAndGetsTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		id := session.Identity{Session: open(t, s.Store), Number: 1}
		answers := make(chan kv.Result, 3)
		for range 3 {
			go func() {
				r, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
				if err == nil {
					answers <- r
				}
			}()
		}
		synctest.Wait()
		require.Empty(t, answers)
		require.EqualValues(t, 1, s.calls.Load())
		close(s.release)
		for range 3 {
			require.Equal(t, done(9), <-answers)
		}
		require.EqualValues(t, 1, s.calls.Load())
	})
}

func TestASlowCommandHoldsUpItsOwnSessionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		a, b := open(t, s.Store), open(t, s.Store)
		for _, id := range []session.ID{a, b} {
			go s.DoOnce(t.Context(), session.Identity{Session: id, Number: 1}, kv.Put("k", nil))
		}
		synctest.Wait()
		require.EqualValues(t, 2, s.calls.Load(), "both are under way")
		close(s.release)
	})
}

func TestWhoGivesUpWaitingIsToldWhetherItMayHaveHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		id := session.Identity{Session: open(t, s.Store), Number: 1}
		go s.DoOnce(t.Context(), id, kv.Put("k", nil))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.DoOnce(ctx, id, kv.Put("k", nil))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, session.ErrInProgress, "the first is still under way")
		require.ErrorIs(t, err, kv.ErrUnknown)

		id.Number++
		_, err = s.DoOnce(ctx, id, kv.Put("k", nil))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, kv.ErrUnknown, "this one never began")
		close(s.release)
	})
}

// A store that obeys its context: it works for a second, or until it is stopped.
func obedient(ctx context.Context, _ kv.Command) (kv.Result, error) {
	select {
	case <-time.After(time.Second):
		return done(1), nil
	case <-ctx.Done():
		return kv.Result{}, fmt.Errorf("stopped: %w", kv.ErrUnknown)
	}
}

func TestACallerThatGoesAwayDoesNotStopItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(obedient)
		id := session.Identity{Session: open(t, s), Number: 1}
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, leave)
		go s.DoOnce(ctx, id, kv.Put("k", nil))
		<-ctx.Done()
		r, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.NoError(t, err)
		require.Equal(t, done(1), r)
	})
}

func TestACopyWhoseCallerGoesAwayDoesNotWaitOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		id := session.Identity{Session: open(t, s.Store), Number: 1}
		go s.DoOnce(t.Context(), id, kv.Put("k", nil))
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err := s.DoOnce(ctx, id, kv.Put("k", nil))
		require.ErrorIs(t, err, session.ErrInProgress)
		close(s.release)
	})
}

func TestTheDeadlineStopsACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(obedient)
		id := session.Identity{Session: open(t, s), Number: 1}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := s.DoOnce(ctx, id, kv.Put("k", nil))
		require.ErrorIs(t, err, kv.ErrUnknown)
	})
}

func TestASessionForgottenWhileItsCommandRunsIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		id := session.Identity{Session: open(t, s.Store), Number: 1}
		first := make(chan error, 1)
		go func() {
			_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
			first <- err
		}()
		synctest.Wait()
		open(t, s.Store)
		open(t, s.Store) // the table has room for two
		close(s.release)
		require.NoError(t, <-first)
		_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.ErrorIs(t, err, session.ErrForgotten)
		require.EqualValues(t, 1, s.calls.Load())
	})
}
