package tree_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/06-catchup/tree"
)

// randomKey returns one of n keys, some of which are prefixes of others.
func randomKey(r *rand.Rand, n int) string {
	k := r.IntN(n)
	return strings.Repeat("ab", 1+k%3) + fmt.Sprintf("%x", k)
}

func randomEntry(r *rand.Rand, last kv.Version, keys int) kv.Entry {
	c := kv.Put(randomKey(r, keys), []byte(fmt.Sprint(r.IntN(100))))
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

// grow applies n random entries.
func grow(m *tree.Map, r *rand.Rand, n, keys int) {
	for range n {
		m.Apply(randomEntry(r, m.Applied(), keys))
	}
}

func randomRange(r *rand.Rand, keys int) kv.Range {
	asked := kv.Range{Prefix: []string{"", "a", "ab", "abab1", "b", "zz"}[r.IntN(6)], Limit: r.IntN(20)}
	if r.IntN(2) == 0 {
		asked.After = randomKey(r, keys)
	}
	return asked
}

func TestTheTreeDoesWhatTheMapDoes(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		keys := []int{8, 300, 5000}[seed%3]
		want, got := kv.NewMap(), tree.New()
		for i := range 3000 {
			e := randomEntry(r, want.Applied(), keys)
			require.Equal(t, want.Apply(e), got.Apply(e), "seed %d, %v", seed, e)
			require.Equal(t, want.Applied(), got.Applied())
			require.Equal(t, want.Len(), got.Len())
			require.Equal(t, want.Get(e.Command.Key), got.Get(e.Command.Key))
			if i%100 > 0 {
				continue
			}
			asked := randomRange(r, keys)
			if d := cmp.Diff(want.Scan(asked), got.Scan(asked)); d != "" {
				t.Fatalf("seed %d, %v, %+v (-map +tree):\n%s", seed, e, asked, d)
			}
		}
	}
}

func TestAPageEndsWhereThatOfTheMapDoes(t *testing.T) {
	want, got := kv.NewMap(), tree.New()
	for i := range 2500 {
		size := i % 7
		if i < 12 {
			size = kv.MaxValue // so that pages end by their size
		}
		e := kv.Entry{Version: kv.Version(i + 1), Command: kv.Put(fmt.Sprintf("%05d", i), make([]byte, size))}
		want.Apply(e)
		got.Apply(e)
	}
	pages := 0
	for r := (kv.Range{}); ; pages++ {
		page := got.Scan(r)
		require.Equal(t, want.Scan(r), page)
		if !page.More {
			break
		}
		r.After = page.Items[len(page.Items)-1].Key
	}
	require.Greater(t, pages, 3)
}

func TestAnOldVersionIsABugOfTheCaller(t *testing.T) {
	m := tree.New()
	m.Apply(kv.Entry{Version: 5, Command: kv.Put("k", nil)})
	for _, v := range []kv.Version{5, 4, 0} {
		require.PanicsWithValue(t, fmt.Sprintf("tree: entry %d applied after entry 5", v), func() {
			m.Apply(kv.Entry{Version: v, Command: kv.Put("k", nil)})
		})
	}
	require.Panics(t, func() { m.Apply(kv.Entry{Version: 6, Command: kv.Command{Key: "k"}}) }, "neither put nor delete")
}

func TestTheMapSharesNoMemoryWithItsCallers(t *testing.T) {
	m, value := tree.New(), []byte("value")
	m.Apply(kv.Entry{Version: 1, Command: kv.Put("k", value)})
	frozen := m.Freeze()
	clear(value)
	clear(m.Get("k").Value)
	clear(m.Scan(kv.Range{}).Items[0].Value)
	clear(frozen.Get("k").Value)
	clear(frozen.Scan(kv.Range{}).Items[0].Value)
	require.Equal(t, "value", string(m.Get("k").Value))
	require.Equal(t, "value", string(frozen.Get("k").Value))
}

func TestAnEmptyValueIsNotAnAbsentOne(t *testing.T) {
	m := tree.New()
	m.Apply(kv.Entry{Version: 1, Command: kv.Put("empty", nil)})
	require.Equal(t, kv.Item{Key: "empty", Value: []byte{}, Version: 1}, m.Get("empty"))
	require.Equal(t, kv.Item{Key: "absent"}, m.Get("absent"))
}

