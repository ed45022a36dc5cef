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
// On one core nobody waits for a lock, and there is nothing to gain. With
// several it pays for writes to many keys. It cannot help one hot key, whose
// shard everybody wants. And a scan that takes sixteen locks, and sorts what
// sixteen maps gave, is slower than one that takes one.
func BenchmarkMapAndShards(b *testing.B) {
	for _, w := range []struct {
		name   string
		writes int // of 100 requests
		keys   int
		scans  bool
	}{
		{"reads", 5, 1000, false},
		{"writes", 90, 1000, false},
		{"hot-key", 90, 1, false},
		{"scans", 90, 1000, true},
	} {
		b.Run(w.name+"/map", func(b *testing.B) { run(b, locked.NewMap(), w.writes, w.keys, w.scans) })
		b.Run(w.name+"/shards", func(b *testing.B) { run(b, locked.NewSharded(16), w.writes, w.keys, w.scans) })
	}
}

// run is requests from as many goroutines as there are cores. What is no write
// is a read, or a scan of ten keys.
func run(b *testing.B, s kv.Store, writes, n int, scans bool) {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%04d", i)
		s.Do(b.Context(), kv.Put(keys[i], make([]byte, 16384)))
	}
	value := make([]byte, 16384)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := keys[rand.IntN(n)]
			switch {
			case rand.IntN(100) < writes:
				s.Do(b.Context(), kv.Put(key, value))
			case scans:
				s.Scan(b.Context(), kv.Range{Prefix: key[:7], Limit: 10})
			default:
				s.Get(b.Context(), key)
			}
		}
	})
}
