package kv_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
)

// model is a map written by somebody who has never heard of maps: a sorted
// slice. If it agrees with kv.Map on thousands of random commands, they are
// either both right or wrong in the same way.
type model []kv.Item

func (m model) find(key string) (int, bool) {
	return slices.BinarySearchFunc(m, key, func(it kv.Item, key string) int {
		return strings.Compare(it.Key, key)
	})
}

func (m *model) apply(e kv.Entry) kv.Result {
	c := e.Command
	i, found := m.find(c.Key)
	var at kv.Version
	if found {
		at = (*m)[i].Version
	}
	if c.If.Checked && c.If.Version != at {
		return kv.Result{Status: kv.Conflict, Version: at}
	}
	if c.Op == kv.OpDelete && !found {
		return kv.Result{Status: kv.NotFound}
	}
	if found {
		*m = slices.Delete(*m, i, i+1)
	}
	if c.Op == kv.OpPut {
		*m = slices.Insert(*m, i, kv.Item{Key: c.Key, Value: slices.Clone(c.Value), Version: e.Version})
	}
	return kv.Result{Status: kv.Done, Version: e.Version}
}

func (m model) scan(r kv.Range) kv.Page {
	var p kv.Page
	for _, it := range m {
		if it.Key <= r.After || !strings.HasPrefix(it.Key, r.Prefix) {
			continue
		}
		if r.Limit > 0 && len(p.Items) == r.Limit {
			return kv.Page{Items: p.Items, More: true}
		}
		p.Items = append(p.Items, it)
	}
	return p
}

// randomKey returns one of few keys, so that commands meet.
func randomKey(r *rand.Rand) string {
	return []string{"a", "ab", "abc", "b", "ba", "c", "é", "\x00"}[r.IntN(8)]
}

func randomEntry(r *rand.Rand, last kv.Version) kv.Entry {
	c := kv.Put(randomKey(r), []byte(fmt.Sprint(r.IntN(100))))
	if r.IntN(3) == 0 {
		c = kv.Delete(c.Key)
	}
	switch r.IntN(4) {
	case 0:
		c = c.IfAbsent()
	case 1: // often right: a version of the recent past
		c = c.IfVersion(last - min(last, kv.Version(r.IntN(8))))
	}
	return kv.Entry{Version: last + 1 + kv.Version(r.IntN(2)), Command: c}
}

func TestTheMapDoesWhatTheModelDoes(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		real, model := kv.NewMap(), model{}
		for range 100 {
			e := randomEntry(r, real.Applied())
			require.Equal(t, model.apply(e), real.Apply(e), "seed %d, %v", seed, e)
			require.Equal(t, e.Version, real.Applied())
			require.Equal(t, len(model), real.Len())

			asked := kv.Range{Prefix: []string{"", "a", "b", "é"}[r.IntN(4)], Limit: r.IntN(4)}
			if r.IntN(2) == 0 {
				asked.After = randomKey(r)
			}
			if d := cmp.Diff(model.scan(asked), real.Scan(asked)); d != "" {
				t.Fatalf("seed %d, %v, %+v (-model +map):\n%s", seed, e, asked, d)
			}
		}
	}
}

// What all later steps rest on: a journal that is read again, a follower, a
// process that catches up come to the same map because they apply the same.
func TestTheSameEntriesGiveTheSameMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	first, second := kv.NewMap(), kv.NewMap()
	var log []kv.Entry
	for range 500 {
		e := randomEntry(r, first.Applied())
		log = append(log, e)
		first.Apply(e)
	}
	for _, e := range log {
		second.Apply(e)
	}
	require.Equal(t, first.Applied(), second.Applied())
	require.Equal(t, first.Scan(kv.Range{}), second.Scan(kv.Range{}))
}