// copied returns the items, with values of their own.
func copied(items iter.Seq[kv.Item]) (list []kv.Item) {
	for it := range items {
		it.Value = slices.Clone(it.Value)
		list = append(list, it)
	}
	return list
}

func TestAFrozenMapDoesNotChange(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	m := tree.New()
	type moment struct {
		frozen  *tree.Frozen
		items   []kv.Item
		applied kv.Version
	}
	var moments []moment
	for range 40 {
		grow(m, r, 400, 3000)
		moments = append(moments, moment{m.Freeze(), copied(m.All()), m.Applied()})
	}
	for _, at := range moments {
		require.Equal(t, at.items, copied(at.frozen.All()))
		require.Equal(t, at.applied, at.frozen.Applied())
		require.Equal(t, len(at.items), at.frozen.Len())
		for _, it := range at.items[:50] {
			require.Equal(t, it, at.frozen.Get(it.Key))
		}
		require.Equal(t, at.items[:10], at.frozen.Scan(kv.Range{Limit: 10}).Items)
	}
}

// With -race, this says that nobody looks at what another changes.
func TestAFrozenMapIsWalkedWhileTheMapGoesOn(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2))
	m := tree.New()
	var walkers sync.WaitGroup
	for range 10 {
		grow(m, r, 500, 3000)
		frozen, want := m.Freeze(), copied(m.All())
		for range 2 {
			walkers.Go(func() {
				for range 3 {
					if d := cmp.Diff(want, copied(frozen.All())); d != "" {
						t.Errorf("the frozen map has changed:\n%s", d)
					}
					frozen.Get(want[0].Key)
					frozen.Scan(kv.Range{After: want[0].Key, Limit: 5})
				}
			})
		}
	}
	grow(m, r, 5000, 3000)
	walkers.Wait()
}

func TestAllIsSortedAndCanBeLeftEarly(t *testing.T) {
	m := tree.New()
	grow(m, rand.New(rand.NewPCG(6, 3)), 2000, 1000)
	items := copied(m.All())
	require.Len(t, items, m.Len())
	require.True(t, slices.IsSortedFunc(items, func(a, b kv.Item) int { return strings.Compare(a.Key, b.Key) }))
	n := 0
	for range m.All() {
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
	require.Empty(t, copied(tree.New().All()))
}

// sequence returns the items, and then an error if there is one.
func sequence(items []kv.Item, err error) iter.Seq2[kv.Item, error] {
	return func(yield func(kv.Item, error) bool) {
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
		if err != nil {
			yield(kv.Item{}, err)
		}
	}
}

func TestARestoredMapIsTheMap(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5000} {
		r := rand.New(rand.NewPCG(6, uint64(n)))
		m := tree.New()
		grow(m, r, n, 4000)
		items := copied(m.All())
		restored, err := tree.Restore(m.Applied(), sequence(items, nil))
		require.NoError(t, err)
		require.Equal(t, m.Applied(), restored.Applied())
		require.Equal(t, m.Len(), restored.Len())
		for _, it := range items {
			clear(it.Value) // it has values of its own
		}
		for range 2000 { // and goes on as the map does
			e := randomEntry(r, m.Applied(), 4000)
			require.Equal(t, m.Apply(e), restored.Apply(e))
		}
		require.Equal(t, copied(m.All()), copied(restored.All()))
	}
}

func TestWhatCannotBeInAMapIsNotRestored(t *testing.T) {
	broken := errors.New("broken")
	for want, items := range map[string][]kv.Item{
		`key "a" comes after key "b"`:                  {{Key: "b", Version: 1}, {Key: "a", Version: 2}},
		`key "a" comes after key "a"`:                  {{Key: "a", Version: 1}, {Key: "a", Version: 2}},
		`key "" comes after key ""`:                    {{Key: "", Version: 1}},
		`key "a" has version 0, in a map at version 7`: {{Key: "a"}},
		`key "a" has version 8, in a map at version 7`: {{Key: "a", Version: 8}},
		broken.Error():                                 {{Key: "a", Version: 7}},
	} {
		_, err := tree.Restore(7, sequence(items, broken))
		require.EqualError(t, err, want)
	}
}
