// Package tree answers: how can one copy a map of a million keys in a
// microsecond?
//
// By not copying it. The keys are in a tree of small nodes, and a node that two
// maps share is changed by neither: who wants to change something copies the
// nodes from the root down to it, a few kilobytes, and leaves the rest where it
// is (copy on write). So a copy is a second root. What it costs is paid later,
// by those who write, a node at a time and once for each node.
//
// A snapshot of a store needs that: to write down a million keys takes a second,
// in which the store must not stand still, and what is written down must be the
// map at one moment and not a mixture of many.
//
// The tree is ordered too, so that a page of a scan costs what the page is long.
// It is github.com/tidwall/btree; how a B-tree is balanced is not our subject.
package tree

import (
	"fmt"
	"iter"
	"strings"

	"github.com/tidwall/btree"

	"zeyrho/steps/01-map/kv"
)

// Map is a kv.Map that can be frozen. Apply, Get, Scan, Len and Applied do what
// they do there.
//
// Invariants, beside those of kv.Map:
//   - The keys are in ascending byte order.
//   - A value is never changed where it is: it is replaced.
//   - What a Frozen shares with the map is changed by neither.
//   - No slice inside is known to anybody outside, but for those that All lends.
//
// A Map is for one goroutine; each Frozen of it may be with another.
type Map struct{ view }

// Frozen is a map as it was at one moment. It never changes, and any number of
// goroutines may look at it, whatever becomes of the map meanwhile.
type Frozen struct{ view }

// view is what one can do with a map without changing it.
type view struct {
	items   btree.Map[string, item]
	applied kv.Version
}

type item struct {
	value   []byte
	version kv.Version
}

// New returns an empty map at version 0.
func New() *Map { return &Map{} }

// Restore returns the map at version applied that holds the items, which must
// come in ascending order of their keys. It copies the values. Its error is the
// one that it gets from items, or says which item cannot be in such a map.
func Restore(applied kv.Version, items iter.Seq2[kv.Item, error]) (*Map, error) {
	m := &Map{view{applied: applied}}
	last := ""
	for it, err := range items {
		switch {
		case err != nil:
			return nil, err
		case it.Key <= last: // so the empty key, which is none, is refused too
			return nil, fmt.Errorf("key %.60q comes after key %.60q", it.Key, last)
		case it.Version == 0 || it.Version > applied:
			return nil, fmt.Errorf("key %.60q has version %d, in a map at version %d", it.Key, it.Version, applied)
		}
		m.items.Load(it.Key, item{append([]byte{}, it.Value...), it.Version})
		last = it.Key
	}
	return m, nil
}

// Freeze returns the map as it is now. That takes no longer for many keys than
// for few.
func (m *Map) Freeze() *Frozen { return &Frozen{view{*m.items.Copy(), m.applied}} }

// Apply carries out e's command, as kv.Map.Apply does.
func (m *Map) Apply(e kv.Entry) kv.Result {
	if e.Version <= m.applied {
		panic(fmt.Sprintf("tree: entry %d applied after entry %d", e.Version, m.applied))
	}
	m.applied = e.Version
	c := e.Command
	old, _ := m.items.Get(c.Key)
	r := e.Decide(old.version)
	if r.Status != kv.Done {
		return r
	}
	switch c.Op {
	case kv.OpPut:
		m.items.Set(c.Key, item{append([]byte{}, c.Value...), e.Version}) // never nil
	case kv.OpDelete:
		m.items.Delete(c.Key)
	default:
		panic(fmt.Sprintf("tree: entry %d has op %d", e.Version, c.Op))
	}
	return r
}

// Applied returns the version of the last entry that was applied, or 0.
func (v *view) Applied() kv.Version { return v.applied }

// Len returns the number of keys.
func (v *view) Len() int { return v.items.Len() }

// Get returns what the map holds for key. The value is the caller's own copy.
func (v *view) Get(key string) kv.Item {
	it, _ := v.items.Get(key)
	if it.version == 0 {
		return kv.Item{Key: key}
	}
	return own(key, it)
}

func own(key string, it item) kv.Item {
	return kv.Item{Key: key, Value: append([]byte{}, it.value...), Version: it.version}
}

// Scan returns the items of a range, sorted by key. It goes down the tree to
// the first of them, and looks at no key that is not on the page, but the one
// behind it.
func (v *view) Scan(r kv.Range) kv.Page {
	var p kv.Page
	size := 0
	v.items.Ascend(max(r.Prefix, r.After), func(key string, it item) bool {
		switch {
		case key == r.After:
			return true
		case !strings.HasPrefix(key, r.Prefix):
			return false
		case len(p.Items) == r.Max() || size >= kv.MaxPage:
			p.More = true
			return false
		}
		p.Items = append(p.Items, own(key, it))
		size += len(it.value)
		return true
	})
	return p
}

// All returns the items, sorted by key. The values are lent: they are to be
// read, and stay as they are. While it goes on, a Map must not change; that of a
// Frozen never does.
func (v *view) All() iter.Seq[kv.Item] {
	return func(yield func(kv.Item) bool) {
		v.items.Scan(func(key string, it item) bool {
			return yield(kv.Item{Key: key, Value: it.value, Version: it.version})
		})
	}
}
