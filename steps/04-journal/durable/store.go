// Package durable answers: when may a store say that something is done?
//
// When it would still be done after the power had gone. So a command is written
// down first (package journal), then synced, then applied to the map, and only
// then acknowledged. Whoever reads sees what is safe already.
//
// A sync takes as long for one command as for a hundred. So while one is under
// way, those who come meanwhile gather in a queue, and the next sync serves
// them all: this is group commit. The busier the store is, the more of them
// share a sync.
//
// Engine is the store without goroutines, and its Commit a plain function: that
// is what is tried out on a disk that tears and fails. Store is the thin part
// around it, a queue and one goroutine.
package durable

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/04-journal/queue"
)

// Store is a kv.Store on an Engine, for any number of goroutines, and it knows
// who is asking.
//
// Invariants:
//   - Only the goroutine of run calls Commit and Sync.
//   - A request that entered the queue is answered, or its caller has left.
//   - The first error that ends the engine is kept, and then ended is closed.
//   - A numbered request counts in open from when it enters the queue until it
//     has left it, was refused or was applied; for ever, if nobody knows.
type Store struct {
	engine *Engine
	config StoreConfig
	queue  *queue.Queue[*job]

	stop     func()          // asks run to finish
	stopping <-chan struct{} // closed when it has been asked
	done     chan struct{}   // closed when run has returned
	ended    chan struct{}   // closed when the engine has come to its end
	mu       sync.Mutex
	why      error                    // of the end
	open     map[session.Identity]int // copies of a numbered request whose fate is open
}

// StoreConfig says how a Store works. A zero means the default.
type StoreConfig struct {
	// SyncEvery is the longest time from an acknowledgement to the sync that
	// makes it safe. Zero: the sync comes first, and nothing that was
	// acknowledged is ever lost. Below zero: no sync but at Close and at the end
	// of a segment; the operating system writes when it likes.
	SyncEvery time.Duration
	Batch     int          // requests in one commit at most; 1,000
	Queue     queue.Config // 8 MiB, 1 s
}

func (c StoreConfig) withDefaults() StoreConfig {
	c.Batch = cmp.Or(c.Batch, 1000)
	c.Queue = c.Queue.WithDefaults()
	return c
}

// batchBytes bounds the bytes of a commit.
const batchBytes = 4 << 20

// job is a request in the queue, or under way.
type job struct {
	request machine.Request
	answer  machine.Answer
	err     error
	done    chan struct{} // closed when the answer is there
}

func (j *job) finish(a machine.Answer, err error) {
	j.answer, j.err = a, err
	close(j.done)
}

// NewStore starts a store on an engine, which is its own from now on. The
// engine must be lazy if SyncEvery is not zero. Close it in the end.
func NewStore(e *Engine, c StoreConfig) *Store {
	c = c.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{
		engine: e, config: c, queue: queue.New[*job](c.Queue),
		stop: stop, stopping: ctx.Done(), done: make(chan struct{}), ended: make(chan struct{}),
		open: make(map[session.Identity]int),
	}
	go s.run(ctx)
	go s.refuseLate()
	return s
}

// refuseLate refuses those who have waited for too long in the queue, also while
// the disk stands still and run cannot.
func (s *Store) refuseLate() {
	often := time.NewTicker(max(s.config.Queue.Wait/4, time.Millisecond))
	defer often.Stop()
	for {
		select {
		case now := <-often.C:
			s.refuse(s.queue.Late(now))
		case <-s.done:
			return
		}
	}
}

func (s *Store) refuse(late []*job) {
	for _, j := range late {
		s.count(j, -1)
		j.finish(machine.Answer{}, fmt.Errorf("it has waited for %v in the queue: %w", s.config.Queue.Wait, kv.ErrOverloaded))
	}
}

// run commits what is in the queue, batch by batch, and makes lazy commits safe
// in time.
func (s *Store) run(ctx context.Context) {
	defer close(s.done)
	var due <-chan time.Time // of the next sync; nil: nothing waits for one
	sync := func() {
		due = nil
		s.check(s.engine.Sync())
	}
	for {
		select {
		case <-due: // first, since below it is a matter of luck who is served
			sync()
		default:
		}
		select {
		case <-due:
			sync()
		case <-s.queue.Ready():
			if s.commitNext() && due == nil && s.config.SyncEvery > 0 {
				due = time.After(s.config.SyncEvery)
			}
		case <-ctx.Done():
			for s.commitNext() {
			}
			s.check(s.engine.Sync())
			return
		}
	}
}

