package crash

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/simdisk"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
)

const (
	incarnation = "sim" // of every store here
	journalID   = 4
)

// process is a process of the store, from its start until it ends. Number 0 is
// the first on its disk; the next one comes when that has ended.
type process struct {
	x       *explorer
	number  int
	disk    *simdisk.Disk
	book    *book
	engine  *durable.Engine
	refused error   // why it did not open
	lived   bool    // it has acknowledged something after an error of the disk
	over    bool    // the engine has come to its end
	opened  int     // how many operations of the disk that took
	frames  []frame // that it has written

	begins  bool // the story has told an operation of it
	watched bool // its end is tried at every operation
	changed bool // something has changed since that was done last
}

func (x *explorer) newProcess(number int, d *simdisk.Disk, b *book, watched bool) *process {
	p := &process{x: x, number: number, disk: d, book: b, watched: watched}
	d.Faults, d.Traced = x.plan.faults(number), true
	d.Before = func(op simdisk.Op) {
		p.tellOp(op)
		if p.watched && p.changed {
			p.changed = false
			p.end(op)
		}
		p.changed = p.changed || op.Kind.Changes()
	}
	return p
}

// faulty says whether errors are to be expected.
func (p *process) faulty() bool { return len(p.disk.Faults) > 0 }

// fail records what is wrong, unless something was wrong before.
func (p *process) fail(checker, format string, args ...any) {
	p.x.fail(checker, fmt.Sprintf(format, args...))
}

// survive runs f, and takes a panic in it for a fault of the store.
func (p *process) survive(f func()) {
	defer func() {
		if r := recover(); r != nil {
			p.fail("crash", "the store panics: %v", r)
		}
	}()
	f()
}

// open starts the engine, and says whether it runs.
func (p *process) open() bool {
	p.tryOpen()
	switch {
	case p.engine != nil:
		return true
	case p.faulty():
		p.x.tell("the store does not open: %s", sentence(p.refused))
	default:
		p.fail("recovery", "the store does not open again, although nothing happened that it must not survive: %s", sentence(p.refused))
	}
	return false
}

// sentence returns the first sentence of an error.
func sentence(err error) string {
	text, _, _ := strings.Cut(fmt.Sprint(err), ". ")
	return text
}

func (p *process) tryOpen() {
	p.engine, p.refused = durable.OpenEngine(p.disk, durable.Config{
		Sessions: p.x.plan.Sessions, Incarnation: incarnation, Lazy: p.x.plan.Sync != Batchwise,
		Journal: journal.Config{SegmentSize: p.x.plan.SegmentSize, ID: journalID},
	})
	if p.opened = len(p.disk.Trace); p.refused != nil {
		return
	}
	p.begun()
	p.x.tell("the store is open: %s", p.engine.Found())
	if p.engine.Found().Torn != nil {
		p.x.report.Coverage.TornTails++
	}
}

// commit lets the store carry out a batch.
func (p *process) commit(batch []Request) {
	reqs := p.book.begin(batch)
	if len(reqs) == 0 {
		return
	}
	before, start := len(p.book.log)-len(reqs), len(p.disk.Trace)
	for _, e := range p.book.log[before:] {
		p.x.tell("%s", e.words)
	}
	defer func() { p.note(start, before) }()
	answers, err := p.engine.Commit(reqs)
	switch {
	case err == nil && p.over:
		p.fail("fail-stop", "the store had said that it may have lost something, and yet it goes on to acknowledge writes")
	case err == nil:
		if err := p.book.answered(len(reqs), answers); err != nil {
			p.fail("answers", "%v", err)
		}
		p.tellAnswers(len(reqs))
		p.livesOn()
	case !p.faulty():
		p.fail("service", "a write is refused, although nothing is wrong with the disk: %v", err)
	case errors.Is(err, kv.ErrUnknown):
		p.stops()
		p.x.tell("it may have happened: %v", err)
	default:
		p.book.undone(len(reqs))
		p.x.tell("nothing has happened: %v", err)
	}
	if err != nil {
		p.peek()
	}
}

