package sim

import (
	"time"

	"zeyrho/harness/history"
	"zeyrho/steps/05-replication/node"
)

// The operator. He can reach every machine that runs, and knows which do.

// attention is how often he looks.
const attention = 300 * time.Millisecond

// operate lets the operator do what a plan says.
func (w *world) operate(h *host, f *Fault) {
	switch f.Kind {
	case Takeover:
		w.takeover()
	case Join:
		if h.absent {
			h.absent, h.joining, h.goal = false, true, w.guard.most
			w.count(string(Join), 1)
			w.does(h, "%v joins", h.id)
			h.start(false)
			w.introduce(h)
		}
	case Appoint:
		if h = w.best(h); h == nil {
			return
		}
		fallthrough
	case Promote:
		if h.process != nil && h.paused == 0 && !w.taking {
			w.careless = true
			w.appoint(h)
		}
	}
}

// does notes what the operator does.
func (w *world) does(h *host, format string, args ...any) {
	w.tell("the operator: "+format, args...)
	w.event(history.Event{Kind: "note", Node: h.id.String(), Text: w.story[len(w.story)-1].text})
}

// best returns the host whose log is worth most, of those that run; of those
// whom except cannot reach, if that is not nil.
func (w *world) best(except *host) (best *host) {
	for _, h := range w.hosts {
		if h.process == nil || h.paused > 0 || h.learns() || except != nil && !w.apart(except, h) {
			continue
		}
		if best == nil || last(best).Before(last(h)) {
			best = h
		}
	}
	return best
}

// apart says whether a does not reach b.
func (w *world) apart(a, b *host) bool {
	return a != b && (a.paused > 0 || a.process == nil || w.net.links[a.id][b.id].cut > 0)
}

// appoint makes a node the leader.
func (w *world) appoint(h *host) {
	w.count("appointed", 1)
	w.does(h, "%v is to lead; its log ends at %v", h.id, last(h))
	h.inbox = append(h.inbox, node.Call{Run: h.process.Promote})
	h.rouse()
}

// introduce makes a learner known to the leader, until it is.
func (w *world) introduce(h *host) {
	if !h.learns() || w.over {
		return
	}
	if l := w.leader(); l != nil && l.paused == 0 {
		l.inbox = append(l.inbox, node.Call{Run: func() error { return l.process.Join(h.id) }})
		l.rouse()
	}
	w.after(time.Second, func() {
		if h.process == nil || h.process.Replica().Log().Last().Index == 0 {
			w.introduce(h)
		}
	})
}

// takeover replaces the leader, as it ought to be done:
//
//  1. Whoever believes that he leads is ended first, and whoever did when he
//     ended is not started again until it is over: nobody else acknowledges
//     anything meanwhile.
//  2. Of so many nodes that one must have everything that was acknowledged, the
//     one whose log is worth most is made the leader.
//  3. It is over when so many nodes know the new leader that no other one can
//     get enough acknowledgements, and what was under way has arrived.
//
// If he is not told whether a node has become the leader, it may have; so he
// must not go on before he has looked at its log again.
func (w *world) takeover() {
	if w.taking {
		return
	}
	w.taking, w.relented = true, false
	w.count("takeovers", 1)
	w.tell("the operator replaces the leader")
	for _, h := range w.hosts {
		if h.process != nil {
			if _, leads := h.process.Replica().Epoch(); leads {
				w.does(h, "%v is ended", h.id)
				h.exit()
				w.after(time.Second, func() { w.restart(h) })
			}
		}
		h.withheld = h.leads
	}
	w.after(lateness, w.choose)
}

// exit ends the process, as kill does.
func (h *host) exit() {
	h.w.event(history.Event{Kind: "exit", Node: h.id.String(), Text: "ended by the operator"})
	h.die(h.disk.Clone())
}

// needed is how many logs have to be looked at, so that all that was
// acknowledged is in one of them.
func (w *world) needed() int { return w.plan.Nodes - w.plan.Acks + 1 }

// choose makes the node the leader whose log is worth most.
func (w *world) choose() {
	if l := w.leader(); l != nil {
		w.tried = nil
		w.fence(w.guard.of(l).reign, w.now+3*time.Second)
		return
	}
	looked := 0
	for _, h := range w.hosts {
		if h.process != nil && h.paused == 0 && !h.amnesiac && !h.learns() {
			looked++
		}
	}
	best := w.best(nil)
	t := w.tried
	if t != nil && t.process == nil && !t.gone && !t.amnesiac || best == nil || looked < w.needed() && !w.hopeless() {
		w.relent()
		w.after(100*time.Millisecond, w.choose)
		return
	}
	if looked < w.needed() {
		w.careless = true
		w.count("takeovers that may lose", 1)
	}
	w.tried, best.withheld = best, false
	w.appoint(best)
	w.after(200*time.Millisecond, w.choose) // and see whether it worked
}

// hopeless says whether there are not enough disks left to be sure.
func (w *world) hopeless() bool {
	n := 0
	for _, h := range w.hosts {
		if !h.gone && !h.amnesiac && !h.learns() {
			n++
		}
	}
	return n < w.needed()
}

// relent lets one of those start that were withheld, if without it there are too
// few to look at: the one that led last, which so goes on to lead.
func (w *world) relent() {
	n := 0
	var latest *host
	for _, h := range w.hosts {
		switch {
		case h.gone || h.amnesiac || h.learns():
		case !h.withheld:
			n++
		case latest == nil || w.guard.of(h).known > w.guard.of(latest).known:
			latest = h
		}
	}
	if n < w.needed() && latest != nil && !w.relented {
		w.relented = true
		w.does(latest, "%v cannot be done without", latest.id)
		latest.withheld = false
	}
}

// fence waits until those who do not know of the new leader are too few to
// acknowledge anything without it. A node knows what is on its disk.
func (w *world) fence(epoch node.Epoch, until time.Duration) {
	ignorant := 0
	for _, h := range w.hosts {
		if !h.gone && !h.learns() && w.guard.of(h).known < epoch {
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

// attend is what the operator does when everything was healed: he looks whether
// somebody leads.
func (w *world) attend() {
	if w.leader() == nil && !w.taking {
		w.takeover()
	}
	if !w.over {
		w.after(attention, w.attend)
	}
}
