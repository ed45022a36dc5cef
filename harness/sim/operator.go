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
//  1. Whoever believes that he leads is ended first, and whoever has ever led is
//     not started again, until it is over: nobody else acknowledges anything
//     meanwhile.
//  2. Of so many nodes that one must have everything that was acknowledged, the
//     one whose log is worth most is made the leader.
//  3. It is over when so many nodes know the new leader that no other one can
//     get enough acknowledgements, and what was under way has arrived.
func (w *World) takeover() {
	if w.taking {
		return
	}
	w.taking = true
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
		h.withheld = h.led
	}
	w.after(lateness, w.choose)
}

// needed is how many logs have to be looked at, so that all that was
// acknowledged is in one of them.
func (w *World) needed() int { return w.plan.Nodes - w.plan.Acks + 1 }

// choose makes the node the leader whose log is worth most.
func (w *World) choose() {
	var best *host
	looked, left := 0, 0
	for _, h := range w.hosts {
		if !h.gone {
			left++
		}
		if h.process == nil || h.paused > 0 || h.withheld && h.process == nil {
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
	w.tell("the operator makes %v the leader: its log ends at %v", best.id, last(best))
	epoch, _ := best.process.Replica().Epoch()
	best.inbox = append(best.inbox, node.Call{Run: best.process.Promote})
	best.rouse()
	w.after(100*time.Millisecond, func() { w.fence(best, epoch, w.now+3*time.Second) })
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

// relent lets nodes be started that were withheld, because without them there
// are too few to look at: then their logs count too, and they may be ended again.
func (w *World) relent() {
	n := 0
	for _, h := range w.hosts {
		if !h.gone && !h.amnesiac && !h.withheld {
			n++
		}
	}
	if n < w.needed() {
		for _, h := range w.hosts {
			h.withheld = false
		}
	}
}

// fence waits until the new leader is known to so many that no other can go on.
func (w *World) fence(leader *host, before node.Epoch, until time.Duration) {
	var epoch node.Epoch
	if leader.process != nil {
		epoch, _ = leader.process.Replica().Epoch()
	}
	know := 0
	for _, h := range w.hosts {
		if h.process == nil {
			continue
		}
		if e, _ := h.process.Replica().Epoch(); e >= epoch {
			know++
		}
	}
	switch {
	case epoch > before && know >= w.needed():
		w.taking = false
		for _, h := range w.hosts {
			h.withheld = false
		}
	case w.now > until:
		w.taking = false
		w.takeover()
	default:
		w.after(50*time.Millisecond, func() { w.fence(leader, before, until) })
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
