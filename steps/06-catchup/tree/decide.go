package tree

import (
	"fmt"

	"zeyrho/steps/01-map/kv"
)

// decide says what becomes of e's command if its key is at version old.
func decide(e kv.Entry, old kv.Version) kv.Result {
	c := e.Command
	switch {
	case c.If.Checked && c.If.Version != old:
		return kv.Result{Status: kv.Conflict, Version: old}
	case c.Op == kv.OpDelete && old == 0:
		return kv.Result{Status: kv.NotFound}
	case c.Op != kv.OpPut && c.Op != kv.OpDelete:
		panic(fmt.Sprintf("tree: entry %d has op %d", e.Version, c.Op))
	}
	return kv.Result{Status: kv.Done, Version: e.Version}
}