// commitNext commits whatever has gathered in the queue, as one batch, and
// reports whether there was anything.
func (s *Store) commitNext() bool {
	runtime.Gosched() // who is just about to enter the queue comes along
	jobs, late := s.queue.Take(s.config.Batch, batchBytes, time.Now())
	s.refuse(late)
	if len(jobs) > 0 {
		s.commit(jobs)
	}
	return len(jobs) > 0
}

func (s *Store) commit(jobs []*job) {
	batch := make([]machine.Request, len(jobs))
	for i, j := range jobs {
		batch[i] = j.request
	}
	answers, err := s.engine.Commit(batch)
	s.check(err)
	for i, j := range jobs {
		if !errors.Is(err, kv.ErrUnknown) {
			s.count(j, -1)
		}
		if err != nil {
			j.finish(machine.Answer{}, err)
			continue
		}
		j.finish(answers[i], answers[i].Err)
	}
}

// check keeps the error that ends the engine.
func (s *Store) check(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil && errors.Is(err, kv.ErrUnknown) {
		s.why = s.engine.failed
		close(s.ended)
	}
}

// Ended is closed when the disk has failed and the store cannot go on. Nobody
// may be told anything any more, so the process should end: Err says why. What
// is on the disk is what the next Open finds.
func (s *Store) Ended() <-chan struct{} { return s.ended }

// Err returns what ended the store, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// ask brings a request to the engine and waits for the answer. If ctx ends
// while it is in the queue, it leaves, and nothing has happened.
func (s *Store) ask(ctx context.Context, r machine.Request) (machine.Answer, error) {
	if err := ctx.Err(); err != nil {
		return machine.Answer{}, err
	}
	select {
	case <-s.stopping:
		return machine.Answer{}, errClosed
	default:
	}
	j := &job{request: r, done: make(chan struct{})}
	size := 64 + len(r.Command.Key) + len(r.Command.Value)
	s.count(j, 1)
	place, err := s.queue.Enter(j, size, time.Now())
	if err != nil {
		s.count(j, -1)
		return machine.Answer{}, fmt.Errorf("%w: %w", kv.ErrOverloaded, err)
	}
	why := errClosed
	select {
	case <-j.done:
		return j.answer, j.err
	case <-s.done:
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	if s.queue.Leave(place) {
		s.count(j, -1)
		return machine.Answer{}, fmt.Errorf("while it waited in the queue: %w", why)
	}
	select {
	case <-j.done: // just now
		return j.answer, j.err
	default:
		return machine.Answer{}, fmt.Errorf("while it was written: %w: %w", kv.ErrUnknown, why)
	}
}

var errClosed = errors.New("the store is closed")

// Get implements kv.Store.
func (s *Store) Get(_ context.Context, key string) (kv.Item, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Item{}, err
	}
	return s.engine.Get(key), s.over()
}

// Scan implements kv.Store.
func (s *Store) Scan(_ context.Context, r kv.Range) (kv.Page, error) {
	if err := r.Check(); err != nil {
		return kv.Page{}, err
	}
	return s.engine.Scan(r), s.over()
}

// over is the error of a read that comes after the end. What is in the map then
// may be more than there will be after the next Open.
func (s *Store) over() error {
	if err := s.Err(); err != nil {
		return fmt.Errorf("the store has come to its end: %w", err)
	}
	return nil
}

// Do implements kv.Store. An error that wraps kv.ErrOverloaded means that there
// is too much to do, and that nothing has happened.
func (s *Store) Do(ctx context.Context, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	a, err := s.ask(ctx, machine.Request{Command: c})
	return a.Result, err
}

// OpenSession issues a session.
func (s *Store) OpenSession(ctx context.Context) (session.ID, error) {
	a, err := s.ask(ctx, machine.Request{OpenSession: true})
	return a.Session, err
}

// Found says what was there when the store was opened.
func (s *Store) Found() journal.Recovery { return s.engine.Found() }

// Stats returns figures about the engine.
func (s *Store) Stats() Stats { return s.engine.Stats() }

// Queued returns how many requests are in the queue, and the bytes of their work.
func (s *Store) Queued() (items, bytes int) { return s.queue.Len() }

// Close commits what is in the queue, syncs and closes the engine.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	return errors.Join(s.Err(), s.engine.Close())
}
