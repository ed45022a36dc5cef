package sim

import (
	"fmt"
	"strings"

	"zeyrho/harness/simdisk"
	"zeyrho/steps/05-replication/node"
)

// guard watches the nodes from inside, after everything that happens to one. It
// knows every entry that was ever safe on a disk.
//
// What it looks at are the promises of the protocol, of which no client ever
// hears. Many of them break long before a client is told something wrong.
type guard struct {
	w      *world
	log    []slot                // by index; 0 is unused
	seen   []seen                // by node
	most   uint64                // that was ever committed
	latest node.Epoch            // that anybody ever entered
	marks  map[node.Epoch]uint64 // where each begins
}

// slot is what the guard knows of an index.
type slot struct {
	first     entry
	others    []entry    // another leader had something else there
	committed node.Epoch // the epoch of the entry that was committed here last
	reign     node.Epoch // and that of the leader who said so
}

// entry is an entry that is, or was, safe on some disk.
type entry struct {
	epoch  node.Epoch
	before node.Epoch // of the entry before it
	chain  hash       // of this entry and all before it
	disks  uint64     // of which nodes, a bit each; also if they have lost it since
}

// seen is what the guard has seen of a node.
type seen struct {
	epoch     node.Epoch    // the latest that it has told anybody
	known     node.Epoch    // the latest that is on its disk
	safe      node.Position // all up to there is on its disk
	committed uint64
	applied   uint64
	heard     node.Epoch // the latest of which this process was told anything
	owes      uint64     // what was committed then
	paid      bool       // it has applied that
	floor     uint64     // applied must not fall below, in this reign
	reign     node.Epoch
	entered   uint64 // what was committed when this reign began
	changed   bool   // it has begun in this turn
}

func newGuard(w *world) *guard {
	return &guard{w: w, log: make([]slot, 1), marks: map[node.Epoch]uint64{}, seen: make([]seen, w.plan.Nodes+w.plan.Learners)}
}

func (g *guard) of(h *host) *seen { return &g.seen[h.id-1] }

// slot returns the slot of an index.
func (g *guard) slot(index uint64) *slot {
	for uint64(len(g.log)) <= index {
		g.log = append(g.log, slot{})
	}
	return &g.log[index]
}

// find returns the entry of an epoch, or nil.
func (s *slot) find(e node.Epoch) *entry {
	if s.first.epoch == e {
		return &s.first
	}
	for i := range s.others {
		if s.others[i].epoch == e {
			return &s.others[i]
		}
	}
	return nil
}

func (s *slot) add(e entry) *entry {
	if s.first.epoch == 0 {
		s.first = e
		return &s.first
	}
	s.others = append(s.others, e)
	return &s.others[len(s.others)-1]
}

// opened is called when a process has read its disk.
func (g *guard) opened(h *host) {
	s, r := g.of(h), h.process.Replica()
	e, leads := r.Epoch()
	if e < s.epoch {
		g.w.fail("epoch", "%v was started again, and knows of no later epoch than %v; before, it has told others of %v", h.id, e, s.epoch)
		return
	}
	if last := r.Log().Last(); !g.holds(h, s.safe) {
		g.w.fail("persistence", "%v was started again, and its log ends at %v; %v had been safe on its disk", h.id, last, s.safe)
		return
	}
	h.leads = leads
	*s = seen{epoch: s.epoch, reign: e, entered: r.Committed(), changed: true}
	g.safe(h)
	s.known = e
	g.progress(h)
}

// holds says whether the log of a node has a position.
func (g *guard) holds(h *host, p node.Position) bool {
	log := h.process.Replica().Log()
	if p.Index+1 < log.First() {
		return true // it was cut off at the front, which is for those who have it elsewhere
	}
	e, ok := log.EpochAt(p.Index)
	return ok && e == p.Epoch
}

// died is called when a process has ended.
func (g *guard) died(*host) {}

// forgets is called when the disk of a node is another one.
func (g *guard) forgets(h *host) { *g.of(h) = seen{} }

