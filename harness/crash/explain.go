package crash

import (
	"fmt"
	"slices"
	"strings"

	"zeyrho/steps/01-map/kv"
)

// explain says what is wrong with a store that claims to hold the first n
// entries of the log, must hold at least must of them, and holds items.
func (b *book) explain(n, must int, items []item) (checker, reason string) {
	for _, it := range items {
		again := slices.ContainsFunc(b.log, func(e entry) bool { return string(e.req.Command.Value) == it.value })
		if slices.Contains(b.values, it.value) && !again {
			return "durability", fmt.Sprintf("%s is %s, although its client had been told that this had not happened, and would not", it.key, short(it.value))
		}
	}
	if n >= 0 && n < must && slices.Equal(items, b.states[n].items) {
		return "durability", b.lost(n, must, items)
	}
	for k := range b.states {
		if !slices.Equal(items, b.states[k].items) {
			continue
		}
		if k >= must && n >= 0 && n <= len(b.log) {
			text := fmt.Sprintf("the store holds what it held after %d requests, but says that its last version is %d", k, n+1)
			if n > k && b.refused > 0 {
				text += ": something is in its journal of which it had said that it had not happened"
			}
			return "prefix", text
		}
	}
	if n > len(b.log) {
		return "durability", fmt.Sprintf("the store says that its last version is %d, but of all that it has not refused, the last one got version %d", n+1, len(b.log)+1)
	}
	return "prefix", "the store holds " + b.difference(max(min(n, len(b.log)), must), items) + ": that is what no beginning of the log adds up to"
}

// lost says what is missing when only n entries of the log are there.
func (b *book) lost(n, must int, items []item) string {
	at := n
	for i := n; i < must; i++ { // better one that somebody can see
		if !slices.Equal(b.states[i].items, b.states[i+1].items) {
			at = i
			break
		}
	}
	e, who := b.log[at], name(b.log[at].who)+" had been told"
	if b.shown[0] <= at && at < b.shown[1] {
		who = "a reader had been shown"
	}
	text := fmt.Sprintf("%s; that was acknowledged, and is not there any more", e.words)
	if k, value := e.req.Command.Key, find(items, e.req.Command.Key); e.req.Command.Op == kv.OpPut && e.want.result.Status == kv.Done {
		text = fmt.Sprintf("%s that %s = %s was done, and now %s is %s", who, k, short(string(e.req.Command.Value)), k, value)
	}
	if more := must - n - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// find says what is held for a key.
func find(items []item, key string) string {
	for _, it := range items {
		if it.key == key {
			return fmt.Sprintf("%s (version %d)", short(it.value), it.version)
		}
	}
	return "absent"
}

// difference says in which keys items differ from what the first n entries of
// the log add up to.
func (b *book) difference(n int, items []item) string {
	want := b.states[n].items
	var keys, all []string
	for _, it := range slices.Concat(items, want) {
		keys = append(keys, it.key)
	}
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		if has, should := find(items, k), find(want, k); has != should {
			all = append(all, fmt.Sprintf("%s as %s instead of %s", k, has, should))
		}
	}
	return strings.Join(all, ", ")
}

// short prints the name of a value, without what fills it up.
func short(value string) string {
	name := strings.TrimRight(value, ".")
	if head, rest, _ := strings.Cut(value, "."); rest != "" && name != head {
		return fmt.Sprintf("%.24q, whose bytes nobody wrote", head)
	}
	return fmt.Sprintf("%.24q", name)
}
