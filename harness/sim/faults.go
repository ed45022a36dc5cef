package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"zeyrho/harness/simdisk"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/05-replication/node"
)

// Kind is what goes wrong.
type Kind string

// The kinds of fault. Where nothing else is said, Node is who it happens to, and
// For is how long it lasts or, if the process ends, when it is started again; 0
// is until everything is healed.
const (
	Kill     Kind = "kill"      // the process ends, and the machine runs on
	Power    Kind = "power"     // the power goes; what was not synced is kept or lost
	DiskGone Kind = "disk-gone" // the disk is broken; another one, empty, takes its place after For; 0 is never
	Pause    Kind = "pause"     // the process does nothing

	SlowDisk   Kind = "slow-disk"   // a sync takes Size times as long
	DiskError  Kind = "disk-error"  // Size operations fail, beginning with the Op-th
	DiskFull   Kind = "disk-full"   // likewise, if they need room
	ShortWrite Kind = "short-write" // likewise, if they write; half of it is written
	FailedSync Kind = "failed-sync" // likewise, if they sync; what was to be synced is given up

	Cut      Kind = "cut"       // nothing gets from Node to To
	Isolate  Kind = "isolate"   // nothing gets from Node to others, nor back
	SlowLink Kind = "slow-link" // from Node to others and back everything takes Size times as long
	Loss     Kind = "loss"      // of a thousand messages, Size are lost
	Twice    Kind = "twice"     // of a thousand messages, Size come twice
	Late     Kind = "late"      // of a thousand messages, Size are overtaken by later ones

	LoseRequest Kind = "lose-request" // of a thousand requests of clients, Size are lost
	LoseReply   Kind = "lose-reply"   // of a thousand answers to clients, Size are lost
	LateClients Kind = "late-clients" // of a thousand of both, Size come late

	Drift  Kind = "drift"  // the clock of Node goes by Size millionths too fast or, below 0, too slow
	Freeze Kind = "freeze" // the clock of Node stands still

	Promote  Kind = "promote"  // an operator makes Node the leader, and looks at nothing
	Takeover Kind = "takeover" // an operator replaces the leader, as it ought to be done
)

// strike is a fault that waits for an operation of a disk.
type strike struct {
	fault *Fault
	at    int           // the number of the operation
	found *simdisk.Disk // as it was just before that
}

// strike lets a fault happen.
func (w *World) strike(f *Fault) {
	if w.healed {
		return
	}
	h := w.pick(f.Node, f.Draw)
	if f.Node != "" && (h == nil || h.gone) {
		return
	}
	switch f.Kind {
	case Kill, Power, DiskGone:
		w.hit(h, f)
	case Pause:
		w.pause(h, f)
	case DiskError, DiskFull, ShortWrite, FailedSync:
		w.spoil(h, f)
	case Promote:
		w.promote(h)
	case Takeover:
		w.takeover()
	default:
		w.worsen(h, f)
	}
}

// pick finds a host by its name, or by what it is at the moment.
func (w *World) pick(name string, draw uint64) *host {
	leader := w.leader()
	var found *host
	n := 0
	for _, h := range w.hosts {
		switch {
		case h.id.String() == name || name == "leader" && h == leader:
			return h
		case h == leader || h.process == nil:
		case name == "follower":
			if n++; draw%uint64(n) == 0 {
				found = h
			}
		case name == "laggard":
			if found == nil || last(h).Before(last(found)) {
				found = h
			}
		}
	}
	return found
}

func last(h *host) node.Position { return h.process.Replica().Log().Last() }

// leader returns who leads in the latest epoch of all those who believe that they
// lead; nil if nobody does.
func (w *World) leader() (found *host) {
	var latest node.Epoch
	for _, h := range w.hosts {
		if h.process == nil {
			continue
		}
		if e, leads := h.process.Replica().Epoch(); leads && e > latest {
			latest, found = e, h
		}
	}
	return found
}

func (w *World) fired(f *Fault, format string, args ...any) {
	w.count(string(f.Kind), 1)
	text := fmt.Sprintf(format, args...)
	w.tell("%s", text)
}

