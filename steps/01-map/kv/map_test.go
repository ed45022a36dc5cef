package kv_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
)

// history applies commands to a map, each at the next version.
type history struct{ *kv.Map }

func newHistory() history { return history{kv.NewMap()} }

func (h history) do(c kv.Command) kv.Result {
	return h.Apply(kv.Entry{Version: h.Applied() + 1, Command: c})
}

func (h history) put(key, value string) kv.Result { return h.do(kv.Put(key, []byte(value))) }

func keys(p kv.Page) string {
	var all []string
	for _, it := range p.Items {
		all = append(all, it.Key)
	}
	return strings.Join(all, " ")
}

// Somebody reads version 1. The key is deleted and put again, with the very
// same value. A store that counted per key would be back at version 1, and the
// reader would think that nothing had happened (the ABA problem).
func TestAVersionIsNeverUsedTwice(t *testing.T) {
	h := newHistory()
	seen := h.put("k", "same").Version
	h.do(kv.Delete("k"))
	again := h.put("k", "same").Version
	assert.Greater(t, again, seen)

	r := h.do(kv.Put("k", []byte("mine")).IfVersion(seen))
	assert.Equal(t, kv.Result{Status: kv.Conflict, Version: again}, r)
	assert.Equal(t, "same", string(h.Get("k").Value))
}

func TestTheVersionOfAKeyIsThatOfItsLastPut(t *testing.T) {
	h := newHistory()
	h.put("a", "1")
	h.put("b", "1")
	h.put("a", "2")
	assert.Equal(t, kv.Item{Key: "a", Value: []byte("2"), Version: 3}, h.Get("a"))
	assert.Equal(t, kv.Item{Key: "b", Value: []byte("1"), Version: 2}, h.Get("b"))
	assert.Equal(t, kv.Version(3), h.Applied())
	assert.Equal(t, 2, h.Len())
}

func TestMissingAndEmptyDiffer(t *testing.T) {
	h := newHistory()
	h.do(kv.Put("empty", nil))
	assert.Equal(t, kv.Item{Key: "empty", Value: []byte{}, Version: 1}, h.Get("empty"))
	assert.True(t, h.Get("empty").Exists())
	assert.Equal(t, kv.Item{Key: "missing"}, h.Get("missing"))
	assert.False(t, h.Get("missing").Exists())
	assert.Equal(t, "empty", keys(h.Scan(kv.Range{})))
}

func TestNobodyChangesTheMapThroughASlice(t *testing.T) {
	h := newHistory()
	given := []byte("value")
	h.do(kv.Put("k", given))
	got := h.Get("k").Value
	scanned := h.Scan(kv.Range{}).Items[0].Value

	given[0], got[1], scanned[2] = '!', '!', '!'
	_ = append(got[:0], "other"...)
	assert.Equal(t, "value", string(h.Get("k").Value))

	h.put("k", "later")
	assert.Equal(t, "va!ue", string(scanned), "and the map does not change what it gave away")
}

func TestAConditionThatFailsUsesUpAVersionAndChangesNothing(t *testing.T) {
	there := kv.Item{Key: "there", Value: []byte("old"), Version: 1}
	conflict := kv.Result{Status: kv.Conflict, Version: 1}
	gone := kv.Result{Status: kv.Conflict}
	for _, test := range []struct {
		name    string
		command kv.Command
		want    kv.Result
	}{
		{"put at another version", kv.Put("there", []byte("new")).IfVersion(7), conflict},
		{"put if absent", kv.Put("there", []byte("new")).IfAbsent(), conflict},
		{"put of an absent key", kv.Put("missing", []byte("new")).IfVersion(1), gone},
		{"delete at another version", kv.Delete("there").IfVersion(7), conflict},
		{"delete if absent", kv.Delete("there").IfAbsent(), conflict},
		{"delete of an absent key at a version", kv.Delete("missing").IfVersion(1), gone},
		{"delete of an absent key", kv.Delete("missing"), kv.Result{Status: kv.NotFound}},
		{"delete of an absent key if absent", kv.Delete("missing").IfAbsent(), kv.Result{Status: kv.NotFound}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory()
			h.put("there", "old")
			assert.Equal(t, test.want, h.do(test.command))
			assert.Equal(t, kv.Version(2), h.Applied())
			assert.Equal(t, []kv.Item{there}, h.Scan(kv.Range{}).Items)
		})
	}
}

func TestAConditionThatHoldsIsNoHindrance(t *testing.T) {
	h := newHistory()
	assert.Equal(t, kv.Result{Status: kv.Done, Version: 1}, h.do(kv.Put("k", nil).IfAbsent()))
	assert.Equal(t, kv.Result{Status: kv.Done, Version: 2}, h.do(kv.Put("k", nil).IfVersion(1)))
	assert.Equal(t, kv.Result{Status: kv.Done, Version: 3}, h.do(kv.Delete("k").IfVersion(2)))
	assert.Equal(t, 0, h.Len())
}

