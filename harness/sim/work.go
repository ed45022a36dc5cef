package sim

import (
	"math/rand/v2"
	"strconv"
	"time"

	"zeyrho/harness/history"
	"zeyrho/steps/05-replication/node"
)

// drawer draws the operations of one client. Each has a source of its own, so
// that none depends on those before it: any of them can be left out.
type drawer struct {
	plan   *Plan
	client int
	pcg    *rand.PCG
	rng    *rand.Rand
}

func newDrawer(p *Plan, client int) drawer {
	pcg := rand.NewPCG(0, 0)
	return drawer{p, client, pcg, rand.New(pcg)}
}

// op returns the i-th operation of the client.
func (d *drawer) op(i int) (op Op, ok bool) {
	if s := d.plan.Work.Script; s != nil {
		if d.client < 0 || d.client >= len(s) || i >= len(s[d.client]) {
			return op, false
		}
		return s[d.client][i], true
	}
	d.pcg.Seed(d.plan.Seed, forWork<<48|uint64(d.client)<<32|uint64(i))
	w, r := d.plan.Work, d.rng
	mean := time.Second * time.Duration(w.Clients) / time.Duration(w.Rate)
	op.Pause = Span(r.Int64N(2*int64(mean) + 1))
	op.Key = keyName(d.client, r.IntN(w.Keys))
	if r.IntN(100) >= w.Writes {
		op.Do, op.Level = string(history.Get), node.Leader
		n, cold, at := r.IntN(100), r.IntN(100), 1+r.IntN(d.plan.Nodes)
		switch {
		case n < w.Session:
			op.Level, op.Node = node.Session, at
		case n < w.Session+w.Stale:
			op.Level, op.Node = node.Stale, at
		case cold < w.Cold:
			op.Node = at
		}
		return op, true
	}
	op.Do = string(history.Put)
	switch r.IntN(10) {
	case 0:
		op.Do = string(history.Delete)
	case 1:
		op.If = "absent"
	case 2, 3, 4:
		op.If = "now"
	}
	if op.Do == string(history.Put) {
		n := 0
		if w.Size > 0 {
			n = r.IntN(2 * w.Size)
		}
		op.Value = value(d.client, i, n)
	}
	return op, true
}

// value is one like which there is no other, of so many bytes more than it needs.
func value(client, i, n int) string {
	b := make([]byte, 0, n+16)
	b = strconv.AppendInt(b, int64(client), 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(i), 10)
	for range n {
		b = append(b, '.')
	}
	return string(b)
}
