package crash

import (
	"errors"
	"fmt"
	"slices"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
)

// item is what a store holds for a key.
type item struct {
	key, value string
	version    kv.Version
}

// slot is what a store knows of a session.
type slot struct {
	id     session.ID
	number uint64
	result kv.Result
}

// state is what a store ought to hold after some of the log. It is not changed,
// but replaced by the next one.
type state struct {
	items  []item // sorted by key
	slots  []slot // the stillest first
	opened int    // sessions, ever
}

// reply is what a request ought to be told.
type reply struct {
	result kv.Result
	opened session.ID
	late   bool // the answer must be that it may have happened
	copied bool // it was applied before, and is not applied again
}

// next returns the state after one more request, which has the given version.
// It is written down here a second time, and in another way than in the step,
// what the step promises.
func (s state) next(version kv.Version, r machine.Request, room int) (state, reply) {
	if r.OpenSession {
		s.opened++
		id := session.ID(fmt.Sprintf("%s-%d", incarnation, s.opened))
		if len(s.slots) == room {
			s.slots = s.slots[1:]
		}
		s.slots = append(slices.Clone(s.slots), slot{id: id})
		return s, reply{opened: id}
	}
	if r.Identity == (session.Identity{}) {
		items, result := s.write(version, r.Command)
		s.items = items
		return s, reply{result: result}
	}
	at := slices.IndexFunc(s.slots, func(sl slot) bool { return sl.id == r.Identity.Session })
	switch {
	case at < 0 || r.Identity.Number < s.slots[at].number:
		return s, reply{late: true}
	case r.Identity.Number == s.slots[at].number:
		return s, reply{result: s.slots[at].result, copied: true}
	}
	items, result := s.write(version, r.Command)
	used := slot{r.Identity.Session, r.Identity.Number, result}
	s.items, s.slots = items, append(slices.Delete(slices.Clone(s.slots), at, at+1), used)
	return s, reply{result: result}
}

