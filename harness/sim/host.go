package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"zeyrho/harness/history"
	"zeyrho/harness/simdisk"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/queue"
	"zeyrho/steps/05-replication/node"
)

// host is a machine, and the process on it that is a node. It does what
// node.Loop does for real.
//
// Invariants:
//   - process is nil while none runs.
//   - While busy, a turn is under way, and nothing is told to the node.
//   - What happens to a process that is not the present one, happens to nobody:
//     every event compares its number with life.
type host struct {
	w       *world
	id      node.ID
	disk    *simdisk.Disk
	clock   clock
	drift   int        // of the clock, in millionths
	frozen  int        // how many faults stop it
	env     *rand.Rand // what the node draws
	rng     *rand.Rand // what its disk draws
	process process
	life    int // counts processes

	gone     bool // it has no disk any more, and gets none
	amnesiac bool // its disk is a new one, and lacks what was committed
	rotten   bool // its disk was damaged
	leads    bool // its disk says that it leads
	absent   bool // it has not been there yet
	withheld bool // the operator does not let it start

	paused int      // how many faults stop the process
	held   []func() // what it does when it goes on
	door   []func() // who wants to come in then
	busy   bool
	due    bool          // a turn is about to begin
	timer  time.Duration // when it will be looked whether one is due; 0: not at all

	queue   *queue.Queue[*request]
	inbox   []node.Input
	spare   []node.Input // the inbox of the last turn
	bytes   int          // of messages in inbox
	waiting map[uint64]*request
	slow    int // how many times as long the disk takes; 0 is once
	strike  *strike

	queued   int // bytes in the queue, ever, at most
	replayed int // bytes that were read at the last start
	joining  bool
	goal     uint64 // what was committed when it joined
	fed      int    // bytes that were sent to it while it was joining
	fetched  int    // snapshots that this process has been sent
	made     int    // and made

	placed history.Event // the last that was said of where it is
	band   int           // the event that began when it ended; 0: none
}

// place is where a write waits.
type place = queue.Place[*request]

// What a node.Loop has room for by default, and how much of it it takes at once.
const (
	inboxBytes = 32 << 20
	batchItems = 1000
	batchBytes = 4 << 20
)

func newHost(w *world, id node.ID) *host {
	return &host{
		w: w, id: id, disk: newDisk(), clock: newClock(time.Second),
		env: w.rng(forEnv, int(id)), rng: w.rng(forDisk, int(id)),
	}
}

func newDisk() *simdisk.Disk { return simdisk.New() }

// learns says whether the node only learns, and is never counted.
func (h *host) learns() bool { return int(h.id) > h.w.plan.Nodes }

func (h *host) up() bool { return h.process != nil }

// env is what the node may know of the world: it is a node.Env.
type env struct {
	h    *host
	life int
}

func (e env) Now() time.Duration { return e.h.clock.at(e.h.w.now) }
func (e env) Rand() uint64       { return e.h.env.Uint64() }

// Start lets work take a while. What it finds is as it is at one moment in that
// time, and the node hears of it at the end.
func (e env) Start(work, done func()) {
	h := e.h
	total := time.Duration(h.rng.Int64N(int64(20 * time.Millisecond)))
	begin := time.Duration(h.rng.Int64N(int64(total) + 1))
	h.during(begin, func() {
		work()
		if h.struck() {
			return
		}
		h.during(total-begin, func() {
			h.inbox = append(h.inbox, node.Done(done))
			h.rouse()
		})
	})
}

// during lets something happen in the present process, if it still runs then;
// and if it is paused then, when it goes on.
func (h *host) during(d time.Duration, do func()) {
	life := h.life
	h.w.after(d, func() { h.now(life, do) })
}

func (h *host) now(life int, do func()) {
	switch {
	case h.life != life || h.process == nil:
	case h.paused > 0:
		h.held = append(h.held, do)
	default:
		do()
	}
}

// start starts a process on what is on the disk.
func (h *host) start(fresh bool) {
	h.life++
	h.busy, h.due, h.timer = false, false, 0
	h.inbox, h.bytes, h.waiting = nil, 0, map[uint64]*request{}
	h.queue = queue.New[*request](queue.Config{Bytes: cmp.Or(h.w.plan.Queue, 8<<20), Wait: time.Second})
	h.fetched, h.made = 0, 0
	before := h.disk.ReadBytes()
	p, err := h.w.system.open(h.id, h.w.plan, fresh, env{h, h.life}, h.disk)
	if h.struck() {
		return
	}
	if err != nil {
		h.w.refused(h, err)
		return
	}
	h.process = p
	h.replayed = h.disk.ReadBytes() - before
	h.w.opened(h)
	h.rouse()
	h.refuseLate()
}

// receive takes a message from another node, if there is room.
func (h *host) receive(m node.Message) bool {
	size := len(m.Data) + 64
	if h.bytes > 0 && h.bytes+size > inboxBytes {
		return false
	}
	h.bytes += size
	if h.joining {
		h.fed += size
	}
	h.inbox = append(h.inbox, m)
	h.rouse()
	return true
}

