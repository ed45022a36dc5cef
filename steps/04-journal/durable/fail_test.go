package durable_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
)

func TestAFailedSyncIsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		id := session.Identity{Session: openSession(t, s), Number: 1}
		put(t, s, "before", "v")
		fate := d.hold("sync")
		first := laterPut(t.Context(), s, "dummy")
		synctest.Wait()
		batch := []<-chan outcome{laterPut(t.Context(), s, "a"), laterPut(t.Context(), s, "b")}
		synctest.Wait()
		fate <- nil
		require.NoError(t, (<-first).err)
		synctest.Wait()
		queued := laterPut(t.Context(), s, "queued")
		synctest.Wait()
		require.NoError(t, s.Err())
		fate <- syscall.EIO
		for _, answer := range batch {
			err := (<-answer).err
			require.ErrorIs(t, err, kv.ErrUnknown, "everybody in the batch is told")
			require.ErrorIs(t, err, syscall.EIO)
		}
		<-s.Ended()
		require.ErrorIs(t, s.Err(), syscall.EIO)
		err := (<-queued).err
		require.Error(t, err)
		require.NotErrorIs(t, err, kv.ErrUnknown, "this one was not written down")

		syncs, appends := d.count("sync"), d.count("append")
		requireOver(t, s, id)
		require.ErrorIs(t, s.Close(), syscall.EIO)
		require.Equal(t, syncs, d.count("sync"), "nobody asks a second time")
		require.Equal(t, appends, d.count("append"))
		requireKeys(t, open(t, d.killed(), durable.StoreConfig{}), "a", "b", "before", "dummy")
		requireKeys(t, open(t, d.powerless(), durable.StoreConfig{}), "before", "dummy")
	})
}

// requireOver checks that nobody is told anything any more.
func requireOver(t *testing.T, s *durable.Store, id session.Identity) {
	t.Helper()
	_, get := s.Get(t.Context(), "before")
	_, scan := s.Scan(t.Context(), kv.Range{})
	_, do := s.Do(t.Context(), kv.Put("too late", nil))
	_, once := s.DoOnce(t.Context(), id, kv.Put("too late", nil))
	_, opened := s.OpenSession(t.Context())
	for i, err := range []error{get, scan, do, once, opened} {
		require.ErrorContains(t, err, "come to its end", "call %d", i)
		require.ErrorContains(t, err, syscall.EIO.Error(), "call %d", i)
		require.NotErrorIs(t, err, kv.ErrUnknown, "call %d", i)
	}
}

func TestAFailedSyncOfALazyStoreIsTheEndToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{SyncEvery: time.Second})
		id := session.Identity{Session: openSession(t, s), Number: 1}
		put(t, s, "before", "v")
		d.fail("sync", syscall.EIO)
		time.Sleep(time.Second)
		<-s.Ended()
		requireOver(t, s, id)
		require.ErrorIs(t, s.Close(), syscall.EIO)
	})
}

func TestAKeptAnswerThatMayBeLostIsNotGivenAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{SyncEvery: -1})
		id := session.Identity{Session: openSession(t, s), Number: 1}
		_, err := s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.NoError(t, err)
		d.do(func(op string) error {
			if op == "append" || op == "truncate" {
				return syscall.EIO
			}
			return nil
		})
		_, err = s.Do(t.Context(), kv.Put("k2", nil))
		require.ErrorIs(t, err, kv.ErrUnknown)
		_, err = s.DoOnce(t.Context(), id, kv.Put("k", nil))
		require.Error(t, err)
		require.ErrorIs(t, s.Close(), syscall.EIO)
	})
}

func TestCloseSaysWhenItCouldNotSync(t *testing.T) {
	d := newMemory()
	s := open(t, d, durable.StoreConfig{SyncEvery: -1})
	put(t, s, "k", "v")
	d.fail("sync", syscall.EIO)
	require.ErrorIs(t, s.Close(), syscall.EIO)
}

