package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/queue"
)

func TestNothingIsAcknowledgedOrShownBeforeItIsSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		put(t, s, "k", "before")
		fate := d.hold("sync")
		answer := later(func() (kv.Result, error) { return s.Do(t.Context(), kv.Put("k", []byte("after"))) })
		synctest.Wait()
		other := laterPut(t.Context(), s, "other")
		synctest.Wait()
		require.Empty(t, answer)
		require.Equal(t, "before", get(t, s, "k"))
		requireKeys(t, s, "k")
		fate <- nil
		require.NoError(t, (<-answer).err)
		require.Equal(t, "after", get(t, s, "k"))
		require.Empty(t, other, "it was not in the batch that was synced")
		fate <- nil
		require.NoError(t, (<-other).err)
		requireKeys(t, s, "k", "other")
	})
}

// The one who comes first has a sync to himself. Those who come while it is
// under way share the next.
func TestThoseWhoComeDuringASyncShareTheNext(t *testing.T) {
	for _, c := range []struct{ batch, syncs int }{{0, 1}, {10, 5}, {1, 50}} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemory()
			s := open(t, d, durable.StoreConfig{Batch: c.batch})
			fate := d.hold("sync")
			answers := []<-chan outcome{laterPut(t.Context(), s, "first")}
			synctest.Wait()
			for i := range 50 {
				answers = append(answers, laterPut(t.Context(), s, fmt.Sprint(i)))
			}
			synctest.Wait()
			queued, _ := s.Queued()
			require.Equal(t, 50, queued)
			before := s.Stats().Syncs
			for range c.syncs + 1 {
				fate <- nil
			}
			for _, answer := range answers {
				require.NoError(t, (<-answer).err)
			}
			require.Equal(t, c.syncs+1, s.Stats().Syncs-before)
			require.Equal(t, 51, s.Stats().Keys)
		})
	}
}

func TestABatchIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{Queue: queue.Config{Bytes: 64 << 20}})
		fate := d.hold("sync")
		var answers []<-chan outcome
		for i := range 11 {
			answers = append(answers, later(func() (kv.Result, error) {
				return s.Do(t.Context(), kv.Put(fmt.Sprint(i), make([]byte, kv.MaxValue)))
			}))
			synctest.Wait()
		}
		before := d.count("append")
		for range 1 + 4 {
			fate <- nil
		}
		for _, answer := range answers {
			require.NoError(t, (<-answer).err)
		}
		require.Equal(t, 4, d.count("append")-before, "3 of 1 MiB in 4 MiB, three times, and one")
	})
}

func TestWhoGivesUpInTheQueueIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		fate := d.hold("sync")
		first := laterPut(t.Context(), s, "first")
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		gone, stays := laterPut(ctx, s, "gone"), laterPut(t.Context(), s, "stays")
		synctest.Wait()
		leave()
		answer := <-gone
		require.ErrorIs(t, answer.err, context.Canceled)
		require.NotErrorIs(t, answer.err, kv.ErrUnknown, "it will not happen")
		fate <- nil
		fate <- nil
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-stays).err)
		requireKeys(t, s, "first", "stays")
		require.EqualValues(t, 3, s.Stats().Last, "the settings and two puts")
	})
}

func TestWhoGivesUpWhileItIsWrittenKnowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		fate := d.hold("sync")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		answer := <-laterPut(ctx, s, "k")
		require.ErrorIs(t, answer.err, kv.ErrUnknown)
		require.ErrorIs(t, answer.err, context.DeadlineExceeded)
		require.Zero(t, answer.Result)
		fate <- nil
		synctest.Wait()
		requireKeys(t, s, "k")
	})
}

func TestWhoHasGivenUpBeforehandDoesNotEnter(t *testing.T) {
	s := open(t, newMemory(), durable.StoreConfig{})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := s.Do(ctx, kv.Put("k", nil))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, kv.ErrUnknown)
	put(t, s, "other", "")
	requireKeys(t, s, "other")
}

func TestWhatDoesNotFitIntoTheQueueIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{Queue: queue.Config{Bytes: 1000}})
		fate := d.hold("sync")
		first := laterPut(t.Context(), s, "first")
		synctest.Wait()
		var answers []<-chan outcome
		for i := range 50 {
			answers = append(answers, laterPut(t.Context(), s, fmt.Sprint("k", i)))
		}
		synctest.Wait()
		queued, bytes := s.Queued()
		require.LessOrEqual(t, bytes, 1000)
		for range 2 {
			fate <- nil
		}
		require.NoError(t, (<-first).err)
		refused := 0
		for _, answer := range answers {
			if err := (<-answer).err; err != nil {
				require.ErrorIs(t, err, kv.ErrOverloaded)
				require.NotErrorIs(t, err, kv.ErrUnknown)
				refused++
			}
		}
		require.Equal(t, 50-queued, refused)
		require.Equal(t, 1+queued, s.Stats().Keys, "who was refused was not served")
	})
}

