package sim

import (
	"fmt"

	"zeyrho/harness/history"
	"zeyrho/harness/simdisk"
	"zeyrho/steps/05-replication/node"
)

// strike lets a fault happen, unless there is nobody whom it could happen to.
func (w *world) strike(f *Fault) {
	h := w.pick(f.Node, f.Draw)
	if w.healed || f.Node != "" && (h == nil || h.gone) {
		return
	}
	switch f.Kind {
	case Kill, Power, DiskGone, Rot:
		w.end(h, f)
	case PowerAll:
		w.blackout(f)
	case Pause:
		w.pause(h, f)
	case DiskError, DiskFull, ShortWrite, FailedSync:
		w.spoil(h, f)
	case Promote, Appoint, Takeover, Join:
		w.operate(h, f)
	case Cut, Split, Bridge, Deaf, Mute, Flap, SlowLink:
		w.disconnect(h, f)
	case SlowDisk, Drift, Freeze:
		w.weaken(h, f)
	default:
		w.worsen(f)
	}
}

// pick finds a host by its name, or by what it is at the moment; nil if there is
// none.
func (w *world) pick(name string, draw uint64) *host {
	first := w.leader()
	var found *host
	n := uint64(0)
	for _, h := range w.hosts {
		switch {
		case h.id.String() == name || name == leader && h == first:
			return h
		case h == first || h.process == nil:
		case name == follower:
			if n++; draw%n == 0 {
				found = h
			}
		case name == laggard:
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
func (w *world) leader() (found *host) {
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

// fired notes that a fault has happened. Who and to may be empty.
func (w *world) fired(f *Fault, who, to, format string, args ...any) (event int) {
	w.count(string(f.Kind), 1)
	text := fmt.Sprintf(format, args...)
	w.tell("%s", sentence(who, to, text))
	return w.event(history.Event{Kind: "fault", Node: who, To: to, Text: text})
}

func sentence(who, to, text string) string {
	switch {
	case who == "":
		return text
	case to == "":
		return who + ": " + text
	}
	return fmt.Sprintf("%s to %s: %s", who, to, text)
}

// lasting undoes something when its time is over, or when everything is healed;
// and notes that then.
func (w *world) lasting(f *Fault, undo func(), events ...int) {
	over := false
	once := func() {
		if over {
			return
		}
		over = true
		undo()
		for _, e := range events {
			w.events[e].Until = int64(w.now)
		}
	}
	w.undo = append(w.undo, once)
	if f.For > 0 {
		w.after(f.For.time(), once)
	}
}

// mend undoes everything that can be undone.
func (w *world) mend() {
	for _, undo := range w.undo {
		undo()
	}
	for _, h := range w.hosts {
		h.disk.Faults, h.strike = nil, nil
		if !h.absent {
			w.restart(h)
		}
	}
	if w.plan.Operator == Soon {
		w.after(attention, w.attend)
	}
}

// spoil lets operations on a disk fail.
func (w *world) spoil(h *host, f *Fault) {
	if h.process == nil {
		return
	}
	kinds := map[Kind]simdisk.FaultKind{
		DiskError: simdisk.EIO, DiskFull: simdisk.NoSpace, ShortWrite: simdisk.Short, FailedSync: simdisk.FailedSync,
	}
	keep := 0
	if f.Kind != DiskError {
		keep = int(f.Draw % 200)
	}
	w.fired(f, h.id.String(), "", "%s", f.Kind)
	h.disk.Faults = append(h.disk.Faults, simdisk.Fault{At: h.disk.Ops() + max(f.Op, 1), Times: f.Size, Kind: kinds[f.Kind], Keep: keep})
}

// weaken lets the disk or the clock of a host do worse for a while.
func (w *world) weaken(h *host, f *Fault) {
	var what *int
	size := f.Size
	switch f.Kind {
	case SlowDisk:
		what = &h.slow
	case Drift:
		what = &h.drift
	case Freeze:
		what, size = &h.frozen, 1
	}
	*what += size
	h.tick()
	event := w.fired(f, h.id.String(), "", "%s%s", f.Kind, f.strength())
	w.lasting(f, func() { *what -= size; h.tick() }, event)
}

// strength says how much, in words.
func (f *Fault) strength() string {
	switch f.Kind {
	case Freeze, Cut, Split, Bridge, Deaf, Mute, Flap:
		return ""
	case SlowDisk, SlowLink:
		return fmt.Sprintf(", %d times as long", f.Size)
	case Drift:
		return fmt.Sprintf(", by %+.1f %%", float64(f.Size)/10_000)
	}
	return fmt.Sprintf(", %d in a thousand", f.Size)
}

// tick lets the clock of a host go as it should.
func (h *host) tick() {
	rate := right + int64(h.drift)
	if h.frozen > 0 {
		rate = 0
	}
	if rate == h.clock.rate {
		return
	}
	h.clock.set(rate, h.w.now)
	h.timer = 0
	h.wake()
}

// worsen lets messages, or the words of clients, do worse for a while.
func (w *world) worsen(f *Fault) {
	n := &w.net
	what := map[Kind]*int{
		Loss: &n.level.loss, Twice: &n.level.twice, Late: &n.level.late,
		LoseRequest: &n.near.loseRequest, LoseReply: &n.near.loseReply, LateClients: &n.near.late,
	}[f.Kind]
	*what += f.Size
	event := w.fired(f, "", "", "%s%s", f.Kind, f.strength())
	w.lasting(f, func() { *what -= f.Size }, event)
}
