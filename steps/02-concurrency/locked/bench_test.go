package locked_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
)

// BenchmarkMapAndShards shows when sharding pays. Run it with one core and
// with several:
//
//	go test -run '^$' -bench . -cpu 1,2 ./steps/02-concurrency/locked
//
// On one core hardly anybody waits for a lock, and there is nothing to gain.
// With several, sharding pays where a lock is held for long and by writers of
// different keys: large values. Small writes hold it so briefly that handing
// the locks and the one counter from core to core costs as much as it saves;
// the more cores, the sooner it pays. One hot key has one shard, whatever their
// number. And a scan takes sixteen locks instead of one.
//
// Compare the two of a pair, on a machine that does nothing else.
func BenchmarkMapAndShards(b *testing.B) {
	for _, w := range []workload{
		{"reads", 5, 1000, 64, false},
		{"small-writes", 90, 1000, 64, false},
		{"large-writes", 90, 1000, 16 << 10, false},
		{"hot-key", 90, 1, 16 << 10, false},
		{"scans", 90, 1000, 64, true},
	} {
		b.Run(w.name+"/map", func(b *testing.B) { w.run(b, locked.NewMap()) })
		b.Run(w.name+"/shards", func(b *testing.B) { w.run(b, locked.NewSharded(16)) })
	}
}

type workload struct {
	name   string
	writes int // of 100 requests; the others read
	keys   int
	size   int  // of a value, in bytes
	scans  bool // whether reading is a scan of ten keys
}

// run is requests from as many goroutines as there are cores.
func (w workload) run(b *testing.B, s kv.Store) {
	keys, value := make([]string, w.keys), make([]byte, w.size)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%04d", i)
		s.Do(b.Context(), kv.Put(keys[i], value))
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := keys[rand.IntN(len(keys))]
			switch {
			case rand.IntN(100) < w.writes:
				s.Do(b.Context(), kv.Put(key, value))
			case w.scans:
				s.Scan(b.Context(), kv.Range{Prefix: key[:7], Limit: 10})
			default:
				s.Get(b.Context(), key)
			}
		}
	})
}