func TestAnEntryIsNotAppliedTwiceNorOutOfOrder(t *testing.T) {
	m := kv.NewMap()
	m.Apply(kv.Entry{Version: 5, Command: kv.Put("k", []byte("5"))})
	for _, v := range []kv.Version{5, 4, 0} {
		assert.Panics(t, func() { m.Apply(kv.Entry{Version: v, Command: kv.Put("k", nil)}) })
	}
	assert.Equal(t, kv.Version(5), m.Applied())
	assert.Equal(t, "5", string(m.Get("k").Value))
	assert.Equal(t, kv.Result{Status: kv.Done, Version: 9},
		m.Apply(kv.Entry{Version: 9, Command: kv.Delete("k")}), "gaps are allowed")
}

func TestACommandWithoutAnOpIsNoticed(t *testing.T) {
	assert.Panics(t, func() { newHistory().do(kv.Command{Key: "k"}) })
}

func TestAScanIsSortedByBytes(t *testing.T) {
	h := newHistory()
	for _, k := range strings.Fields("é b a10 a a2 Z ~ 日本") {
		h.put(k, k)
	}
	assert.Equal(t, "Z a a10 a2 b ~ é 日本", keys(h.Scan(kv.Range{})))
}

func TestAScanKeepsToItsRange(t *testing.T) {
	h := newHistory()
	for _, k := range strings.Fields("a b/1 b/2 b/3 b0 c") {
		h.put(k, k)
	}
	for _, test := range []struct {
		name string
		r    kv.Range
		want string
		more bool
	}{
		{"everything", kv.Range{}, "a b/1 b/2 b/3 b0 c", false},
		{"a prefix", kv.Range{Prefix: "b/"}, "b/1 b/2 b/3", false},
		{"a prefix that is a key", kv.Range{Prefix: "b/2"}, "b/2", false},
		{"a prefix of nothing", kv.Range{Prefix: "x"}, "", false},
		{"after a key", kv.Range{After: "b/2"}, "b/3 b0 c", false},
		{"after a key that is not there", kv.Range{After: "b/25"}, "b/3 b0 c", false},
		{"after the last key", kv.Range{After: "c"}, "", false},
		{"after a key before the prefix", kv.Range{Prefix: "b/", After: "a"}, "b/1 b/2 b/3", false},
		{"a limit", kv.Range{Limit: 2}, "a b/1", true},
		{"a limit that is just enough", kv.Range{Prefix: "b/", Limit: 3}, "b/1 b/2 b/3", false},
		{"all of them", kv.Range{Prefix: "b/", After: "b/1", Limit: 1}, "b/2", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := h.Scan(test.r)
			assert.Equal(t, test.want, keys(p))
			assert.Equal(t, test.more, p.More)
		})
	}
}

func TestPagesAddUpToTheWhole(t *testing.T) {
	h := newHistory()
	for _, k := range strings.Fields("e b d a c") {
		h.put(k, k)
	}
	for limit := range 6 {
		r := kv.Range{Limit: limit + 1}
		var all []string
		for more := true; more; {
			p := h.Scan(r)
			require.LessOrEqual(t, len(p.Items), r.Limit)
			all = append(all, keys(p))
			r.After, more = p.Items[len(p.Items)-1].Key, p.More
		}
		assert.Equal(t, "a b c d e", strings.Join(all, " "))
	}
}

func TestAPageHoldsAtMostMaxScanItems(t *testing.T) {
	h := newHistory()
	for i := range kv.MaxScan + 1 {
		h.put(strings.Repeat("k", i%kv.MaxKey+1)+string(rune('a'+i/kv.MaxKey)), "")
	}
	for _, limit := range []int{0, kv.MaxScan, kv.MaxScan + 1} {
		p := h.Scan(kv.Range{Limit: limit})
		assert.Len(t, p.Items, kv.MaxScan)
		assert.True(t, p.More)
	}
}

func TestAPageEndsOnceItHoldsMaxPageBytes(t *testing.T) {
	h := newHistory()
	big := bytes.Repeat([]byte("x"), kv.MaxValue)
	for _, k := range strings.Fields("a b c d e") {
		h.do(kv.Put(k, big))
	}
	first := h.Scan(kv.Range{})
	assert.Equal(t, "a b c d", keys(first))
	assert.True(t, first.More)
	last := h.Scan(kv.Range{After: "d"})
	assert.Equal(t, "e", keys(last))
	assert.False(t, last.More)
}
