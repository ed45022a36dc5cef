package bench

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/06-catchup/tree"
)

// freezing lists the comparisons of what a snapshot of step 06 keeps writes
// waiting for: the map is frozen, and so are the sessions, by copying them. What
// one would do without a tree is to copy the map.
func freezing() []comparison {
	const what = "the map as it is at one moment, to be written down while it changes"
	var list []comparison
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		list = append(list, comparison{
			name: "freeze-" + short(n), what: fmt.Sprintf("%s; keys: %d", what, n),
			unit: pauses, open: openFreeze(n, 0),
		})
	}
	return append(list,
		comparison{name: "freeze-sessions", what: what + ", and who asked for what last; keys: 100000", unit: pauses, open: openFreeze(100_000, 10_000)},
		comparison{name: "freeze-put", what: "a put to one of 100,000 keys, each after a freeze (the worst that can be), beside those after none", unit: operations.paced(21, 101), open: openPutAfterFreeze},
	)
}

// short writes a round number: 10k.
func short(n int) string {
	if n >= 1_000_000 {
		return fmt.Sprintf("%gm", float64(n)/1e6)
	}
	return fmt.Sprintf("%gk", float64(n)/1e3)
}

// manyKeys returns n keys.
func manyKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%07d", i)
	}
	return keys
}

// plant returns a tree and a Go map that hold the same. All values of the map are
// one: they are not copied with it.
func (b *bench) plant(keys []string) (*tree.Map, map[string][]byte) {
	m, plain := tree.New(), make(map[string][]byte)
	for _, key := range keys {
		m.Apply(kv.Entry{Version: m.Applied() + 1, Command: kv.Put(key, b.value)})
		plain[key] = b.value
	}
	return m, plain
}

// keptCopy keeps copies, or the compiler might see that nobody wants them.
type keptCopy struct {
	frozen   *tree.Frozen
	sessions session.State
	plain    map[string][]byte
}

// openFreeze compares freezing a map, and so many sessions, with copying a map.
func openFreeze(keys, sessions int) func(context.Context, *bench) (ours, bare side, end func(), err error) {
	return func(_ context.Context, b *bench) (ours, bare side, end func(), err error) {
		m, plain := b.plant(manyKeys(b.scaled(keys)))
		table := session.NewTable(session.NewIncarnation(), max(sessions, 1))
		for range sessions {
			table.Open()
		}
		var kept keptCopy
		name := "a tree that is frozen"
		if sessions > 0 {
			name += fmt.Sprintf(", and %d sessions that are copied", sessions)
		}
		ours = side{name, loop(func(n int) {
			for range n {
				kept.frozen = m.Freeze()
				if sessions > 0 {
					kept.sessions = table.Export()
				}
			}
		})}
		bare = side{"a Go map that is copied, without its values", loop(func(n int) {
			for range n {
				kept.plain = maps.Clone(plain)
			}
		})}
		return ours, bare, nothing, nil
	}
}

// openPutAfterFreeze shows who pays for a freeze: whoever writes next, for each
// part of the tree once.
func openPutAfterFreeze(_ context.Context, b *bench) (ours, bare side, end func(), err error) {
	keys := manyKeys(b.scaled(100_000))
	putter := func(freeze bool) take {
		m, _ := b.plant(keys)
		var kept keptCopy
		return loop(func(n int) {
			for range n {
				if freeze {
					kept.frozen = m.Freeze()
				}
				m.Apply(kv.Entry{Version: m.Applied() + 1, Command: kv.Put(keys[rand.IntN(len(keys))], b.value)})
			}
		})
	}
	return side{"a put after a freeze", putter(true)}, side{"a put", putter(false)}, nothing, nil
}
