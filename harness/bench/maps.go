package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/02-concurrency/mapped"
)

// inProcess lists the comparisons that need no other process.
func inProcess() []comparison {
	list := []comparison{
		{name: "kv-get", unit: operations, what: "a Get, which copies the value", aim: Aim{AtMost: 2, Allocs: 1}, open: openGet},
		{name: "kv-put", unit: operations, what: "a put, which copies the value", aim: Aim{AtMost: 2}, open: openPut},
		{name: "mapped-get", unit: operations, what: "a Get, while nothing is written", aim: Aim{AtMost: 2}, open: openMapped},
	}
	cpus := runtime.NumCPU()
	for _, procs := range slices.Compact([]int{1, min(2, cpus), cpus}) {
		for _, w := range []workload{{"reads", 5, procs}, {"writes", 90, procs}} {
			list = append(list, comparison{
				name: fmt.Sprintf("sharded-%s-%d", w.name, procs),
				what: fmt.Sprintf("%d goroutines, %d %% writes, GOMAXPROCS %d", goroutines, w.writes, procs),
				unit: operations,
				open: w.open,
			})
		}
	}
	return list
}

// sink keeps what a loop read, or the compiler might see that nobody wants it.
type sink struct{ value []byte }

// each calls f for n keys, round and round.
func (b *bench) each(n int, f func(key string)) {
	at := 0
	for range n {
		f(b.keys[at])
		if at++; at == len(b.keys) {
			at = 0
		}
	}
}

func nothing() {}

// fill returns a map and a Go map that hold the same.
func (b *bench) fill() (*kv.Map, map[string][]byte) {
	m, bare := kv.NewMap(), make(map[string][]byte)
	for _, key := range b.keys {
		m.Apply(kv.Entry{Version: m.Applied() + 1, Command: kv.Put(key, b.value)})
		bare[key] = bytes.Clone(b.value)
	}
	return m, bare
}

func openGet(_ context.Context, b *bench) (ours, bare side, end func(), err error) {
	m, plain := b.fill()
	var kept sink
	ours = side{"kv.Map", loop(func(n int) {
		b.each(n, func(key string) { kept.value = m.Get(key).Value })
	})}
	bare = side{"a Go map", loop(func(n int) {
		b.each(n, func(key string) { kept.value = bytes.Clone(plain[key]) })
	})}
	return ours, bare, nothing, nil
}

func openPut(_ context.Context, b *bench) (ours, bare side, end func(), err error) {
	m, plain := b.fill()
	ours = side{"kv.Map", loop(func(n int) {
		b.each(n, func(key string) {
			m.Apply(kv.Entry{Version: m.Applied() + 1, Command: kv.Put(key, b.value)})
		})
	})}
	bare = side{"a Go map", loop(func(n int) {
		b.each(n, func(key string) { plain[key] = bytes.Clone(b.value) })
	})}
	return ours, bare, nothing, nil
}

func openMapped(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	dir, err := os.MkdirTemp("", "zeyrho-bench-")
	if err != nil {
		return ours, bare, nil, err
	}
	frames := int64(len(b.keys)) * int64(b.Value+128) // more than they take
	file, err := mapped.Open(filepath.Join(dir, "log"), mapped.MinSize+frames)
	if err != nil {
		os.RemoveAll(dir)
		return ours, bare, nil, err
	}
	end = func() {
		file.Close()
		os.RemoveAll(dir)
	}
	memory := locked.NewMap()
	for _, s := range []kv.Store{file, memory} {
		if err := b.put(ctx, s); err != nil {
			end()
			return ours, bare, nil, err
		}
	}
	return b.getter(ctx, "mapped.Store", file), b.getter(ctx, "locked.Map", memory), end, nil
}

// put puts every key into a store.
func (b *bench) put(ctx context.Context, s kv.Store) error {
	for _, key := range b.keys {
		if _, err := s.Do(ctx, kv.Put(key, b.value)); err != nil {
			return err
		}
	}
	return nil
}

// getter is a side that reads one key after another.
func (b *bench) getter(ctx context.Context, name string, s kv.Store) side {
	var kept sink
	return side{name, loop(func(n int) {
		b.each(n, func(key string) {
			it, err := s.Get(ctx, key)
			if err != nil {
				panic(err) // of a store in memory, and a key that it holds
			}
			kept.value = it.Value
		})
	})}
}

const (
	shards     = 16 // of locked.Sharded
	goroutines = 8  // that use a store at the same time
)

// workload is what several goroutines do to a store at the same time.
type workload struct {
	name   string
	writes int // of 100 requests; the others read
	procs  int // GOMAXPROCS meanwhile
}

func (w workload) open(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	sharded, one := locked.NewSharded(shards), locked.NewMap()
	for _, s := range []kv.Store{sharded, one} {
		if err := b.put(ctx, s); err != nil {
			return ours, bare, nil, err
		}
	}
	before := runtime.GOMAXPROCS(w.procs)
	end = func() { runtime.GOMAXPROCS(before) }
	ours = side{fmt.Sprintf("locked.Sharded (%d)", shards), loop(w.on(ctx, b, sharded))}
	bare = side{"locked.Map", loop(w.on(ctx, b, one))}
	return ours, bare, end, nil
}

// on returns a function that does n requests, by several goroutines.
func (w workload) on(ctx context.Context, b *bench, s kv.Store) func(n int) {
	return func(n int) {
		var group sync.WaitGroup
		for g := range goroutines {
			mine := (n + g) / goroutines // together n
			group.Go(func() { w.requests(ctx, b, s, rand.New(rand.NewPCG(1, uint64(g))), mine) })
		}
		group.Wait()
	}
}

func (w workload) requests(ctx context.Context, b *bench, s kv.Store, random *rand.Rand, n int) {
	for range n {
		key := b.keys[random.IntN(len(b.keys))]
		var err error
		if random.IntN(100) < w.writes {
			_, err = s.Do(ctx, kv.Put(key, b.value))
		} else {
			_, err = s.Get(ctx, key)
		}
		if err != nil {
			panic(err) // of a store in memory
		}
	}
}
