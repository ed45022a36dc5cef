package sim

import (
	"fmt"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
)

// The scenarios of this file ask what something costs.

func costScenarios() []Scenario {
	return []Scenario{
		{
			Name:     "months-of-writes",
			Question: "The same keys are written over and over: is what a node keeps, and reads when it starts, bounded by what is in the store?",
			Broken:   map[string]string{"05": "cost"}, Fixed: map[string]string{"05": "06"},
			Why:    "The log is kept and replayed whole, for ever.",
			Judges: append(without("gap"), "cost"), Needs: []string{"restarts"},
			draw: (*draft).months,
		},
		{
			Name:     "late-joiner",
			Question: "A node joins that is new, or was away, while writes go on: what does it have to be sent?",
			Broken:   map[string]string{"05": "cost"}, Fixed: map[string]string{"05": "06"},
			Why:    "It gets there. But it is sent every entry that was ever written, however little of it is still in the store.",
			Judges: append(without(), "cost"), Needs: []string{"join"},
			draw: (*draft).lateJoiner,
		},
		{
			Name:     "broken-transfer",
			Question: "A node is sent a snapshot, and everything that may interrupt that does: does it come to hold the same as the others?",
			Judges:   everything, Needs: []string{"join", "snapshots fetched", "snapshots made", "kill", "power"},
			columns: []string{"06"},
			draw:    (*draft).brokenTransfer,
		},
		{
			Name:     "overload",
			Question: "Five times as much is asked as can be done, and clients ask again: how much gets done, then and afterwards?",
			Judges:   append(without(), "goodput", "bounds"), Needs: []string{"refused"},
			draw: (*draft).overload,
		},
	}
}

// find notes what the world itself has to say about a promise.
func (w *world) find(checker string, ok bool, format string, args ...any) {
	f := check.Finding{Checker: checker, Verdict: check.Pass}
	if !ok {
		f.Verdict, f.Reason = check.Violation, fmt.Sprintf(format, args...)
	}
	w.findings = append(w.findings, f)
}

// costs compares what was kept, read and sent with what is in the store. What may
// be in memory on its way to a snapshot is allowed for.
func (w *world) costs() {
	l := w.leader()
	if l == nil {
		return
	}
	live := 0
	for r := (kv.Range{}); ; {
		page := l.process.Replica().Machine().Scan(r)
		for _, it := range page.Items {
			live += len(it.Key) + len(it.Value) + 32
			r.After = it.Key
		}
		if !page.More {
			break
		}
	}
	bound := 6*live + 6*int(w.plan.Snapshot) + 4*int(w.plan.Segment)
	for i := range w.hosts {
		h := w.hosts[len(w.hosts)-1-i] // who came last, first
		kept := 0
		for _, name := range h.disk.Names() {
			kept += len(h.disk.Bytes(name))
		}
		for _, c := range []struct {
			n    int
			what string
		}{{h.fed, "was sent %d bytes before it held what the others had when it came"}, {kept, "has %d bytes on its disk"}, {h.replayed, "has read %d bytes when it was started"}} {
			if what := fmt.Sprintf(c.what, c.n); c.n > bound {
				w.find("cost", false, "%v %s, and the store holds %d bytes; %d would be in order", h.id, what, live, bound)
				return
			}
		}
	}
	w.find("cost", true, "")
}

// goodput asks how much was done during the rush, and how long the queue was.
func (w *world) goodput(h *history.History) {
	rate := func(from, to time.Duration) float64 {
		n := 0
		for _, op := range h.Ops {
			if op.Outcome == history.OK && int64(from) <= op.Return && op.Return < int64(to) {
				n++
			}
		}
		return float64(n) / (to - from).Seconds()
	}
	t := w.plan.Times
	calm, rush := rate(w.begun-t.WarmUp.time()/2, w.begun), rate(w.begun+t.Faults.time()/2, w.begun+t.Faults.time())
	w.find("goodput", rush >= calm, "before the rush %.0f operations a second were done, and in its second half %.0f", calm, rush)
	for _, host := range w.hosts {
		if bound := w.plan.Queue + 3*w.plan.Work.Size; w.plan.Queue > 0 && host.queued > bound {
			w.find("bounds", false, "there were %d bytes in the queue of %v, and the bound is %d", host.queued, host.id, bound)
			return
		}
	}
	w.find("bounds", true, "")
}