func TestWhoHasWaitedTooLongIsRefusedAndNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{Queue: queue.Config{Wait: time.Second}})
		fate := d.hold("sync")
		first := laterPut(t.Context(), s, "first")
		synctest.Wait()
		late := laterPut(t.Context(), s, "late")
		time.Sleep(900 * time.Millisecond)
		intime := laterPut(t.Context(), s, "in time")
		time.Sleep(200 * time.Millisecond)
		_, err := s.Do(t.Context(), kv.Put("last", nil))
		require.ErrorIs(t, err, kv.ErrOverloaded, "the first in line has waited too long, so nobody is let in")
		fate <- nil
		fate <- nil
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-intime).err)
		err = (<-late).err
		require.ErrorIs(t, err, kv.ErrOverloaded)
		require.NotErrorIs(t, err, kv.ErrUnknown)
		requireKeys(t, s, "first", "in time")
	})
}

func TestCloseServesThoseInTheQueueAndNobodyAfterwards(t *testing.T) {
	for _, every := range []time.Duration{0, time.Hour, -1} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemory()
			s := open(t, d, durable.StoreConfig{SyncEvery: every})
			fate := d.hold("append")
			answers := []<-chan outcome{laterPut(t.Context(), s, "a")}
			synctest.Wait()
			for _, key := range []string{"b", "c"} {
				answers = append(answers, laterPut(t.Context(), s, key))
			}
			synctest.Wait()
			closed := make(chan error, 1)
			go func() { closed <- s.Close() }()
			synctest.Wait()
			require.Empty(t, closed)
			fate <- nil
			fate <- nil
			require.NoError(t, <-closed)
			for _, answer := range answers {
				require.NoError(t, (<-answer).err)
			}
			_, err := s.Do(t.Context(), kv.Put("too late", nil))
			require.ErrorContains(t, err, "closed")
			require.NotErrorIs(t, err, kv.ErrUnknown)
			d.do(nil)
			s.Close() // again, which helps nothing and harms nothing
			requireKeys(t, open(t, d.powerless(), durable.StoreConfig{}), "a", "b", "c")
		})
	}
}

func TestALazyStoreSyncsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 100 * time.Millisecond
		d := newMemory()
		s := open(t, d, durable.StoreConfig{SyncEvery: every})
		before := d.count("sync")
		for round := range 3 {
			put(t, s, fmt.Sprint("k", round), "v")
			time.Sleep(every / 2)
			put(t, s, fmt.Sprint("l", round), "v")
			time.Sleep(every/2 - 1)
			synctest.Wait()
			require.Equal(t, before+round, d.count("sync"), "acknowledged, and not yet synced")
			require.Less(t, s.Stats().Synced, s.Stats().Last)
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.Equal(t, before+round+1, d.count("sync"))
			require.Equal(t, s.Stats().Last, s.Stats().Synced)
			time.Sleep(time.Hour)
			synctest.Wait()
			require.Equal(t, before+round+1, d.count("sync"), "there is nothing to sync")
		}
		requireKeys(t, open(t, d.powerless(), durable.StoreConfig{}), "k0", "k1", "k2", "l0", "l1", "l2")
	})
}

// busy keeps a store busy: a commit takes 10 ms, and somebody always waits.
func busy(t *testing.T, d *memory, s *durable.Store) (stop func()) {
	t.Helper()
	d.do(func(op string) error {
		if op == "append" {
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	})
	end := make(chan struct{})
	for i := range 2 {
		go func() {
			time.Sleep(time.Duration(i) * 5 * time.Millisecond)
			for {
				select {
				case <-end:
					return
				default:
					if _, err := s.Do(t.Context(), kv.Put(fmt.Sprint(i), nil)); err != nil {
						return
					}
				}
			}
		}()
	}
	return func() {
		close(end)
		time.Sleep(time.Second)
	}
}

func TestALazyStoreSyncsAlsoWhenTheQueueIsNeverEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{SyncEvery: 100 * time.Millisecond})
		before := s.Stats()
		stop := busy(t, d, s)
		time.Sleep(10 * time.Second)
		after := s.Stats()
		stop()
		require.Greater(t, int(after.Last-before.Last), 900, "there was always something to commit")
		require.Greater(t, after.Syncs-before.Syncs, 60)
		require.Less(t, int(after.Last-after.Synced), 100)
	})
}