func (s state) write(version kv.Version, c kv.Command) ([]item, kv.Result) {
	at, found := slices.BinarySearchFunc(s.items, c.Key, func(it item, key string) int { return compare(it.key, key) })
	has := kv.Version(0)
	if found {
		has = s.items[at].version
	}
	switch {
	case c.If.Checked && c.If.Version != has:
		return s.items, kv.Result{Status: kv.Conflict, Version: has}
	case c.Op == kv.OpDelete && !found:
		return s.items, kv.Result{Status: kv.NotFound}
	}
	items := slices.Clone(s.items)
	if found {
		items = slices.Delete(items, at, at+1)
	}
	if c.Op == kv.OpPut {
		items = slices.Insert(items, at, item{c.Key, string(c.Value), version})
	}
	return items, kv.Result{Status: kv.Done, Version: version}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// entry is a request that the store was asked for.
type entry struct {
	words string
	req   machine.Request
	want  reply
	op    int // of the history; -1 if it is none
	who   int
}

// book is what is known from outside: who asked for what, in the order of the
// log, and who was told what.
//
// Invariants:
//   - states[n] is what the first n entries of log add up to.
//   - safe <= acked <= len(log): the first acked entries must survive the death
//     of the process, and the first safe ones a loss of power. What lies beyond
//     acked may survive, from its beginning on.
//
// The version of log[i] is i+2: before everything else, a store writes down its
// settings.
type book struct {
	plan   *Plan
	log    []entry
	states []state
	acked  int
	safe   int
	shown  [2]int // of what is acked, the first and the end of what nobody was told, and a reader was shown
	ops    []history.Op
	places []int // of ops in the log
	clock  int64

	sessions [clients]session.ID
	numbers  [clients]uint64
	last     [clients]*machine.Request // the last numbered one
	refused  int                       // how many requests were, definitely
	values   []string                  // of those
}

func newBook(p *Plan) *book { return &book{plan: p, states: []state{{}}} }

// copy returns a book that goes on by itself. What is common to both is shared,
// and append copies it before it grows.
func (b *book) copy() *book {
	c := *b
	c.log, c.states, c.ops = slices.Clip(b.log), slices.Clip(b.states), slices.Clone(b.ops)
	c.places, c.values = slices.Clip(b.places), slices.Clip(b.values)
	return &c
}

func (b *book) tick() int64 { b.clock += 1_000_000; return b.clock }

// begin writes down that a batch is asked for, and returns it as the store
// understands it. What makes no sense any more, because a shrunken plan lacks
// what it builds on, is left out.
func (b *book) begin(batch []Request) (reqs []machine.Request) {
	at := b.tick()
	for _, r := range batch {
		req, ok := b.request(r)
		if !ok {
			continue
		}
		b.add(r, req, at)
		reqs = append(reqs, req)
	}
	return reqs
}

func (b *book) add(r Request, req machine.Request, at int64) {
	next, want := b.states[len(b.log)].next(kv.Version(len(b.log)+2), req, b.plan.Sessions)
	e := entry{words: r.String(), req: req, want: want, op: -1, who: r.Client}
	if c := req.Command; !req.OpenSession && !want.late && !want.copied {
		e.op = len(b.ops)
		op := history.Op{ID: e.op, Client: r.Client, Phase: "faults", Kind: history.Put, Key: c.Key, Value: string(c.Value), Call: at, Outcome: history.Unknown}
		if c.Op == kv.OpDelete {
			op.Kind = history.Delete
		}
		b.ops, b.places = append(b.ops, op), append(b.places, len(b.log))
	}
	b.log, b.states = append(b.log, e), append(b.states, next)
}

func (b *book) request(r Request) (req machine.Request, ok bool) {
	switch r.Do {
	case "open":
		return machine.Request{OpenSession: true}, true
	case "again":
		if b.last[r.Client] == nil {
			return req, false
		}
		return *b.last[r.Client], true
	case "put":
		req.Command = kv.Put(r.Key, []byte(r.value()))
	case "delete":
		req.Command = kv.Delete(r.Key)
	}
	switch r.If {
	case "absent":
		req.Command = req.Command.IfAbsent()
	case "now":
		req.Command = req.Command.IfVersion(b.version(r.Key))
	case "never":
		req.Command = req.Command.IfVersion(1)
	}
	if r.Numbered && b.sessions[r.Client] != "" {
		b.numbers[r.Client]++
		req.Identity = session.Identity{Session: b.sessions[r.Client], Number: b.numbers[r.Client]}
		b.last[r.Client] = &req
	}
	return req, true
}

// version returns the version of a key, as it was acknowledged last.
func (b *book) version(key string) kv.Version {
	for _, it := range b.states[b.acked].items {
		if it.key == key {
			return it.version
		}
	}
	return 0
}

// answered writes down what the batch at the end of the log was told. The
// error says what is wrong with it.
func (b *book) answered(n int, answers []machine.Answer) error {
	if len(answers) != n {
		return fmt.Errorf("a batch of %d requests got %d answers", n, len(answers))
	}
	at := b.tick()
	first := len(b.log) - n
	for i, a := range answers {
		e := b.log[first+i]
		if err := e.check(a); err != nil {
			return err
		}
		if a.Session != "" {
			b.sessions[e.who] = a.Session
		}
		if e.op >= 0 {
			tell(&b.ops[e.op], a.Result, at)
		}
	}
	b.acked = len(b.log)
	if b.plan.Sync == Batchwise {
		b.safe = b.acked
	}
	return nil
}

// tell writes down how an operation was answered.
func tell(op *history.Op, r kv.Result, at int64) {
	statuses := map[kv.Status]history.Status{kv.Done: history.Done, kv.Conflict: history.Conflict, kv.NotFound: history.Absent}
	op.Outcome, op.Status, op.Version, op.Return = history.OK, statuses[r.Status], uint64(r.Version), at
}

// check compares an answer with the one that the request ought to get.
func (e entry) check(a machine.Answer) error {
	late := errors.Is(a.Err, kv.ErrUnknown)
	got := reply{a.Result, a.Session, late, e.want.copied}
	switch {
	case a.Err != nil && !late:
		return fmt.Errorf("%s, and is told: %w", e.words, a.Err)
	case got == e.want || late && e.want.late:
		return nil
	}
	return fmt.Errorf("%s, and is told %s instead of %s", e.words, got, e.want)
}

func (r reply) String() string {
	switch {
	case r.late:
		return "that it may have happened"
	case r.opened != "":
		return "that it is called " + string(r.opened)
	}
	return fmt.Sprintf("%s, version %d", r.result.Status, r.result.Version)
}

// undone takes the batch at the end of the log out of it: the store has said
// that nothing of it happened.
func (b *book) undone(n int) {
	first := len(b.log) - n
	b.refused += n
	for _, e := range b.log[first:] {
		if e.op >= 0 {
			b.ops[e.op].Outcome, b.ops[e.op].Return = history.Fail, b.tick()
		}
		if e.req.Command.Op == kv.OpPut {
			b.values = append(b.values, string(e.req.Command.Value))
		}
	}
	b.log, b.states = b.log[:first:first], b.states[:first+1:first+1]
}

// found says that the store, newly started, holds the first n entries of the
// log. They are on the disk, then, and everything else is gone for good.
func (b *book) found(n int) {
	for i := range b.ops {
		if b.places[i] >= n {
			b.ops[i] = doubtful(b.ops[i])
		}
	}
	b.log, b.states = b.log[:n:n], b.states[:n+1:n+1]
	b.shown = [2]int{b.acked, n}
	b.acked, b.safe = n, n
}

// doubtful returns op as it was before it was answered, if it was not refused.
func doubtful(op history.Op) history.Op {
	if op.Outcome == history.OK {
		op.Outcome, op.Status, op.Version, op.Return = history.Unknown, "", 0, 0
	}
	return op
}

// history returns what happened, for the checkers. What did not have to survive
// counts as unknown. At its end, somebody reads everything.
func (b *book) history(must int, items []item) *history.History {
	h := &history.History{Ops: make([]history.Op, len(b.ops), len(b.ops)+1)}
	copy(h.Ops, b.ops)
	for i := range h.Ops {
		if b.places[i] >= must {
			h.Ops[i] = doubtful(h.Ops[i])
		}
	}
	read := history.Op{ID: len(h.Ops), Client: clients, Phase: check.Quiet, Kind: history.Scan, Call: b.clock + 1_000_000, Return: b.clock + 2_000_000, Outcome: history.OK, Status: history.Done}
	for _, it := range items {
		read.Items = append(read.Items, history.Item{Key: it.key, Value: it.value, Version: uint64(it.version)})
	}
	h.Ops = append(h.Ops, read)
	return h
}
