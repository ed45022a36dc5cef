package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"zeyrho/harness/history"
)

// A page of a scan speaks about more than its items: about every key that it
// could have shown and did not.

// pageShape says what is wrong with a page whatever the store holds: items out
// of order or twice, outside the range, too many, or none where there is said
// to be more. It returns "" for a good page. (A page may be shorter than its
// limit: a store may also end it by its bytes.)
func pageShape(op history.Op) string {
	if op.Limit > 0 && len(op.Items) > op.Limit {
		return fmt.Sprintf("got %s, where the limit was %d", plural(len(op.Items), "key"), op.Limit)
	}
	if op.More && len(op.Items) == 0 {
		return "got an empty page that says that there is more"
	}
	for i, it := range op.Items {
		switch {
		case !strings.HasPrefix(it.Key, op.Key):
			return fmt.Sprintf("got %s, which does not begin like that", quote(it.Key))
		case it.Key <= op.After:
			return fmt.Sprintf("got %s, which does not come after %s", quote(it.Key), quote(op.After))
		case i > 0 && it.Key == op.Items[i-1].Key:
			return fmt.Sprintf("got %s twice", quote(it.Key))
		case i > 0 && it.Key < op.Items[i-1].Key:
			return fmt.Sprintf("got %s after %s: the page is not sorted", quote(it.Key), quote(op.Items[i-1].Key))
		}
	}
	return ""
}

// covers reports whether a page speaks about key: it is there or it is absent.
func covers(op history.Op, key string) bool {
	return strings.HasPrefix(key, op.Key) && key > op.After && (!op.More || key <= op.Items[len(op.Items)-1].Key)
}

// shownBy returns what a page says about key.
func shownBy(op history.Op, key string) (history.Item, bool) {
	i, ok := slices.BinarySearchFunc(op.Items, key, func(it history.Item, k string) int { return cmp.Compare(it.Key, k) })
	if !ok {
		return history.Item{}, false
	}
	return op.Items[i], true
}

// reads returns what op says about single keys, as gets: a get as it is, and a
// scan as a get of every one of keys that it covers, and of every key that it
// shows.
func reads(op history.Op, keys []string) []history.Op {
	if op.Outcome != history.OK {
		return nil
	}
	if op.Kind == history.Get {
		return []history.Op{op}
	}
	if op.Kind != history.Scan || pageShape(op) != "" {
		return nil
	}
	one := op
	one.Kind, one.After, one.Limit, one.Items, one.More = history.Get, "", 0, nil, false
	var gets []history.Op
	for _, it := range op.Items {
		one.Key, one.Value, one.Version, one.Status = it.Key, it.Value, it.Version, history.Done
		gets = append(gets, one)
	}
	for _, key := range keys {
		if _, there := shownBy(op, key); covers(op, key) && !there {
			one.Key, one.Value, one.Version, one.Status = key, "", 0, history.Absent
			gets = append(gets, one)
		}
	}
	return gets
}

// keysOf returns all keys that operations of a history name, sorted.
func keysOf(h *history.History) []string {
	m := make(map[string]bool)
	for _, op := range h.Ops {
		if op.Kind != history.Scan {
			m[op.Key] = true
		}
		for _, it := range op.Items {
			m[it.Key] = true
		}
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
