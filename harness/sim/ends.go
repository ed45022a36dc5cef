package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"zeyrho/harness/history"
	"zeyrho/harness/simdisk"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/06-catchup/snapshot"
)

// How a process ends, what of its disk is left then, and how the next one
// begins.

// strike is an end that waits for an operation of the disk.
type strike struct {
	fault *Fault
	at    int           // the number of the operation
	found *simdisk.Disk // as it was just before that
	where string        // which it was, in words
}

// end ends a process, now or in the middle of what it will do.
func (w *world) end(h *host, f *Fault) {
	if h.process == nil || h.strike != nil || f.Kind != Kill && f.Kind != Power && !w.spare(h) {
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
			s.found, s.where = h.disk.Clone(), ", about to "+op.Words()
		}
	}
	h.during(time.Second, func() {
		if h.strike == s && s.found == nil {
			w.crash(h, h.disk.Clone(), f, "")
		}
	})
}

// spare says whether one more disk may be lost: not more than an acknowledgement
// promises, and so many nodes must be left that there can be acknowledgements.
// Nor while there is a leader who has been replaced and does not know it yet: an
// empty disk knows nothing of it either, and would acknowledge what he says.
func (w *world) spare(h *host) bool {
	lost, gone := 1, 0
	for _, other := range w.hosts {
		if other != h && (other.amnesiac || other.gone || other.rotten) {
			lost++
		}
		if other.gone {
			gone++
		}
		if other.leads && w.guard.of(other).known < w.guard.latest {
			return false
		}
	}
	return !w.taking && lost < max(w.plan.Acks, 2) && gone < w.plan.Nodes-w.plan.Acks
}

// struck ends the process if it has come to the operation at which it was to
// end. What it did since, nobody has seen.
func (h *host) struck() bool {
	s := h.strike
	if s == nil || s.found == nil {
		return false
	}
	h.w.crash(h, s.found, s.fault, s.where)
	return true
}

// crash ends a process. found is the disk at that moment.
func (w *world) crash(h *host, found *simdisk.Disk, f *Fault, where string) {
	var event int
	switch f.Kind {
	case Power, PowerAll:
		fate := found.Draw(rand.New(rand.NewPCG(f.Draw, uint64(h.id))))
		event = w.fired(f, h.id.String(), "", "power%s%s", where, told(found.Describe(fate)))
		found = found.After(fate)
	case DiskGone:
		event = w.fired(f, h.id.String(), "", "disk gone")
		h.gone = f.For == 0
		found = w.blank(h)
	case Rot:
		event = w.fired(f, h.id.String(), "", "down, and %s", w.rot(h, found, f))
	default:
		event = w.fired(f, h.id.String(), "", "kill%s", where)
	}
	h.die(found)
	h.band = event
	if !h.gone && f.For > 0 {
		w.after(f.For.time(), func() { w.restart(h) })
	}
}

func told(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "; " + strings.Join(lines, "; ")
}

// blank puts an empty disk into a host.
func (w *world) blank(h *host) *simdisk.Disk {
	h.amnesiac, h.rotten, h.leads = true, false, false
	w.guard.forgets(h)
	return simdisk.New()
}

// blackout takes the power from all nodes at once.
func (w *world) blackout(f *Fault) {
	rng := rand.New(rand.NewPCG(f.Draw, 0))
	for _, h := range w.hosts {
		if back := rng.Int64N(int64(f.For) + 1); h.process != nil {
			one := *f
			one.For = Span(back) + 1
			w.crash(h, h.disk.Clone(), &one, "")
		}
	}
}

// rot lets a bit flip on a disk, in what a process must miss when it starts.
func (w *world) rot(h *host, d *simdisk.Disk, f *Fault) string {
	rng := rand.New(rand.NewPCG(f.Draw, 3))
	name, size := rottable(d, rng)
	if size <= 0 {
		return "its disk is as it was"
	}
	at, bit := rng.IntN(size), rng.IntN(8)
	d.Flip(name, int64(at), bit)
	h.rotten = true
	return fmt.Sprintf("bit %d of byte %d of %s flips", bit, at, name)
}