// hit ends a process, now or in the middle of something.
func (w *World) hit(h *host, f *Fault) {
	if h.process == nil {
		return
	}
	if f.Op == 0 {
		w.crash(h, h.disk.Clone(), f, "")
		return
	}
	s := &strike{fault: f, at: h.disk.Ops() + f.Op}
	h.strike = s
	h.disk.Before = func(op simdisk.Op) {
		if op.N >= s.at && s.found == nil && h.strike == s {
			s.found = h.disk.Clone()
			w.tell("%v is about to %s", h.id, op.Words())
		}
	}
	h.during(time.Second, func() {
		if h.strike == s && s.found == nil {
			h.strike = nil
			w.crash(h, h.disk.Clone(), f, "")
		}
	})
}

// struck ends the process if it has come to the operation at which it was to
// end. What it did since, nobody has seen.
func (h *host) struck() bool {
	s := h.strike
	if s == nil || s.found == nil {
		return false
	}
	h.w.crash(h, s.found, s.fault, "in the middle of a turn ")
	return true
}

// crash ends a process. found is the disk at that moment.
func (w *World) crash(h *host, found *simdisk.Disk, f *Fault, where string) {
	switch f.Kind {
	case Kill:
		w.fired(f, "%v is killed %s", h.id, where)
	case Power:
		fate := found.Draw(rand.New(rand.NewPCG(f.Draw, 1)))
		w.fired(f, "the power of %v goes %s%s", h.id, where, told(found.Describe(fate)))
		found = found.After(fate)
	case DiskGone:
		w.fired(f, "the disk of %v is gone for good", h.id)
		found = newDisk()
		h.gone = f.For == 0
		h.amnesiac = true
		w.guard.forgets(h)
	}
	h.die(found)
	if !h.gone && f.For > 0 {
		w.after(f.For.time(), func() { w.restart(h) })
	}
}

func told(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines, "; ")
}

// restart starts the process again, if none runs.
func (w *World) restart(h *host) {
	switch {
	case h.process != nil || h.gone:
	case h.withheld:
		w.after(50*time.Millisecond, func() { w.restart(h) })
	default:
		w.count("restarts", 1)
		h.start(false)
	}
}

// opened is called when a process has read its disk.
func (w *World) opened(h *host) {
	r := h.process.Replica()
	if torn := r.Found().Torn; torn != nil {
		w.count("torn tails", 1)
	}
	if w.now > 0 {
		e, leads := r.Epoch()
		as := "follows"
		if leads {
			as = "leads"
		}
		w.tell("%v is started again: it knows of epoch %v, %s, and its log ends at %v", h.id, e, as, r.Log().Last())
	}
	w.guard.opened(h)
}

// refused is called when a process could not be started on its disk.
func (w *World) refused(h *host, err error) {
	hit := h.disk.Hits() > 0
	h.die(w.afterTrouble(h))
	switch {
	case hit:
		w.count("starts that the disk spoiled", 1)
		w.after(200*time.Millisecond, func() { w.restart(h) })
	case h.rotten && errors.Is(err, journal.ErrDamaged):
		w.count("damage refused", 1)
		w.tell("%v refuses to start: %v", h.id, err)
	default:
		w.fail("recovery", "%v does not start on what is on its disk: %v", h.id, err)
	}
}

// ended is called when a process ends because its disk has failed.
func (w *World) ended(h *host, err error) {
	if h.disk.Hits() == 0 {
		w.fail("recovery", "%v has ended, and its disk is good: %v", h.id, err)
		return
	}
	w.count("ended by the disk", 1)
	w.tell("%v ends: %v", h.id, err)
	h.die(w.afterTrouble(h))
	w.after(100*time.Millisecond+time.Duration(h.rng.Int64N(int64(time.Second))), func() { w.restart(h) })
}

// afterTrouble is the disk that the next process finds when one has ended by an
// error. If a sync has failed, the operating system shows bytes that it has given
// up, and to sync them again helps nothing: so the machine is started again, too.
func (w *World) afterTrouble(h *host) *simdisk.Disk {
	if !h.disk.GaveUp() {
		return h.disk.Clone()
	}
	fate := h.disk.Draw(h.rng)
	w.tell("the machine of %v is started again%s", h.id, told(h.disk.Describe(fate)))
	return h.disk.After(fate)
}

