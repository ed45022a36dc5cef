package durable

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
)

// Config says how a store is kept. A zero means the default.
type Config struct {
	Sessions    int    // room for so many, in a new store; 10,000
	Incarnation string // in the names of sessions, in a new store; drawn
	// Lazy leaves it to others to call Sync: Commit only writes. What was
	// acknowledged since the last Sync may be lost with the power, the last of
	// it first.
	Lazy    bool
	Journal journal.Config
}

// Engine is a store without any goroutine: it is told what to commit. Commit
// and Sync are for one goroutine; Get, Scan, Answer and Stats for any number, at
// any time.
//
// Invariants:
//   - A request is written down, then applied, then answered. So nobody sees
//     what is not in the journal, and unless Config.Lazy is set, nobody sees
//     what a loss of power could take away.
//   - machine has all entries of the journal, in their order, up to the last that
//     was committed.
//   - Nothing is committed once failed is set.
type Engine struct {
	config  Config
	lock    io.Closer
	journal *journal.Journal
	found   journal.Recovery
	failed  error
	records [][]byte // of the batch, and the bytes that they are made of; kept to
	buffer  []byte   // be used again

	mu      sync.RWMutex // guards what follows
	machine *machine.Machine
	stats   Stats
}

// OpenEngine opens the store on d, or makes a new one. What it holds is what
// the journal says; see journal.Open for what it does about a crash and what
// about damage. The error wraps disk.ErrLocked if another process has it open.
func OpenEngine(d disk.Disk, c Config) (*Engine, error) {
	lock, err := d.Lock()
	if err != nil {
		return nil, err
	}
	e := &Engine{config: c, lock: lock}
	e.journal, e.found, err = journal.Open(d, c.Journal, e.replay)
	if err == nil {
		err = e.settle()
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.count()
	return e, nil
}

// replay applies an entry of the journal that was found.
func (e *Engine) replay(entry journal.Entry) error {
	if entry.Index == 1 {
		s, err := machine.ReadSettings(entry.Data)
		if err == nil {
			e.machine = machine.New(s, kv.NewMap())
		}
		return err
	}
	if e.machine == nil {
		return beginsLate(entry.Index)
	}
	r, err := machine.ReadRequest(entry.Data)
	if err != nil {
		return fmt.Errorf("entry %d: %w", entry.Index, err)
	}
	e.machine.Apply(entry.Index, r)
	return nil
}

func beginsLate(first uint64) error {
	return fmt.Errorf("%w: it begins with entry %d, so the files before are missing", journal.ErrDamaged, first)
}

// settle writes the settings of a new store down. Of one that was there it
// makes sure that they are what the caller wants.
func (e *Engine) settle() error {
	want := machine.Settings{Sessions: e.config.Sessions, Incarnation: e.config.Incarnation}
	if e.machine != nil {
		if has := e.machine.Room(); want.Sessions != 0 && want.Sessions != has {
			return fmt.Errorf("the store was made with room for %d sessions, and that cannot be changed to %d", has, want.Sessions)
		}
		return nil
	}
	if first := e.journal.First(); first != 1 {
		return beginsLate(first)
	}
	want, err := want.Complete()
	if err != nil {
		return err
	}
	if err := e.journal.Append(machine.AppendSettings(nil, want)); err != nil {
		return err
	}
	e.machine = machine.New(want, kv.NewMap())
	return e.journal.Sync()
}

// Found says what was there when the store was opened.
func (e *Engine) Found() journal.Recovery { return e.found }

// Commit carries out a batch of requests, and returns their answers in the same
// order. The whole batch is one write, and one sync.
//
// If it fails, nobody gets an answer. If the error wraps kv.ErrUnknown, the
// batch may be in the journal or not, and the engine has come to its end: every
// later call fails. Any other error means that nothing has happened; the disk
// may be full, and the next batch may do better.
func (e *Engine) Commit(batch []machine.Request) ([]machine.Answer, error) {
	if e.failed != nil {
		return nil, e.over()
	}
	first := e.journal.Last() + 1
	e.records, e.buffer = e.records[:0], e.buffer[:0]
	for _, r := range batch {
		start := len(e.buffer)
		e.buffer = machine.AppendRequest(e.buffer, r)
		e.records = append(e.records, e.buffer[start:])
	}
	if err := e.journal.Append(e.records...); err != nil {
		return nil, e.fail(err)
	}
	if !e.config.Lazy {
		if err := e.Sync(); err != nil {
			return nil, err
		}
	}
	answers := make([]machine.Answer, len(batch))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, r := range batch {
		answers[i] = e.machine.Apply(first+uint64(i), r)
	}
	e.count()
	return answers, nil
}

// Sync returns when everything that was committed survives a loss of power. An
// error is the end of the engine; see Commit.
func (e *Engine) Sync() error {
	if e.failed != nil {
		return e.over()
	}
	if err := e.journal.Sync(); err != nil {
		return e.fail(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count()
	return nil
}

// fail is told what the journal said. If that was its end, it is the engine's.
func (e *Engine) fail(err error) error {
	if errors.Is(err, journal.ErrFailed) {
		e.failed = err
		err = fmt.Errorf("%w: %w", kv.ErrUnknown, err)
	}
	return err
}

// over is the error of a call that comes after the end. It does not wrap
// kv.ErrUnknown: of this call it is known that nothing has happened.
func (e *Engine) over() error { return fmt.Errorf("the store has come to its end: %v", e.failed) }

// Get returns what the store holds for key.
func (e *Engine) Get(key string) kv.Item {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.machine.Get(key)
}

// Scan returns one page of a range.
func (e *Engine) Scan(r kv.Range) kv.Page {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.machine.Scan(r)
}

// Answer looks a numbered request up: if it is not fresh, the answer is there
// already. See session.Table.
func (e *Engine) Answer(id session.Identity) (r kv.Result, fresh bool, err error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.machine.Answer(id)
}

// Stats are figures about an engine.
type Stats struct {
	Keys, Sessions int
	Last           kv.Version // of the last entry
	Synced         kv.Version // of the last entry that is known to survive a loss of power
	Syncs          int        // how often the disk was asked to make entries safe
}

// count brings the figures up to date. It is called with mu held.
func (e *Engine) count() {
	j := e.journal
	e.stats = Stats{e.machine.Len(), e.machine.Sessions(), kv.Version(j.Last()), kv.Version(j.Synced()), j.Syncs()}
}

// Stats returns the figures as they were after the last Commit or Sync.
func (e *Engine) Stats() Stats {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.stats
}

// Close closes the store, and lets another process have it. It syncs nothing.
func (e *Engine) Close() error {
	var err error
	if e.journal != nil {
		err = e.journal.Close()
	}
	return errors.Join(err, e.lock.Close())
}
