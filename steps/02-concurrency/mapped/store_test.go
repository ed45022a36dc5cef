package mapped_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/mapped"
)

// Two stores on one file are to each other what two processes are: each has a
// map, a mapping and an open file of its own.
func two(t *testing.T, size int64) (mine, yours *mapped.Store) {
	path := someFile(t)
	return open(t, path, size), open(t, path, size)
}

func increment(old []byte) ([]byte, error) {
	n, err := strconv.Atoi(string(append([]byte("0"), old...)))
	return strconv.AppendInt(nil, int64(n+1), 10), err
}

func do(t *testing.T, s kv.Store, c kv.Command) kv.Result {
	t.Helper()
	r, err := s.Do(t.Context(), c)
	require.NoError(t, err)
	return r
}

func get(t *testing.T, s kv.Store, key string) kv.Item {
	t.Helper()
	it, err := s.Get(t.Context(), key)
	require.NoError(t, err)
	return it
}

func TestWhatOneWritesTheOtherReads(t *testing.T) {
	mine, yours := two(t, 1<<16)
	assert.Equal(t, kv.Result{Status: kv.Done, Version: 1}, do(t, mine, kv.Put("a", []byte("1"))))
	assert.Equal(t, kv.Item{Key: "a", Value: []byte("1"), Version: 1}, get(t, yours, "a"))
	assert.Equal(t, kv.Result{Status: kv.Conflict, Version: 1}, do(t, yours, kv.Put("a", nil).IfAbsent()))
	assert.Equal(t, kv.Result{Status: kv.Done, Version: 3}, do(t, yours, kv.Delete("a").IfVersion(1)))
	assert.Equal(t, kv.Result{Status: kv.NotFound}, do(t, mine, kv.Delete("a")))
	assert.Equal(t, kv.Result{Status: kv.Done, Version: 5}, do(t, mine, kv.Put("b", nil)))
}

func TestAFileOutlivesItsStores(t *testing.T) {
	path := someFile(t)
	s := open(t, path, 1<<16)
	do(t, s, kv.Put("a", []byte("1")))
	do(t, s, kv.Put("a", nil).IfAbsent())
	require.NoError(t, s.Close())

	s = open(t, path, 1<<20)
	assert.Equal(t, kv.Version(1), get(t, s, "a").Version)
	assert.Equal(t, kv.Version(3), do(t, s, kv.Put("b", nil)).Version)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, int64(1<<16), info.Size(), "the size that it was made with")
}

func TestNoUpdateIsLostBetweenGoroutinesAndFiles(t *testing.T) {
	mine, yours := two(t, 1<<20)
	var group sync.WaitGroup
	for _, s := range []*mapped.Store{mine, mine, yours, yours} {
		group.Go(func() {
			for range 100 {
				_, err := kv.Update(t.Context(), s, "counter", increment)
				assert.NoError(t, err)
			}
		})
	}
	group.Wait()
	assert.Equal(t, "400", string(get(t, mine, "counter").Value))
	assert.Equal(t, get(t, mine, "counter"), get(t, yours, "counter"))
}

// A writer goes round the keys in order and sets each to the number of the
// round: at every instant the values are n+1 a few times and then n.
func TestAPageOfAScanIsOneInstant(t *testing.T) {
	const keys = 5
	mine, yours := two(t, 4<<20)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ctx.Err() == nil && i < 50_000; i++ {
			_, err := mine.Do(t.Context(), kv.Put(fmt.Sprint(i%keys), fmt.Appendf(nil, "%09d", i/keys)))
			assert.NoError(t, err)
		}
	})
	for range 500 {
		p, err := yours.Scan(t.Context(), kv.Range{})
		require.NoError(t, err)
		var values []string
		for _, it := range p.Items {
			values = append(values, string(it.Value))
		}
		require.IsNonIncreasing(t, values)
		if len(values) == keys {
			first, _ := strconv.Atoi(values[0])
			last, _ := strconv.Atoi(values[keys-1])
			require.LessOrEqual(t, first-last, 1, "%q", values)
		}
	}
	cancel()
	group.Wait()
}

func TestAWriterWaitsForTheLockAndAReaderDoesNot(t *testing.T) {
	path := someFile(t)
	mine, yours := open(t, path, 1<<16), open(t, path, 1<<16)
	do(t, yours, kv.Put("a", []byte("1")))
	free := otherLock(t, path)
	require.NotNil(t, free)

	assert.Equal(t, "1", string(get(t, mine, "a").Value))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := mine.Do(ctx, kv.Put("a", []byte("2")))
	assert.ErrorIs(t, err, mapped.ErrBusy)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, kv.ErrUnknown)
	assert.ErrorContains(t, err, "nothing has happened")

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = mine.Do(ctx, kv.Put("a", []byte("2")))
	assert.ErrorIs(t, err, mapped.ErrBusy)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "you stopped waiting")

	free()
	assert.Equal(t, kv.Version(2), do(t, mine, kv.Put("a", []byte("3"))).Version, "nothing had happened")
}