// rottable draws a file of which any of the first bytes can go bad, and how many
// they are: a snapshot; or a part of the journal that has another one behind it, or
// else its last, but with a frame behind what goes bad. There it cannot be taken
// for the end of something that was never completed.
func rottable(d *simdisk.Disk, rng *rand.Rand) (name string, size int) {
	var journal, snapshots []string
	for _, name := range d.Names() {
		switch {
		case strings.HasSuffix(name, ".journal"):
			journal = append(journal, name)
		case strings.HasSuffix(name, ".snapshot"):
			snapshots = append(snapshots, name)
		}
	}
	if n := len(snapshots); n > 0 && rng.IntN(2) == 0 {
		name = snapshots[n-1]
		return name, len(d.Bytes(name))
	}
	n := len(journal) - 1
	if n == 0 {
		return journal[0], bytes.LastIndex(d.Bytes(journal[0]), []byte("FRAM"))
	}
	name = journal[rng.IntN(n)]
	return name, len(d.Bytes(name))
}

// restart starts the process again, if none runs.
func (w *world) restart(h *host) {
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
func (w *world) opened(h *host) {
	r := h.process.Replica()
	if r.Found().Torn != nil {
		w.count("torn tails", 1)
	}
	e, leads := r.Epoch()
	as := "follows"
	if leads {
		as = "leads"
	}
	text := fmt.Sprintf("it knows of epoch %v, %s, and its log ends at %v", e, as, r.Log().Last())
	if w.now > 0 {
		w.tell("%v is started again: %s", h.id, text)
	}
	if h.band > 0 {
		w.events[h.band].Until = int64(w.now)
		h.band = 0
	}
	w.event(history.Event{Kind: "start", Node: h.id.String(), Text: text})
	if h.rotten {
		w.fail("refusal", "%v has started on a damaged disk, and has not noticed", h.id)
	}
	w.guard.opened(h)
	w.place(h)
}

// refused is called when a process could not be started on its disk.
func (w *world) refused(h *host, err error) {
	hit := h.disk.Hits() > 0
	h.die(w.afterTrouble(h))
	switch {
	case hit:
		w.count("starts that the disk spoiled", 1)
		w.after(200*time.Millisecond, func() { w.restart(h) })
	case h.rotten && (errors.Is(err, journal.ErrDamaged) || errors.Is(err, snapshot.ErrDamaged)):
		w.count("damage refused", 1)
		text, _, _ := strings.Cut(err.Error(), ". ")
		w.tell("%v refuses to start: %s; it gets an empty disk", h.id, text)
		h.disk = w.blank(h)
		w.after(500*time.Millisecond, func() { w.restart(h) })
	default:
		w.fail("recovery", "%v does not start on what is on its disk: %v", h.id, err)
	}
}

// ended is called when a process ends because its disk has failed.
func (w *world) ended(h *host, err error) {
	if h.disk.Hits() == 0 {
		w.fail("recovery", "%v has ended, and its disk is good: %v", h.id, err)
		return
	}
	w.count("ended by the disk", 1)
	w.tell("%v ends: %v", h.id, err)
	w.event(history.Event{Kind: "exit", Node: h.id.String(), Text: err.Error()})
	h.die(w.afterTrouble(h))
	w.after(100*time.Millisecond+time.Duration(h.rng.Int64N(int64(time.Second))), func() { w.restart(h) })
}

// afterTrouble is the disk that the next process finds when one has ended by an
// error. If a sync has failed, the operating system shows bytes that it has given
// up, and to sync them again helps nothing: so the machine is started again, too.
func (w *world) afterTrouble(h *host) *simdisk.Disk {
	if !h.disk.GaveUp() {
		return h.disk.Clone()
	}
	fate := h.disk.Draw(h.rng)
	w.tell("the machine of %v is started again%s", h.id, told(h.disk.Describe(fate)))
	return h.disk.After(fate)
}

// pause stops a process, without its noticing.
func (w *world) pause(h *host, f *Fault) {
	if h.process == nil {
		return
	}
	event := w.fired(f, h.id.String(), "", "pause")
	h.paused++
	life := h.life
	w.lasting(f, func() {
		if h.life != life {
			return
		}
		if h.paused--; h.paused == 0 {
			w.tell("%v goes on", h.id)
			h.resume()
		}
	}, event)
}

// resume does what has waited while the process was paused. Those who wait at
// its door may come first, or last.
func (h *host) resume() {
	life, held := h.life, slices.Concat(h.held, h.door)
	if h.rng.IntN(2) == 0 {
		held = slices.Concat(h.door, h.held)
	}
	h.held, h.door = nil, nil
	for _, do := range held {
		h.now(life, do)
	}
	if h.life == life {
		h.wake()
	}
}
