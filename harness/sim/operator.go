package sim

import (
	"time"

	"zeyrho/steps/05-replication/node"
)

// The operator. He can reach every machine that runs, and knows which do.

// promote makes a node the leader, and looks at nothing.
func (w *World) promote(h *host) {
	if h.process == nil || h.paused > 0 {
		return
	}
	w.careless = true
	w.count("promotions without a look", 1)
	w.tell("the operator makes %v the leader, and looks at nothing", h.id)
	h.inbox = append(h.inbox, node.Call{Run: h.process.Promote})
	h.rouse()
}

// takeover replaces the leader, as it ought to be done:
//
//  1. Whoever believes that he leads is ended first, and who did when he ended is
//     not started again until it is over: nobody else acknowledges anything
//     meanwhile.
//  2. Of so many nodes that one must have everything that was acknowledged, the
//     one whose log is worth most is made the leader.
//  3. It is over when so many nodes know the new leader that no other one can
//     get enough acknowledgements, and what was under way has arrived.
//
// If he is not told whether a node has become the leader, it may have; so he
// must not go on before he has looked at its log again.
func (w *World) takeover() {
	if w.taking {
		return
	}
	w.taking, w.relented = true, false
	w.count("takeovers", 1)
	w.tell("the operator replaces the leader")
	for _, h := range w.hosts {
		if h.process != nil {
			if _, leads := h.process.Replica().Epoch(); leads {
				w.tell("the operator ends %v", h.id)
				h.die(h.disk.Clone())
				w.after(time.Second, func() { w.restart(h) })
			}
		}
		h.withheld = h.leads
	}
	w.after(lateness, w.choose)
}

// needed is how many logs have to be looked at, so that all that was
// acknowledged is in one of them.
func (w *World) needed() int { return w.plan.Nodes - w.plan.Acks + 1 }

// choose makes the node the leader whose log is worth most.
func (w *World) choose() {
	if l := w.leader(); l != nil {
		w.tried = nil
		w.fence(w.guard.of(l).reign, w.now+3*time.Second)
		return
	}
	if t := w.tried; t != nil && t.process == nil && !t.gone && !t.amnesiac {
		w.after(100*time.Millisecond, w.choose)
		return
	}
	var best *host
	looked := 0
	for _, h := range w.hosts {
		if h.process == nil || h.paused > 0 {
			continue
		}
		if !h.amnesiac {
			looked++
		}
		if best == nil || last(best).Before(last(h)) {
			best = h
		}
	}
	if best == nil || looked < w.needed() && !w.hopeless() {
		w.relent()
		w.after(100*time.Millisecond, w.choose)
		return
	}
	if looked < w.needed() {
		w.careless = true
		w.count("takeovers that may lose", 1)
	}
	w.tried, best.withheld = best, false
	w.tell("the operator makes %v the leader: its log ends at %v", best.id, last(best))
	best.inbox = append(best.inbox, node.Call{Run: best.process.Promote})
	best.rouse()
	w.after(200*time.Millisecond, w.choose) // and see whether it worked
}

// hopeless says whether there are not enough disks left to be sure.
func (w *World) hopeless() bool {
	n := 0
	for _, h := range w.hosts {
		if !h.gone && !h.amnesiac {
			n++
		}
	}
	return n < w.needed()
}

// relent lets one of those start that were withheld, if without it there are too
// few to look at: the one that led last, which so goes on to lead.
func (w *World) relent() {
	n := 0
	var latest *host
	for _, h := range w.hosts {
		switch {
		case h.gone || h.amnesiac:
		case !h.withheld:
			n++
		case latest == nil || w.guard.of(h).known > w.guard.of(latest).known:
			latest = h
		}
	}
	if n < w.needed() && latest != nil && !w.relented {
		w.relented = true
		w.tell("the operator cannot do without %v", latest.id)
		latest.withheld = false
	}
}

// fence waits until those who do not know of the new leader are too few to
// acknowledge anything without it. A node knows what is on its disk.
func (w *World) fence(epoch node.Epoch, until time.Duration) {
	ignorant := 0
	for _, h := range w.hosts {
		if !h.gone && w.guard.of(h).known < epoch {
			ignorant++
		}
	}
	switch {
	case ignorant < w.plan.Acks:
		w.taking = false
		for _, h := range w.hosts {
			h.withheld = false
		}
	case w.now > until:
		w.taking = false
		w.takeover()
	default:
		w.after(50*time.Millisecond, func() { w.fence(epoch, until) })
	}
}

// attend is what the operator does after everything was healed: he looks whether
// somebody leads.
func (w *World) attend() {
	if w.leader() == nil && !w.taking {
		w.takeover()
	}
	if !w.over {
		w.after(time.Second, w.attend)
	}
}