// pause stops a process, without its noticing.
func (w *World) pause(h *host, f *Fault) {
	if h.process == nil {
		return
	}
	w.fired(f, "%v is paused", h.id)
	h.paused++
	life := h.life
	w.lasting(f, func() {
		if h.life != life {
			return
		}
		if h.paused--; h.paused == 0 {
			w.tell("%v goes on", h.id)
			held := h.held
			h.held = nil
			for _, do := range held {
				h.now(life, do)
			}
			if h.life == life {
				h.wake()
			}
		}
	})
}

// spoil lets operations on a disk fail.
func (w *World) spoil(h *host, f *Fault) {
	if h.process == nil {
		return
	}
	kind := map[Kind]simdisk.FaultKind{
		DiskError: simdisk.EIO, DiskFull: simdisk.NoSpace, ShortWrite: simdisk.Short, FailedSync: simdisk.FailedSync,
	}[f.Kind]
	keep := 0
	if f.Kind != DiskError {
		keep = int(f.Draw % 200)
	}
	w.fired(f, "the disk of %v: %s", h.id, f.Kind)
	h.disk.Faults = append(h.disk.Faults, simdisk.Fault{At: h.disk.Ops() + max(f.Op, 1), Times: f.Size, Kind: kind, Keep: keep})
}

// worsen makes something worse for a while.
func (w *World) worsen(h *host, f *Fault) {
	who := "all"
	if h != nil {
		who = h.id.String()
	}
	undo := func() {}
	n := &w.net
	raise := func(to *int) func() {
		*to += f.Size
		return func() { *to -= f.Size }
	}
	switch f.Kind {
	case SlowDisk:
		undo = raise(&h.slow)
	case Cut:
		to := w.pick(f.To, f.Draw)
		if to == nil || to == h {
			return
		}
		who += " to " + to.id.String()
		n.links[h.id][to.id].cut++
		undo = func() { n.links[h.id][to.id].cut-- }
	case Isolate:
		n.around(h.id, func(l *link) { l.cut++ })
		undo = func() { n.around(h.id, func(l *link) { l.cut-- }) }
	case SlowLink:
		n.around(h.id, func(l *link) { l.slow += f.Size })
		undo = func() { n.around(h.id, func(l *link) { l.slow -= f.Size }) }
	case Loss:
		undo = raise(&n.level.loss)
	case Twice:
		undo = raise(&n.level.twice)
	case Late:
		undo = raise(&n.level.late)
	case LoseRequest:
		undo = raise(&n.near.loseRequest)
	case LoseReply:
		undo = raise(&n.near.loseReply)
	case LateClients:
		undo = raise(&n.near.late)
	case Drift:
		h.drift += f.Size
		h.tick()
		undo = func() { h.drift -= f.Size; h.tick() }
	case Freeze:
		h.frozen++
		h.tick()
		undo = func() { h.frozen--; h.tick() }
	default:
		w.fail("plan", "nothing is called %q", f.Kind)
		return
	}
	w.fired(f, "%s: %s, %d, for %v", who, f.Kind, f.Size, f.For)
	w.lasting(f, undo)
}

// around does something to all links of a node.
func (n *network) around(id node.ID, do func(*link)) {
	for other := range n.links {
		if node.ID(other) != id {
			do(&n.links[id][other])
			do(&n.links[other][id])
		}
	}
}

// tick lets the clock of a host go as it should.
func (h *host) tick() {
	rate := right + int64(h.drift)
	if h.frozen > 0 {
		rate = 0
	}
	h.clock.set(rate, h.w.now)
	h.timer = 0
	h.wake()
}

// lasting undoes something when its time is over, or when everything is healed.
func (w *World) lasting(f *Fault, undo func()) {
	over := false
	once := func() {
		if !over {
			over = true
			undo()
		}
	}
	w.undo = append(w.undo, once)
	if f.For > 0 {
		w.after(f.For.time(), once)
	}
}

// mend undoes everything that can be undone.
func (w *World) mend() {
	for _, undo := range w.undo {
		undo()
	}
	for _, h := range w.hosts {
		h.disk.Faults, h.strike = nil, nil
		w.restart(h)
	}
	w.after(300*time.Millisecond, w.attend)
}