// stops says that the engine has come to its end.
func (p *process) stops() {
	p.over = true
	p.x.report.Coverage.Stopped++
}

// livesOn counts the process, if an error of the disk has hit it before.
func (p *process) livesOn() {
	hit := slices.ContainsFunc(p.disk.Trace, func(op simdisk.Op) bool { return op.Fault != "" })
	if hit && !p.lived {
		p.lived = true
		p.x.report.Coverage.LivedOn++
	}
}

// note keeps where the frames are that operations from start on have written.
func (p *process) note(start, requests int) {
	for _, op := range p.disk.Trace[start:] {
		if op.Kind == simdisk.Append && op.Off > 0 { // at 0 there are headers of files
			p.frames = append(p.frames, frame{op.Name, op.Off, op.Off + int64(op.Size), requests})
		}
	}
}

func (p *process) tellAnswers(n int) {
	for _, e := range p.book.log[len(p.book.log)-n:] {
		p.x.tell("%s is told: %s", name(e.who), e.want)
	}
}

// sync lets the store sync.
func (p *process) sync() {
	if p.over {
		return
	}
	err := p.engine.Sync()
	switch {
	case err == nil:
		p.book.safe = p.book.acked
		p.x.tell("the store has synced")
	case !p.faulty():
		p.fail("service", "a sync fails, although nothing is wrong with the disk: %v", err)
	default:
		p.stops()
		p.x.tell("the store cannot sync: %v", err)
	}
}

// run lets the store carry out the plan.
func (p *process) run() {
	for _, b := range p.book.plan.Batches {
		if p.x.failure != nil {
			return
		}
		p.commit(b.Requests)
		if b.Sync {
			p.sync()
		}
	}
}

// items reads everything that the store holds.
func (p *process) items() (items []item) {
	for after := ""; ; {
		page := p.engine.Scan(kv.Range{After: after})
		for _, it := range page.Items {
			items = append(items, item{it.Key, string(it.Value), it.Version})
		}
		if !page.More {
			return items
		}
		after = items[len(items)-1].key
	}
}

// peek reads, after an error, what the store says that it holds. Whatever that
// is, it has been read, and has to be there from now on.
func (p *process) peek() {
	items := p.items()
	for n := p.book.acked; n <= len(p.book.log); n++ {
		if slices.Equal(items, p.book.states[n].items) {
			if p.book.acked = n; p.book.plan.Sync == Batchwise {
				p.book.safe = n
			}
			return
		}
	}
	p.fail("reads", "after the error the store holds %s, and that is not what it held before", p.book.difference(p.book.acked, items))
}

// look reads everything from a store that was started again, of which the first
// must entries of the log have to be there.
func (p *process) look(must int) {
	items, b := p.items(), p.book
	n := int(p.engine.Stats().Last) - 1
	p.x.mix(fmt.Sprint(n, items))
	switch {
	case n < must || n > len(b.log) || !slices.Equal(items, b.states[n].items):
		checker, reason := b.explain(n, must, items)
		p.fail(checker, "%s", reason)
		return
	}
	if f := check.Durable(b.history(must, items)); f.Verdict == check.Violation {
		p.fail("durability", "%s", f.Reason)
		return
	}
	p.weigh(n)
	b.found(n)
}

// weigh looks at what was found against what clients had been told: there may be
// less, if the policy allows it, or more.
func (p *process) weigh(n int) {
	b, c := p.book, &p.x.report.Coverage
	if n < b.acked {
		c.Lossy++
		c.Lost = max(c.Lost, b.acked-n)
	}
	for _, e := range b.log[min(b.acked, n):n] {
		p.x.tell("a reader is shown what nobody had been told of: %s", e.words)
	}
}

// goOn is what follows when a store is up again: clients send again what they
// sent last, and a new write is made.
func (p *process) goOn() {
	var again []Request
	for client, req := range p.book.last {
		if req != nil {
			again = append(again, Request{Client: client, Do: "again"})
		}
	}
	p.commit(again)
	p.commit([]Request{{Client: 0, Do: "put", Key: "later", Value: fmt.Sprintf("later%d", p.number), Size: 20}})
	p.sync()
}