func TestWhenTheDiskIsFullNothingHasHappenedUntilThereIsRoom(t *testing.T) {
	d := newMemory()
	s := open(t, d, durable.StoreConfig{})
	id := session.Identity{Session: openSession(t, s), Number: 1}
	put(t, s, "before", "v")
	d.fail("append", syscall.ENOSPC)
	for range 3 {
		_, do := s.Do(t.Context(), kv.Put("k", nil))
		_, once := s.DoOnce(t.Context(), id, kv.Put("once", nil))
		_, opened := s.OpenSession(t.Context())
		for _, err := range []error{do, once, opened} {
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.NotErrorIs(t, err, kv.ErrUnknown)
		}
	}
	require.NoError(t, s.Err())
	requireKeys(t, s, "before")
	requireKeys(t, open(t, d.killed(), durable.StoreConfig{}), "before")

	d.do(nil)
	put(t, s, "after", "v")
	r, err := s.DoOnce(t.Context(), id, kv.Put("once", nil))
	require.NoError(t, err)
	require.Equal(t, kv.Done, r.Status, "the request was still fresh")
	requireKeys(t, s, "after", "before", "once")
	require.NoError(t, s.Close())
	requireKeys(t, open(t, d.powerless(), durable.StoreConfig{}), "after", "before", "once")
}

// Every call of an engine's life fails once. What it acknowledged is there
// afterwards, what it refused is not, and the batch of which nobody knows is
// there as a whole or not at all.
func TestWhicheverCallFailsTheEngineKeepsItsWord(t *testing.T) {
	ended := 0
	for n := 1; ; n++ {
		d := newMemory()
		c := durable.Config{Sessions: 4, Incarnation: "inc", Journal: journal.Config{SegmentSize: 700, ID: 1}}
		e := openEngine(t, d, c)
		calls := d.failAt(n, syscall.EIO)
		may := live(t, e)
		ended += len(may) - 1
		d.do(nil)
		require.Contains(t, may, answers(openEngine(t, d.killed(), durable.Config{})), "call %d", n)
		require.Contains(t, may, answers(openEngine(t, d.powerless(), durable.Config{})), "call %d", n)
		if *calls < n {
			break
		}
	}
	require.Greater(t, ended, 10)
}

// live lets an engine commit batches until it ends or has done them all, beside
// another one that never fails. It returns what the next engine may answer.
func live(t *testing.T, e *durable.Engine) (may [][]string) {
	t.Helper()
	shadow := openEngine(t, newMemory(), durable.Config{Sessions: 4, Incarnation: "inc"})
	r := rand.New(rand.NewPCG(4, 4))
	for range 15 {
		before := answers(shadow)
		batch := someRequests(r, 3)
		got, err := e.Commit(batch)
		if err != nil && !errors.Is(err, kv.ErrUnknown) {
			require.Equal(t, before, answers(e), "nothing has happened")
			continue
		}
		want, other := shadow.Commit(batch)
		require.NoError(t, other)
		if err != nil {
			_, err = e.Commit(batch)
			require.Error(t, err)
			require.NotErrorIs(t, err, kv.ErrUnknown)
			return [][]string{before, answers(shadow)}
		}
		require.Equal(t, want, got)
	}
	return [][]string{answers(shadow)}
}

func TestOpenFailsAsTheDiskDoesAndLetsTheLockGo(t *testing.T) {
	for n := 1; ; n++ {
		d := newMemory()
		calls := d.failAt(n, syscall.EIO)
		e, err := durable.OpenEngine(d, durable.Config{})
		if *calls < n {
			require.NoError(t, err)
			require.Greater(t, n, 5)
			return
		}
		require.ErrorIs(t, err, syscall.EIO, fmt.Sprint("call ", n))
		require.Nil(t, e)
		d.do(nil)
		openEngine(t, d, durable.Config{})
	}
}
