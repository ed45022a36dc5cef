package durable_test

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/queue"
)

// A copy that is refused says nothing of the first one, which is under way.
func TestARefusedCopyDoesNotDenyTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{Queue: queue.Config{Bytes: 100}})
		id := session.Identity{Session: openSession(t, s), Number: 1}
		fate := d.hold("sync")
		ctx, giveUp := context.WithCancel(t.Context())
		first := later(func() (kv.Result, error) { return s.DoOnce(ctx, id, kv.Put("k", nil)) })
		synctest.Wait()
		filler := laterPut(t.Context(), s, "filler")
		synctest.Wait()
		giveUp()
		require.ErrorIs(t, (<-first).err, kv.ErrUnknown)

		_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.ErrorIs(t, err, kv.ErrOverloaded)
		require.ErrorIs(t, err, session.ErrInProgress, "the first copy is being written")
		fate <- nil
		fate <- nil
		require.NoError(t, (<-filler).err)
		r, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.NoError(t, err)
		require.EqualValues(t, 3, r.Version)
	})
}

// After the end, too: the first one may be there in the next life.
func TestACopyAfterTheEndDoesNotDenyTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		id := session.Identity{Session: openSession(t, s), Number: 1}
		d.fail("sync", syscall.EIO)
		_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.ErrorIs(t, err, kv.ErrUnknown)
		_, err = s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.ErrorIs(t, err, kv.ErrUnknown, "the first copy may have happened")
		requireKeys(t, open(t, d.killed(), durable.StoreConfig{}), "k")
	})
}
