package sim

import (
	"fmt"
	"reflect"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
)

// compare compares what the nodes hold when all have applied the same.
func (g *guard) compare() {
	var first *host
	for _, h := range g.w.hosts {
		switch {
		case h.process == nil:
		case first == nil:
			first = h
		default:
			a, b := first.process.Replica().Machine(), h.process.Replica().Machine()
			if differ := difference(a, b); differ != "" {
				g.w.fail("agreement", "%v and %v have applied the same entries, and differ: %s", first.id, h.id, differ)
				return
			}
		}
	}
}

// difference says how two machines differ, or "".
func difference(a, b *machine.Machine) string {
	if a == nil || b == nil {
		if a == b {
			return ""
		}
		return "one of them has nothing"
	}
	for r := (kv.Range{}); ; {
		x, y := a.Scan(r), b.Scan(r)
		if !reflect.DeepEqual(x, y) {
			return fmt.Sprintf("%.200v, and %.200v", x, y)
		}
		if !x.More {
			break
		}
		r.After = x.Items[len(x.Items)-1].Key
	}
	if !reflect.DeepEqual(a.Export(), b.Export()) {
		return "they know different sessions"
	}
	return ""
}