func TestAStoreThatNeverSyncsLosesNothingWhenItIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{SyncEvery: -1})
		before := d.count("sync")
		put(t, s, "k", "v")
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, before, d.count("sync"))
		requireKeys(t, open(t, d.killed(), durable.StoreConfig{}), "k")
		requireKeys(t, open(t, d.powerless(), durable.StoreConfig{})) // but the power may take it
		require.NoError(t, s.Close())
		requireKeys(t, open(t, d.powerless(), durable.StoreConfig{}), "k")
	})
}

func TestWhatIsInvalidIsNotWrittenDown(t *testing.T) {
	d := newMemory()
	s := open(t, d, durable.StoreConfig{})
	id := session.Identity{Session: openSession(t, s), Number: 1}
	before := d.count("append")
	for _, c := range []kv.Command{kv.Put("", nil), kv.Delete("\xff"), kv.Put("k", make([]byte, kv.MaxValue+1)), {}} {
		_, err := s.Do(t.Context(), c)
		require.ErrorIs(t, err, kv.ErrInvalid)
		_, err = s.DoOnce(t.Context(), id, c)
		require.ErrorIs(t, err, kv.ErrInvalid)
	}
	_, err := s.Get(t.Context(), "")
	require.ErrorIs(t, err, kv.ErrInvalid)
	_, err = s.Scan(t.Context(), kv.Range{Limit: -1})
	require.ErrorIs(t, err, kv.ErrInvalid)
	require.Equal(t, before, d.count("append"))
}

func TestWhatIsLargestIsServed(t *testing.T) {
	d := newMemory()
	s := open(t, d, durable.StoreConfig{Queue: queue.Config{Bytes: 1}})
	key, value := strings.Repeat("k", kv.MaxKey), strings.Repeat("v", kv.MaxValue)
	put(t, s, key, value)
	require.NoError(t, s.Close())
	require.Equal(t, value, get(t, open(t, d, durable.StoreConfig{}), key))
}

// On the real thing: nobody's increment is lost, and all of them are there in
// the next life.
func TestNoUpdateIsLost(t *testing.T) {
	const goroutines, times = 16, 15
	dir := t.TempDir()
	for life := 1; life <= 2; life++ {
		d, err := disk.OpenDir(dir)
		require.NoError(t, err)
		s := open(t, d, durable.StoreConfig{})
		var group sync.WaitGroup
		for range goroutines {
			group.Go(func() {
				for range times {
					_, err := kv.Update(t.Context(), s, "counter", increment)
					assert.NoError(t, err)
				}
			})
		}
		group.Wait()
		require.Equal(t, fmt.Sprint(life*goroutines*times), get(t, s, "counter"))
		require.Equal(t, s.Stats().Last, s.Stats().Synced)
		require.NoError(t, s.Close())
	}
}

func TestASecondStoreOnTheSameDirectoryIsRefused(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	s := open(t, d, durable.StoreConfig{})
	put(t, s, "k", "v")
	_, err = durable.OpenEngine(d, durable.Config{})
	require.ErrorIs(t, err, disk.ErrLocked)
	put(t, s, "l", "v")
	require.NoError(t, s.Close())
	requireKeys(t, open(t, d, durable.StoreConfig{}), "k", "l")
}

func TestReadersSeeWholeCommitsWhileOthersWrite(t *testing.T) {
	s := open(t, newMemory(), durable.StoreConfig{})
	id := session.Identity{Session: openSession(t, s), Number: 1}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			var seen kv.Version
			for {
				select {
				case <-stop:
					return
				default:
				}
				it, err := s.Get(context.Background(), "k")
				assert.NoError(t, err)
				assert.GreaterOrEqual(t, it.Version, seen, "nobody sees the past")
				seen = it.Version
				_, err = s.Scan(context.Background(), kv.Range{})
				assert.NoError(t, err)
				assert.GreaterOrEqual(t, s.Stats().Synced, seen)
			}
		})
	}
	for i := range 300 {
		put(t, s, "k", fmt.Sprint(i))
		_, err := s.DoOnce(t.Context(), id, kv.Put("once", nil))
		require.NoError(t, err)
	}
	close(stop)
	readers.Wait()
	require.NoError(t, errors.Join(s.Close(), s.Err()))
}

func TestABusyStoreCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		stop := busy(t, d, s)
		time.Sleep(time.Second)
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		time.Sleep(10 * time.Second)
		assert.Len(t, closed, 1)
		stop()
	})
}
