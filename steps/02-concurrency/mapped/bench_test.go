package mapped_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/02-concurrency/mapped"
)

const benchKeys = 1000

// both runs a benchmark on a map in the memory of this process and on one that
// is fed from a file.
func both(b *testing.B, body func(*testing.B, kv.Store)) {
	b.Run("locked", func(b *testing.B) { body(b, fill(b, locked.NewMap())) })
	b.Run("mapped", func(b *testing.B) {
		s, err := mapped.Open(filepath.Join(b.TempDir(), "bench.kv"), 256<<20)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		body(b, fill(b, s))
	})
}

func fill(b *testing.B, s kv.Store) kv.Store {
	for i := range benchKeys {
		if _, err := s.Do(b.Context(), kv.Put(fmt.Sprintf("key-%04d", i), make([]byte, 64))); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkGet is what a reader pays for looking whether another process has
// written, when none has.
func BenchmarkGet(b *testing.B) {
	both(b, func(b *testing.B, s kv.Store) {
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Get(ctx, "key-0500"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPut is what a writer pays for two system calls (the lock), and for
// writing a command down before it is applied.
func BenchmarkPut(b *testing.B) {
	both(b, func(b *testing.B, s kv.Store) {
		ctx, value := b.Context(), make([]byte, 64)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Do(ctx, kv.Put("key-0500", value)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