// handled is called after the first half of a turn.
func (g *guard) handled(h *host) {
	s := g.of(h)
	switch e, leads := h.process.Replica().Epoch(); {
	case e < s.reign:
		g.w.fail("epoch", "%v went back from epoch %v to %v", h.id, s.reign, e)
	case leads && e.Leader() != h.id:
		g.w.fail("one leader an epoch", "%v believes that it leads epoch %v", h.id, e)
	case e != s.reign:
		s.reign, s.floor, s.entered, s.changed = e, 0, max(s.committed, h.process.Replica().Committed()), true
		g.latest = max(g.latest, e)
		if leads {
			g.w.tell("%v leads from now on, in epoch %v", h.id, e)
		}
	}
	g.cut(h)
}

// cut looks whether the node has removed what was safe.
func (g *guard) cut(h *host) {
	s, log := g.of(h), h.process.Replica().Log()
	if g.holds(h, s.safe) {
		return
	}
	from := s.safe
	for index := min(s.safe.Index, log.Synced()); ; index-- {
		e, ok := log.EpochAt(index)
		if index == 0 || ok && g.slot(index).find(e) != nil {
			s.safe = node.Position{Index: index, Epoch: e}
			break
		}
	}
	g.w.count("tails cut", 1)
	if s.applied > s.safe.Index {
		g.w.count("applied tails cut", 1)
	}
	g.w.tell("%v cuts its log, which was safe up to %v, back to %v", h.id, from, s.safe)
	if s.floor > s.safe.Index {
		g.w.fail("applied never falls", "%v had applied %d in epoch %v, and cuts its log back to %v in the same epoch", h.id, s.floor, s.reign, s.safe)
	}
	for i := s.safe.Index + 1; g.w.strict() && i <= from.Index; i++ {
		if g.slot(i).committed == from.Epoch {
			g.w.fail("committed entries stay", "%v cuts its log back to %v, although entry %d@%v was committed", h.id, s.safe, i, from.Epoch)
			return
		}
	}
	s.committed, s.applied = min(s.committed, s.safe.Index), min(s.applied, s.safe.Index)
}

// synced is called when a turn has ended, before anybody hears of it.
func (g *guard) synced(h *host, out node.Outbox) {
	s := g.of(h)
	if dirty := unsynced(h.disk); len(out.Messages)+len(out.Replies) > 0 && dirty != "" {
		g.w.fail("persist before you speak", "%v speaks, and %s is not synced: %s", h.id, dirty, g.words(out))
		return
	}
	g.safe(h)
	s.known, h.leads = h.process.Replica().Epoch()
	g.progress(h)
	for i := range out.Messages {
		g.told(h, s, &out.Messages[i])
	}
}

// unsynced returns a file that matters, and is not safe on the disk; "" if there
// is none.
func unsynced(d *simdisk.Disk) string {
	for _, name := range d.Unsynced() {
		if name == "epoch" || strings.HasSuffix(name, ".journal") {
			return name
		}
	}
	return ""
}

func (g *guard) words(out node.Outbox) string {
	if len(out.Messages) > 0 {
		return g.w.system.describe(out.Messages[0])
	}
	return fmt.Sprintf("%d replies", len(out.Replies))
}

// safe looks at all entries that are safe on the disk of the node since the last
// time. Two logs that have the same position are the same up to there; and it
// was the leader of its epoch who had an entry first.
func (g *guard) safe(h *host) {
	s, log := g.of(h), h.process.Replica().Log()
	to := log.Synced()
	if s.safe.Index >= to {
		return
	}
	from := s.safe.Index + 1
	if first := log.First(); from < first {
		from = first
		s.safe.Index = first - 1
		s.safe.Epoch, _ = log.EpochAt(first - 1)
	}
	entries, ok := log.Read(from, to, 1<<30)
	if !ok {
		entries = nil // the beginning is not in memory any more: it is what it was
		s.safe.Index = min(to, log.Last().Index)
		s.safe.Epoch, _ = log.EpochAt(s.safe.Index)
		return
	}
	for i := range entries {
		if !g.entry(h, s, &entries[i]) {
			return
		}
	}
}

