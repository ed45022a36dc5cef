package kv_test

import (
	"bytes"
	"fmt"
	"testing"

	"zeyrho/steps/01-map/kv"
)

// What do versions, conditions and the order of the history cost? These
// compare the Map with a bare Go map that copies its values, too:
//
//	go test -bench . -benchmem ./steps/01-map/kv

const benchmarkValue = 100 // bytes

func benchmarkKeys() []string {
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprintf("key/%d", i)
	}
	return keys
}

// sink keeps the compiler from leaving out what nobody looks at.
var sink []byte

func BenchmarkGet(b *testing.B) {
	keys, value := benchmarkKeys(), bytes.Repeat([]byte("v"), benchmarkValue)
	b.Run("map", func(b *testing.B) {
		bare := map[string][]byte{}
		for _, k := range keys {
			bare[k] = bytes.Clone(value)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			sink = bytes.Clone(bare[keys[i%len(keys)]])
		}
	})
	b.Run("kv", func(b *testing.B) {
		h := newHistory()
		for _, k := range keys {
			h.do(kv.Put(k, value))
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			sink = h.Get(keys[i%len(keys)]).Value
		}
	})
}

func BenchmarkPut(b *testing.B) {
	keys, value := benchmarkKeys(), bytes.Repeat([]byte("v"), benchmarkValue)
	b.Run("map", func(b *testing.B) {
		bare := map[string][]byte{}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			bare[keys[i%len(keys)]] = bytes.Clone(value)
		}
	})
	b.Run("kv", func(b *testing.B) {
		h := newHistory()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			h.do(kv.Put(keys[i%len(keys)], value))
		}
	})
}

func BenchmarkScan(b *testing.B) {
	h := newHistory()
	for _, k := range benchmarkKeys() {
		h.put(k, "v")
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Scan(kv.Range{Prefix: "key/1", Limit: 10})
	}
}
