package store_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/queue"
	"zeyrho/steps/04-journal/store"
)

func directory(t *testing.T) *disk.Dir {
	t.Helper()
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	return d
}

func open(t *testing.T, d disk.Disk, c store.Config) *durable.Store {
	t.Helper()
	s, err := store.Open(d, c)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s kv.Store, key, value string) {
	t.Helper()
	_, err := s.Do(t.Context(), kv.Put(key, []byte(value)))
	require.NoError(t, err)
}

func TestWhatWasAcknowledgedIsThereWhenTheStoreIsOpenedAgain(t *testing.T) {
	for _, every := range []time.Duration{0, time.Hour, -1} {
		d := directory(t)
		s := open(t, d, store.Config{SyncEvery: every})
		name, err := s.OpenSession(t.Context())
		require.NoError(t, err)
		id := session.Identity{Session: name, Number: 1}
		first, err := s.DoOnce(t.Context(), id, kv.Put("k", []byte("v")))
		require.NoError(t, err)
		put(t, s, "k", "w")
		require.NoError(t, s.Close())

		s = open(t, d, store.Config{SyncEvery: every})
		it, err := s.Get(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, "w", string(it.Value))
		again, err := s.DoOnce(t.Context(), id, kv.Put("k", []byte("v")))
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Contains(t, s.Found().String(), "4 entries")
	}
}

func TestEveryAcknowledgementWaitsForASyncUnlessToldOtherwise(t *testing.T) {
	for _, c := range []struct {
		every time.Duration
		syncs int
	}{{0, 5}, {time.Hour, 0}, {-1, 0}} {
		s := open(t, directory(t), store.Config{SyncEvery: c.every})
		before := s.Stats().Syncs
		for range 5 {
			put(t, s, "k", "")
		}
		require.Equal(t, c.syncs, s.Stats().Syncs-before, "%v", c.every)
	}
}

func TestALazyStoreSyncsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, directory(t), store.Config{SyncEvery: time.Second})
		put(t, s, "k", "")
		require.Less(t, s.Stats().Synced, s.Stats().Last)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, s.Stats().Last, s.Stats().Synced)
	})
}

func TestSessionsAreBoundedAndTheirBoundStays(t *testing.T) {
	d := directory(t)
	for _, sessions := range []int{3, 0} {
		s := open(t, d, store.Config{Sessions: sessions})
		for range 5 {
			_, err := s.OpenSession(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, 3, s.Stats().Sessions)
		require.NoError(t, s.Close())
	}
	_, err := store.Open(d, store.Config{Sessions: 4})
	require.ErrorContains(t, err, "made with room for 3 sessions")
	open(t, d, store.Config{Sessions: 3})
}

func TestSegmentsBeginWhenTheyShould(t *testing.T) {
	d := directory(t)
	s := open(t, d, store.Config{SegmentSize: 1000})
	for range 10 {
		put(t, s, "k", strings.Repeat("v", 300))
	}
	names, err := d.List()
	require.NoError(t, err)
	require.Greater(t, len(names), 3)
}

func TestTheBoundsOfTheQueueArePassedOn(t *testing.T) {
	s := open(t, directory(t), store.Config{Queue: queue.Config{Bytes: 1, Wait: time.Nanosecond}})
	refused := false
	for range 100 {
		_, err := s.Do(t.Context(), kv.Put("k", nil))
		if err != nil {
			require.ErrorIs(t, err, kv.ErrOverloaded)
			refused = true
		}
	}
	require.True(t, refused, "who can be served within a nanosecond?")
}

func TestASecondStoreIsRefused(t *testing.T) {
	d := directory(t)
	open(t, d, store.Config{})
	_, err := store.Open(d, store.Config{})
	require.ErrorIs(t, err, disk.ErrLocked)
}

// What is acknowledged is there in the next life, and so is the session.
func Example() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	d, _ := disk.OpenDir(dir)

	s, _ := store.Open(d, store.Config{})
	fmt.Println(s.Found())
	name, _ := s.OpenSession(ctx)
	id := session.Identity{Session: name, Number: 1}
	r, err := s.DoOnce(ctx, id, kv.Put("greeting", []byte("hello")))
	fmt.Println(r.Status, r.Version, err)
	s.Close()

	s, _ = store.Open(d, store.Config{})
	defer s.Close()
	it, _ := s.Get(ctx, "greeting")
	fmt.Printf("%s %d\n", it.Value, it.Version)
	r, err = s.DoOnce(ctx, id, kv.Put("greeting", []byte("hello"))) // the reply had been lost
	fmt.Println(r.Status, r.Version, err)
	// Output:
	// a new journal
	// done 3 <nil>
	// hello 3
	// done 3 <nil>
}
