package locked_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
)

// each runs a test on both stores. Two shards are few enough for keys to meet
// in one, and many enough for them not to.
func each(t *testing.T, test func(*testing.T, kv.Store)) {
	t.Run("Map", func(t *testing.T) { test(t, locked.NewMap()) })
	t.Run("Sharded", func(t *testing.T) { test(t, locked.NewSharded(2)) })
}

// increment is a change for kv.Update.
func increment(old []byte) ([]byte, error) {
	n, err := strconv.Atoi(string(append([]byte("0"), old...)))
	return strconv.AppendInt(nil, int64(n+1), 10), err
}

func put(t *testing.T, s kv.Store, key, value string) kv.Version {
	t.Helper()
	r, err := s.Do(t.Context(), kv.Put(key, []byte(value)))
	require.NoError(t, err)
	require.Equal(t, kv.Done, r.Status)
	return r.Version
}

func get(t *testing.T, s kv.Store, key string) string {
	t.Helper()
	it, err := s.Get(t.Context(), key)
	require.NoError(t, err)
	return string(it.Value)
}

func TestNoUpdateIsLost(t *testing.T) {
	each(t, func(t *testing.T, s kv.Store) {
		const goroutines, times = 8, 200
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
		assert.Equal(t, strconv.Itoa(goroutines*times), get(t, s, "counter"))
	})
}

func TestAVersionIsNeverUsedTwice(t *testing.T) {
	each(t, func(t *testing.T, s kv.Store) {
		const goroutines, times = 8, 200
		versions := make([][]kv.Version, goroutines)
		var group sync.WaitGroup
		for g := range goroutines {
			group.Go(func() {
				for i := range times {
					r, err := s.Do(t.Context(), kv.Put(fmt.Sprint("key ", i%5), nil))
					assert.NoError(t, err)
					versions[g] = append(versions[g], r.Version)
				}
			})
		}
		group.Wait()
		seen := map[kv.Version]bool{}
		for _, mine := range versions {
			assert.IsIncreasing(t, mine, "who waits for an answer gets a greater version next time")
			for _, v := range mine {
				assert.False(t, seen[v], "version %d", v)
				seen[v] = true
			}
		}
		assert.Len(t, seen, goroutines*times)
		assert.True(t, seen[1] && seen[goroutines*times], "the history has no gaps")
	})
}

func TestAFailedConditionUsesUpAVersion(t *testing.T) {
	each(t, func(t *testing.T, s kv.Store) {
		first := put(t, s, "a", "1")
		r, err := s.Do(t.Context(), kv.Put("a", []byte("2")).IfAbsent())
		require.NoError(t, err)
		assert.Equal(t, kv.Result{Status: kv.Conflict, Version: first}, r)
		assert.Equal(t, first+2, put(t, s, "b", "3"))
	})
}

// A writer goes round the keys in order and sets each to the number of the
// round. So at every instant the values, in the order of the keys, are n+1 a
// few times and then n.
func TestAPageOfAScanIsOneInstant(t *testing.T) {
	each(t, func(t *testing.T, s kv.Store) {
		const keys = 10
		for k := range keys {
			put(t, s, fmt.Sprint(k), "0")
		}
		done := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for round := 1; ; round++ {
				for k := range keys {
					if _, err := s.Do(t.Context(), kv.Put(fmt.Sprint(k), fmt.Append(nil, round))); !assert.NoError(t, err) {
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
		for range 2000 {
			checkInstant(t, s, keys)
		}
		close(done)
		group.Wait()
	})
}

func checkInstant(t *testing.T, s kv.Store, keys int) {
	p, err := s.Scan(t.Context(), kv.Range{})
	require.NoError(t, err)
	require.Len(t, p.Items, keys)
	round := func(i int) int {
		n, err := strconv.Atoi(string(p.Items[i].Value))
		require.NoError(t, err)
		return n
	}
	for i := 1; i < keys; i++ {
		require.LessOrEqual(t, round(i), round(i-1), "key %d is ahead of key %d", i, i-1)
	}
	require.LessOrEqual(t, round(0)-round(keys-1), 1, "the first key and the last")
}

func TestTwoPagesAreTwoInstants(t *testing.T) {
	each(t, func(t *testing.T, s kv.Store) {
		put(t, s, "a", "old")
		put(t, s, "b", "old")
		first, err := s.Scan(t.Context(), kv.Range{Limit: 1})
		require.NoError(t, err)
		require.True(t, first.More)

		put(t, s, "a", "new")
		put(t, s, "b", "new")

		second, err := s.Scan(t.Context(), kv.Range{After: "a"})
		require.NoError(t, err)
		assert.Equal(t, "old", string(first.Items[0].Value))
		assert.Equal(t, "new", string(second.Items[0].Value), "b was never new while a was old")
	})
}

func TestShardsTogetherAnswerLikeOneMap(t *testing.T) {
	for _, shards := range []int{1, 2, 7} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) { compare(t, locked.NewMap(), locked.NewSharded(shards)) })
	}
}

func compare(t *testing.T, one, many kv.Store) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 3000 {
		c := kv.Put(fmt.Sprint("k", random.IntN(300)), make([]byte, random.IntN(4)))
		if random.IntN(3) == 0 {
			c = kv.Delete(c.Key)
		}
		if random.IntN(3) == 0 {
			c = c.IfAbsent()
		}
		assert.Equal(t, do(t, one, c), do(t, many, c))
	}
	for range 300 {
		r := kv.Range{Prefix: fmt.Sprint("k", random.IntN(30)), Limit: random.IntN(20)}
		if random.IntN(2) == 0 {
			r.After = fmt.Sprint("k", random.IntN(300))
		}
		assert.Equal(t, scan(t, one, r), scan(t, many, r), "%+v", r)
	}
}