func (g *guard) entry(h *host, s *seen, e *node.Entry) bool {
	var chain hash
	if e.Index > 1 {
		if before := g.slot(e.Index - 1).find(s.safe.Epoch); before != nil {
			chain = before.chain
		}
	}
	chain.add(uint64(e.Epoch))
	chain.bytes(e.Record)
	slot := g.slot(e.Index)
	known := slot.find(e.Epoch)
	switch {
	case known == nil && e.Epoch.Leader() != h.id:
		g.w.fail("log matching", "%v has entry %v on its disk, and %v, which leads that epoch, never had", h.id, e.Position, e.Epoch.Leader())
		return false
	case known == nil:
		known = slot.add(entry{epoch: e.Epoch, before: s.safe.Epoch, chain: chain})
		if g.marks[e.Epoch] == 0 {
			g.marks[e.Epoch] = e.Index
		}
	case known.chain != chain:
		g.w.fail("log matching", "the log of %v up to %v is not what it is elsewhere", h.id, e.Position)
		return false
	case e.Epoch < s.known && g.marks[s.known] > 0 && e.Index >= g.marks[s.known]:
		g.w.fail("a replaced leader is not followed", "%v knew of epoch %v, which begins at %d, and then took %v", h.id, s.known, g.marks[s.known], e.Position)
		return false
	case e.Epoch < s.safe.Epoch:
		g.w.fail("log matching", "in the log of %v comes %v after %v", h.id, e.Position, s.safe)
		return false
	}
	if !h.learns() {
		known.disks |= 1 << h.id
	}
	s.safe = e.Position
	return true
}

// progress looks at what is committed and applied.
func (g *guard) progress(h *host) {
	s, r := g.of(h), h.process.Replica()
	reign, leads := r.Epoch()
	if s.changed && !leads { // what it knows to be committed it may know from an earlier one
		reign = 0
	}
	s.changed = false
	committed, applied := r.Committed(), r.Applied().Index
	switch {
	case applied < s.applied:
		g.w.fail("applied never falls", "%v had applied %d, and has applied %d now", h.id, s.applied, applied)
		return
	case applied > committed || applied > s.safe.Index:
		g.w.fail("applied is committed and safe", "%v has applied %d; committed is %d, and safe %v", h.id, applied, committed, s.safe)
		return
	}
	for i := max(s.committed+1, r.Log().First()); i <= committed; i++ {
		if !g.commit(h, i, reign, leads) {
			return
		}
	}
	if s.committed = max(s.committed, committed); applied > s.entered {
		s.floor = applied
	}
	s.applied = applied
	s.paid = s.paid || s.heard > 0 && applied >= s.owes
	g.most = max(g.most, committed)
	h.amnesiac = h.amnesiac && s.safe.Index < g.most
	h.joining = h.joining && applied < h.goal
	g.snapshots(h)
}

// snapshots counts those that a node makes and is sent.
func (g *guard) snapshots(h *host) {
	made, fetched := h.process.Snapshots()
	if made > h.made {
		g.w.count("snapshots made", made-h.made)
	}
	if fetched > h.fetched {
		g.w.count("snapshots fetched", fetched-h.fetched)
		g.w.tell("%v goes on from a snapshot, at %v", h.id, h.process.Replica().Applied())
	}
	h.made, h.fetched = made, fetched
}

// commit looks at an entry that a node says is committed.
func (g *guard) commit(h *host, index uint64, reign node.Epoch, leads bool) bool {
	e, _ := h.process.Replica().Log().EpochAt(index)
	slot := g.slot(index)
	known := slot.find(e)
	switch {
	case slot.committed != 0 && slot.committed != e && (slot.reign == reign && reign != 0 || g.w.strict()):
		g.w.fail("committed entries stay", "%v says that %v is committed; entry %d of epoch %v was, in epoch %v", h.id, node.Position{Index: index, Epoch: e}, index, slot.committed, slot.reign)
		return false
	case leads && (known == nil || count(known.disks) < g.w.plan.Acks):
		n := 0
		if known != nil {
			n = count(known.disks)
		}
		g.w.fail("acknowledged means safe", "%v commits %v, which is on %d disks; %d are promised", h.id, node.Position{Index: index, Epoch: e}, n, g.w.plan.Acks)
		return false
	case !leads && slot.committed == 0:
		g.w.fail("committed by the leader", "%v says that %v is committed, and nobody who leads has said so", h.id, node.Position{Index: index, Epoch: e})
		return false
	}
	if leads || slot.committed == 0 {
		slot.committed, slot.reign = e, reign
	}
	return true
}

func count(bits uint64) (n int) {
	for ; bits != 0; bits &= bits - 1 {
		n++
	}
	return n
}