// A caller who has gone still has a goroutine that waits for the lock. When the
// lock comes, it must be given back, and it must not be taken from the next
// caller of the same store, who has begun to wait meanwhile.
func TestALockThatComesTooLateIsGivenBack(t *testing.T) {
	path := someFile(t)
	mine, yours := open(t, path, 1<<20), open(t, path, 1<<20)
	for round := range 40 {
		free := otherLockSoon(t, path) // the round before may still be giving it back
		for range 3 {
			impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := mine.Do(impatient, kv.Put("impatient", nil))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}

		if round%2 == 0 { // nobody of mine waits, and yours must not have to
			free()
			do(t, yours, kv.Put("yours", nil))
			continue
		}
		var group sync.WaitGroup
		for _, s := range []*mapped.Store{mine, mine, yours, yours} {
			group.Go(func() {
				_, err := kv.Update(t.Context(), s, "patient", increment)
				assert.NoError(t, err)
			})
		}
		free()
		group.Wait()
	}
	assert.Equal(t, "80", string(get(t, mine, "patient").Value))
	assert.False(t, get(t, yours, "impatient").Exists())
}

func TestAContextThatHasEndedWritesNothing(t *testing.T) {
	s := open(t, someFile(t), 1<<16)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Do(ctx, kv.Put("a", nil))
	assert.ErrorIs(t, err, context.Canceled)
	assert.False(t, get(t, s, "a").Exists())
}

func TestAFullFileRefusesWritesAndGoesOnReading(t *testing.T) {
	mine, yours := two(t, mapped.MinSize)
	written := 0
	for {
		_, err := mine.Do(t.Context(), kv.Put(fmt.Sprint(written), make([]byte, 100)))
		if err != nil {
			assert.ErrorIs(t, err, mapped.ErrFull)
			assert.ErrorContains(t, err, "larger size")
			break
		}
		written++
	}
	assert.Greater(t, written, 10)
	used, size, err := mine.Used()
	require.NoError(t, err)
	assert.Less(t, size-used, uint64(200))
	for _, s := range []*mapped.Store{mine, yours} {
		_, err := s.Do(t.Context(), kv.Put("too late", make([]byte, 100)))
		assert.ErrorIs(t, err, mapped.ErrFull)
		p, err := s.Scan(t.Context(), kv.Range{})
		require.NoError(t, err)
		assert.Len(t, p.Items, written)
	}
}

func TestTheLargestCommandFits(t *testing.T) {
	mine, yours := two(t, 2<<20)
	key, value := strings.Repeat("k", kv.MaxKey), make([]byte, kv.MaxValue)
	do(t, mine, kv.Put(key, value))
	assert.Equal(t, value, get(t, yours, key).Value)
}

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) {
	s := open(t, someFile(t), 1<<16)
	_, err := s.Get(t.Context(), "")
	assert.ErrorIs(t, err, kv.ErrInvalid)
	_, err = s.Do(t.Context(), kv.Put("a", make([]byte, kv.MaxValue+1)))
	assert.ErrorIs(t, err, kv.ErrInvalid)
	_, err = s.Do(t.Context(), kv.Command{Key: "a"})
	assert.ErrorIs(t, err, kv.ErrInvalid)
	_, err = s.Scan(t.Context(), kv.Range{Limit: -1})
	assert.ErrorIs(t, err, kv.ErrInvalid)
	assert.Equal(t, kv.Version(1), do(t, s, kv.Put("a", nil)).Version)
}

func TestAClosedStoreSaysSo(t *testing.T) {
	path := someFile(t)
	s := open(t, path, 1<<16)
	do(t, s, kv.Put("a", nil))
	free := otherLock(t, path)
	require.NotNil(t, free)
	defer free()
	waiting := make(chan error)
	go func() {
		_, err := s.Do(t.Context(), kv.Put("a", nil))
		waiting <- err
	}()

	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice is fine")

	assert.ErrorIs(t, <-waiting, mapped.ErrClosed, "even who waits for a lock is told")
	_, err := s.Get(t.Context(), "a")
	assert.ErrorIs(t, err, mapped.ErrClosed)
	_, err = s.Scan(t.Context(), kv.Range{})
	assert.ErrorIs(t, err, mapped.ErrClosed)
	_, err = s.Do(t.Context(), kv.Put("a", nil))
	assert.ErrorIs(t, err, mapped.ErrClosed)
}

func TestAStoreMayBeClosedWhileOthersUseIt(t *testing.T) {
	s := open(t, someFile(t), 1<<20)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				if _, err := s.Do(t.Context(), kv.Put("a", nil)); err != nil {
					assert.ErrorIs(t, err, mapped.ErrClosed)
					return
				}
				if _, err := s.Get(t.Context(), "a"); err != nil {
					assert.ErrorIs(t, err, mapped.ErrClosed)
					return
				}
			}
		})
	}
	for get(t, s, "a").Version < 50 {
	}
	require.NoError(t, s.Close())
	group.Wait()
}

// Two stores on one file, as two processes would have them.
func Example() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	ctx, path := context.Background(), filepath.Join(dir, "shared.kv")

	mine, _ := mapped.Open(path, 1<<20)
	defer mine.Close()
	yours, _ := mapped.Open(path, 1<<20)
	defer yours.Close()

	r, _ := mine.Do(ctx, kv.Put("greeting", []byte("hello")))
	fmt.Println("mine:", r.Status, r.Version)
	r, _ = yours.Do(ctx, kv.Put("greeting", []byte("hello")).IfAbsent())
	fmt.Println("yours:", r.Status, r.Version)
	// Output:
	// mine: done 1
	// yours: conflict 1
}