func TestShardsTogetherKeepTheLimitsOfAPage(t *testing.T) {
	one, many := locked.NewMap(), locked.NewSharded(3)
	for i := range kv.MaxScan + 10 {
		c := kv.Put(fmt.Sprintf("small %04d", i), nil)
		do(t, one, c)
		do(t, many, c)
	}
	for i := range 9 {
		c := kv.Put(fmt.Sprint("large ", i), make([]byte, kv.MaxValue))
		do(t, one, c)
		do(t, many, c)
	}
	for _, prefix := range []string{"small", "large", "small 000", ""} {
		want, got := scan(t, one, kv.Range{Prefix: prefix}), scan(t, many, kv.Range{Prefix: prefix})
		assert.Equal(t, want.More, got.More, prefix)
		assert.Equal(t, keysOf(want), keysOf(got), prefix)
	}
}

func do(t *testing.T, s kv.Store, c kv.Command) kv.Result {
	r, err := s.Do(t.Context(), c)
	require.NoError(t, err)
	return r
}

func scan(t *testing.T, s kv.Store, r kv.Range) kv.Page {
	p, err := s.Scan(t.Context(), r)
	require.NoError(t, err)
	return p
}

func keysOf(p kv.Page) (keys []string) {
	for _, it := range p.Items {
		keys = append(keys, it.Key)
	}
	return keys
}

// overtaken is a lock that somebody else gets first: whoever asks for it the
// first time has to wait while other runs.
type overtaken struct {
	sync.RWMutex
	other func()
}

func (l *overtaken) Lock() {
	if other := l.other; other != nil {
		l.other = nil
		other()
	}
	l.RWMutex.Lock()
}

func TestWhoIsOvertakenOnTheWayToTheLockGetsTheLaterVersion(t *testing.T) {
	for name, open := range map[string]func(locked.RWLocker) kv.Store{
		"Map": func(l locked.RWLocker) kv.Store { return locked.NewMapWith(l) },
		"Sharded": func(l locked.RWLocker) kv.Store {
			return locked.NewShardedWith(1, func() locked.RWLocker { return l })
		},
	} {
		t.Run(name, func(t *testing.T) {
			lock := new(overtaken)
			s := open(lock)
			lock.other = func() { assert.Equal(t, kv.Version(1), put(t, s, "a", "fast")) }
			assert.Equal(t, kv.Version(2), put(t, s, "a", "slow"))
			assert.Equal(t, "slow", get(t, s, "a"))
		})
	}
}

// noted is a lock that writes down who took it.
type noted struct {
	sync.RWMutex
	number int
	notes  *[]string
}

func (l *noted) RLock()   { *l.notes = append(*l.notes, fmt.Sprint("take ", l.number)) }
func (l *noted) RUnlock() { *l.notes = append(*l.notes, "free") }

func TestAScanTakesTheLocksInOneOrder(t *testing.T) {
	var notes []string
	n := 0
	s := locked.NewShardedWith(3, func() locked.RWLocker {
		n++
		return &noted{number: n, notes: &notes}
	})
	for _, r := range []kv.Range{{}, {Prefix: "z"}, {After: "a", Limit: 1}} {
		notes = nil
		scan(t, s, r)
		assert.Equal(t, []string{"take 1", "take 2", "take 3", "free", "free", "free"}, notes)
	}
}

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) {
	each(t, func(t *testing.T, s kv.Store) {
		_, err := s.Get(t.Context(), "")
		assert.ErrorIs(t, err, kv.ErrInvalid)
		_, err = s.Do(t.Context(), kv.Put("a", make([]byte, kv.MaxValue+1)))
		assert.ErrorIs(t, err, kv.ErrInvalid)
		_, err = s.Do(t.Context(), kv.Command{Key: "a"})
		assert.ErrorIs(t, err, kv.ErrInvalid)
		_, err = s.Scan(t.Context(), kv.Range{Limit: -1})
		assert.ErrorIs(t, err, kv.ErrInvalid)
		assert.Equal(t, kv.Version(1), put(t, s, "a", "1"))
	})
}

// Two goroutines read 10 and both write 11. No lock is missing here, and no
// race detector complains: it is the question that is wrong.
func Example_lostUpdate() {
	ctx, s := context.Background(), locked.NewMap()
	s.Do(ctx, kv.Put("visits", []byte("10")))
	mine, _ := s.Get(ctx, "visits")
	yours, _ := s.Get(ctx, "visits")

	next, _ := increment(mine.Value)
	s.Do(ctx, kv.Put("visits", next))
	next, _ = increment(yours.Value)
	s.Do(ctx, kv.Put("visits", next))

	it, _ := s.Get(ctx, "visits")
	fmt.Printf("two more visits than 10: %s\n", it.Value)
	// Output: two more visits than 10: 11
}

// With a condition the second one is told, looks again, and counts on.
func Example_noLostUpdate() {
	ctx, s := context.Background(), locked.NewMap()
	s.Do(ctx, kv.Put("visits", []byte("10")))
	mine, _ := s.Get(ctx, "visits")
	yours, _ := s.Get(ctx, "visits")

	next, _ := increment(mine.Value)
	r, _ := s.Do(ctx, kv.Put("visits", next).IfVersion(mine.Version))
	fmt.Println("mine:", r.Status)
	next, _ = increment(yours.Value)
	r, _ = s.Do(ctx, kv.Put("visits", next).IfVersion(yours.Version))
	fmt.Println("yours:", r.Status)
	kv.Update(ctx, s, "visits", increment) // what the loop in Update is for

	it, _ := s.Get(ctx, "visits")
	fmt.Printf("two more visits than 10: %s\n", it.Value)
	// Output:
	// mine: done
	// yours: conflict
	// two more visits than 10: 12
}
