package kv

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Map is the store itself: keys, their values, and how far in the history it
// is. It is what every later step puts its commands into.
//
// Invariants:
//   - The map is a function of the entries applied so far, and of nothing else.
//   - applied grows with every entry; no entry is applied twice.
//   - Every item's version is at most applied, and belongs to one key only.
//   - No slice inside the map is known to anybody outside.
//
// A Map is for one goroutine. Step 02 shows what two do to it.
type Map struct {
	items   map[string]item
	applied Version
}

type item struct {
	value   []byte
	version Version
}

// NewMap returns an empty map at version 0.
func NewMap() *Map { return &Map{items: make(map[string]item)} }

// Applied returns the version of the last entry that was applied, or 0.
func (m *Map) Applied() Version { return m.applied }

// Len returns the number of keys.
func (m *Map) Len() int { return len(m.items) }

// Apply carries out e's command. Every entry uses up its version, whether or
// not its condition held: the history remembers that somebody tried.
//
// Entries must come in the order of their versions. Gaps are allowed; an entry
// that is not later than the last one is a bug in the caller, and Apply panics
// before it can bend the history.
func (m *Map) Apply(e Entry) Result {
	if e.Version <= m.applied {
		panic(fmt.Sprintf("kv: entry %d applied after entry %d", e.Version, m.applied))
	}
	m.applied = e.Version
	c := e.Command
	result := e.Decide(m.items[c.Key].version)
	if result.Status != Done {
		return result
	}
	switch c.Op {
	case OpPut:
		m.items[c.Key] = item{append([]byte{}, c.Value...), e.Version} // never nil
	case OpDelete:
		delete(m.items, c.Key)
	default:
		panic(fmt.Sprintf("kv: entry %d has op %d", e.Version, c.Op))
	}
	return result
}

// Get returns what the map holds for key. The value is the caller's own copy.
func (m *Map) Get(key string) Item {
	it := m.items[key]
	return Item{key, bytes.Clone(it.value), it.version}
}

// Range names the keys that a scan looks at, in ascending byte order.
type Range struct {
	Prefix string // only keys that begin with it; "" means all
	After  string // only keys greater than it: the cursor of the last page
	Limit  int    // at most so many items; 0 means MaxScan, and so does more
}

// Check returns nil if a scan can serve r, or an error that wraps ErrInvalid.
func (r Range) Check() error {
	if r.Limit < 0 {
		return fmt.Errorf("%w limit: %d is negative", ErrInvalid, r.Limit)
	}
	return nil
}

// Max returns the greatest number of items that a page of r may have.
func (r Range) Max() int {
	if r.Limit == 0 {
		return MaxScan
	}
	return min(r.Limit, MaxScan)
}

// Page is the answer to a scan.
type Page struct {
	Items []Item // sorted by key; the values are the caller's own copies
	More  bool   // whether there are more: go on with After = the last key
}

// Scan returns the items of a range, sorted by key.
//
// It looks at every key of the map and sorts those that match, every time:
// simple, and right for a map of thousands. A store with millions of keys
// keeps them in a sorted structure (a B-tree, a skip list) instead.
func (m *Map) Scan(r Range) Page {
	var keys []string
	for k := range m.items {
		if strings.HasPrefix(k, r.Prefix) && k > r.After {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var p Page
	size := 0
	for _, k := range keys {
		if len(p.Items) == r.Max() || size >= MaxPage {
			p.More = true
			break
		}
		it := m.Get(k)
		p.Items = append(p.Items, it)
		size += len(it.Value)
	}
	return p
}