// admit takes a request of a client: a read is answered now if it can be, a
// write waits in the queue.
func (h *host) admit(r *request) {
	if h.paused > 0 {
		h.door = append(h.door, func() { h.admit(r) })
		return
	}
	h.w.requests++
	r.id = h.w.requests
	switch in := r.input.(type) {
	case node.Write:
		in.ID = r.id
		r.input = in
		var err error
		size := 64 + len(in.Request.Command.Key) + len(in.Request.Command.Value)
		if r.place, err = h.queue.Enter(r, size, h.w.wall()); err != nil {
			h.w.count("refused", 1)
			h.w.answer(r, answer{reply: node.Reply{Err: fmt.Errorf("%w: %w", kv.ErrOverloaded, err)}})
			return
		}
	case node.Read:
		in.ID = r.id
		if reply, ok := h.process.Read(in.Query); ok {
			h.w.guard.shows(h, in.Query, reply)
			h.w.answer(r, answer{reply: reply})
			return
		}
		h.inbox = append(h.inbox, in)
	}
	h.waiting[r.id] = r
	_, bytes := h.queue.Len()
	h.queued = max(h.queued, bytes)
	h.rouse()
}

// giveUp is told that nobody waits for the answer to a request any longer.
func (h *host) giveUp(r *request) {
	if h.process == nil || h.waiting[r.id] != r {
		return
	}
	delete(h.waiting, r.id)
	if r.place != nil {
		h.queue.Leave(r.place)
		return
	}
	h.inbox = append(h.inbox, node.GiveUp{ID: r.id})
	h.rouse()
}

// refuseLate refuses writes that have waited for too long, also while a sync
// takes its time.
func (h *host) refuseLate() {
	h.during(250*time.Millisecond, func() {
		h.refuse(h.queue.Late(h.w.wall()))
		h.refuseLate()
	})
}

func (h *host) refuse(late []*request) {
	for _, r := range late {
		h.w.count("writes late", 1)
		delete(h.waiting, r.id)
		h.w.answer(r, answer{reply: node.Reply{Err: fmt.Errorf("it has waited for too long in the queue: %w", kv.ErrOverloaded)}})
	}
}

// rouse lets a turn begin in a moment, if none is under way. Who arrives in that
// moment comes along.
func (h *host) rouse() {
	if h.busy || h.due || h.process == nil {
		return
	}
	h.due = true
	h.during(time.Duration(10+h.rng.IntN(200))*time.Microsecond, h.turn)
}

// turn is the first half of a turn.
func (h *host) turn() {
	h.due = false
	h.busy = true
	batch := h.batch()
	h.w.guard.hears(h, batch)
	dirty := h.process.Handle(batch)
	h.w.guard.handled(h)
	h.w.place(h)
	switch {
	case h.struck():
	case dirty:
		h.during(h.syncs(), h.sync)
	default:
		h.synced(nil)
	}
}

// batch takes everything that has arrived.
func (h *host) batch() []node.Input {
	writes, late := h.queue.Take(batchItems, batchBytes, h.w.wall())
	h.refuse(late)
	for _, r := range writes {
		h.inbox = append(h.inbox, r.input)
	}
	batch := h.inbox
	h.inbox, h.spare = h.spare[:0], batch
	h.bytes = 0
	return batch
}

// syncs draws how long a sync takes.
func (h *host) syncs() time.Duration {
	mean := max(h.w.plan.Sync.time(), 2*time.Millisecond)
	d := mean/4 + time.Duration(h.rng.Int64N(int64(mean*3/2)))
	if h.rng.IntN(200) == 0 {
		d *= 10
	}
	return d * time.Duration(max(h.slow, 1))
}

func (h *host) sync() {
	err := h.process.Sync()
	if !h.struck() {
		h.synced(err)
	}
}

// synced is the second half of a turn.
func (h *host) synced(err error) {
	out, err := h.process.Synced(err)
	if h.struck() {
		return
	}
	if err != nil {
		h.w.ended(h, err)
		return
	}
	h.w.guard.synced(h, out)
	h.w.place(h)
	h.say(out)
	h.busy = false
	if n, _ := h.queue.Len(); n > 0 || len(h.inbox) > 0 {
		h.rouse()
		return
	}
	h.wake()
}

func (h *host) say(out node.Outbox) {
	for _, m := range out.Messages {
		h.w.send(m)
	}
	for _, reply := range out.Replies {
		if r := h.waiting[reply.ID]; r != nil {
			delete(h.waiting, reply.ID)
			if in, ok := r.input.(node.Read); ok {
				h.w.guard.shows(h, in.Query, reply)
			}
			h.w.answer(r, answer{reply: reply})
		}
	}
}

// wake begins a turn when the node wants one, or sees to it that one will begin.
func (h *host) wake() {
	if h.busy || h.due || h.process == nil {
		return
	}
	at, ok := h.clock.when(h.process.Wake(), h.w.now)
	switch {
	case !ok:
		h.timer = 0
	case at <= h.w.now:
		h.rouse()
	case h.timer == 0 || h.timer > at:
		h.timer = at
		h.during(at-h.w.now, func() {
			if h.timer == at {
				h.timer = 0
				h.wake()
			}
		})
	}
}

// die ends the process. What comes next finds that disk.
func (h *host) die(disk *simdisk.Disk) {
	h.w.trace.add(h.disk.Hash())
	h.disk = disk
	h.process, h.strike = nil, nil
	h.life++
	h.w.guard.died(h)
	ids := make([]uint64, 0, len(h.waiting))
	for id := range h.waiting {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		h.w.answer(h.waiting[id], answer{broken: true})
	}
	h.held, h.door, h.paused = nil, nil, 0
}
