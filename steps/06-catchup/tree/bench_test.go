package tree_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/06-catchup/tree"
)

// What does the order cost, and what does it give? The tree beside the map of
// step 01:
//
//	go test -bench . -benchmem ./steps/06-catchup/tree

const million = 1_000_000

var value = bytes.Repeat([]byte("v"), 100)

func key(i int) string { return fmt.Sprintf("key/%07d", i) }

// filled is what both maps can do.
type filled interface {
	Apply(kv.Entry) kv.Result
	Get(string) kv.Item
	Scan(kv.Range) kv.Page
	Applied() kv.Version
}

// fill puts n keys into a map, in no order.
func fill[M filled](m M, n int) M {
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(n) {
		put(m, i)
	}
	return m
}

func put(m filled, i int) {
	m.Apply(kv.Entry{Version: m.Applied() + 1, Command: kv.Put(key(i), value)})
}

// sink keeps the compiler from leaving out what nobody looks at.
var sink any

func both(b *testing.B, work func(b *testing.B, m filled)) {
	for _, m := range []struct {
		name string
		make func() filled
	}{
		{"map", func() filled { return fill(kv.NewMap(), million) }},
		{"tree", func() filled { return fill(tree.New(), million) }},
	} {
		b.Run(m.name, func(b *testing.B) {
			m := m.make()
			b.ReportAllocs()
			work(b, m)
		})
	}
}

func BenchmarkPut(b *testing.B) {
	both(b, func(b *testing.B, m filled) {
		r := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			put(m, r.IntN(million))
		}
	})
}

func BenchmarkGet(b *testing.B) {
	both(b, func(b *testing.B, m filled) {
		r := rand.New(rand.NewPCG(1, 3))
		for b.Loop() {
			sink = m.Get(key(r.IntN(million)))
		}
	})
}

// A page of a hundred items, in a million.
func BenchmarkScan(b *testing.B) {
	both(b, func(b *testing.B, m filled) {
		r := rand.New(rand.NewPCG(1, 4))
		for b.Loop() {
			sink = m.Scan(kv.Range{After: key(r.IntN(million)), Limit: 100})
		}
	})
}

func BenchmarkFreeze(b *testing.B) {
	for _, n := range []int{1000, million} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := fill(tree.New(), n)
			b.ReportAllocs()
			for b.Loop() {
				sink = m.Freeze()
			}
		})
	}
}

// What a freeze costs those who write: the first of them in a node copies it.
// Here somebody freezes before every so many puts.
func BenchmarkPutAfterFreeze(b *testing.B) {
	for _, every := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprint("every-", every), func(b *testing.B) {
			m := fill(tree.New(), million)
			r := rand.New(rand.NewPCG(1, 5))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%every == 0 {
					sink = m.Freeze()
				}
				put(m, r.IntN(million))
			}
		})
	}
}
