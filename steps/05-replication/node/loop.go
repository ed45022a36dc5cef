package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/04-journal/queue"
)

// LoopConfig says how a Loop works. A zero means the default.
type LoopConfig struct {
	Send  func(Message) // brings a message on its way; must not block
	Batch int           // writes in one turn at most; 1,000
	Queue queue.Config  // of the writes that wait for their turn; 8 MiB, 1 s
	Inbox int           // bytes of messages that wait for their turn; 32 MiB
}

func (c LoopConfig) withDefaults() LoopConfig {
	c.Batch = cmp.Or(c.Batch, 1000)
	c.Queue = c.Queue.WithDefaults()
	c.Inbox = cmp.Or(c.Inbox, 32<<20)
	return c
}

// batchBytes bounds the bytes of the writes in a turn.
const batchBytes = 4 << 20

// Loop drives a node for real: it has the goroutines, the clock and the locks
// that the node has not. It is the node's Env, too, so it comes first; Drive
// starts it.
//
// Admission is here. Writes wait for their turn in the queue of step 04, which
// refuses what is too much. What other nodes send is bounded as well: a message
// that finds no room is lost, as others are.
//
// Invariants:
//   - Only run tells the node anything, and only with mu held for writing.
//     Others may read, with mu held for that.
//   - Every call that waits for a reply is in waiting until it is answered, or
//     gives up.
type Loop struct {
	config LoopConfig
	began  time.Time
	queue  *queue.Queue[*write]
	ready  chan struct{} // has a value when something arrived beside the queue
	done   chan struct{} // closed when run has returned
	ended  chan struct{} // closed when the node has come to its end
	stop   context.CancelFunc
	asked  <-chan struct{} // closed when run has been asked to stop
	jobs   sync.WaitGroup  // work that Start has begun

	mu   sync.RWMutex
	node *Node

	in      sync.Mutex // guards what follows
	arrived []Input
	bytes   int // of the messages in arrived
	next    uint64
	waiting map[uint64]chan Reply
	why     error // of the end
}

// write is a write that waits for its turn.
type write struct {
	input Write
	late  chan error // has the reason if it is refused in the queue
}

// NewLoop returns a loop without a node.
func NewLoop(c LoopConfig) *Loop {
	c = c.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	return &Loop{
		config: c, began: time.Now(), queue: queue.New[*write](c.Queue),
		ready: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
		stop: stop, asked: ctx.Done(), waiting: make(map[uint64]chan Reply),
	}
}

// Now implements Env.
func (l *Loop) Now() time.Duration { return time.Since(l.began) + 1 }

// Rand implements Env.
func (l *Loop) Rand() uint64 { return rand.Uint64() }

// Start implements Env.
func (l *Loop) Start(work, done func()) {
	l.jobs.Go(func() {
		work()
		l.arrive(Done(done), 0)
	})
}

// Drive starts to drive n, which belongs to the loop from now on.
func (l *Loop) Drive(n *Node) {
	l.node = n
	go l.run()
	go l.refuseLate()
}

// run takes turns until it is asked to stop, or the node has come to its end.
func (l *Loop) run() {
	defer close(l.done)
	for {
		if err := l.turn(); err != nil {
			l.end(err)
			return
		}
		l.mu.RLock()
		wake := time.NewTimer(min(l.node.Wake()-l.Now(), time.Hour))
		l.mu.RUnlock()
		select {
		case <-l.ready:
		case <-l.queue.Ready():
		case <-wake.C:
		case <-l.asked:
			return
		}
		wake.Stop()
	}
}

// turn takes everything that has arrived, and one turn with it.
func (l *Loop) turn() error {
	runtime.Gosched() // who is just about to arrive comes along
	batch := l.take()
	l.mu.Lock()
	dirty := l.node.Handle(batch)
	l.mu.Unlock()
	var err error
	if dirty {
		err = l.node.Sync() // reads go on meanwhile
	}
	l.mu.Lock()
	out, err := l.node.Synced(err)
	l.mu.Unlock()
	for _, m := range out.Messages {
		l.config.Send(m)
	}
	for _, r := range out.Replies {
		l.reply(r)
	}
	return err
}

func (l *Loop) take() []Input {
	writes, late := l.queue.Take(l.config.Batch, batchBytes, time.Now())
	l.refuse(late)
	l.in.Lock()
	defer l.in.Unlock()
	batch := l.arrived
	l.arrived, l.bytes = nil, 0
	for _, w := range writes {
		batch = append(batch, w.input)
	}
	return batch
}

// refuseLate refuses those who have waited for too long in the queue, also while
// the disk stands still and run cannot.
func (l *Loop) refuseLate() {
	often := time.NewTicker(max(l.config.Queue.Wait/4, time.Millisecond))
	defer often.Stop()
	for {
		select {
		case now := <-often.C:
			l.refuse(l.queue.Late(now))
		case <-l.done:
			return
		}
	}
}

func (l *Loop) refuse(late []*write) {
	for _, w := range late {
		w.late <- fmt.Errorf("it has waited for %v in the queue: %w", l.config.Queue.Wait, kv.ErrOverloaded)
	}
}

// arrive puts an input where the next turn finds it, if there is room for so
// many bytes.
func (l *Loop) arrive(in Input, bytes int) bool {
	l.in.Lock()
	if bytes > 0 && l.bytes > 0 && l.bytes+bytes > l.config.Inbox {
		l.in.Unlock()
		return false
	}
	l.arrived = append(l.arrived, in)
	l.bytes += bytes
	l.in.Unlock()
	select {
	case l.ready <- struct{}{}:
	default: // it is known already
	}
	return true
}

// Deliver brings a message from another node. It reports whether there was room.
func (l *Loop) Deliver(m Message) bool { return l.arrive(m, len(m.Data)+64) }

// register makes room for a reply.
func (l *Loop) register() (id uint64, reply chan Reply) {
	l.in.Lock()
	defer l.in.Unlock()
	l.next++
	reply = make(chan Reply, 1)
	l.waiting[l.next] = reply
	return l.next, reply
}

func (l *Loop) unregister(id uint64) {
	l.in.Lock()
	defer l.in.Unlock()
	delete(l.waiting, id)
}

func (l *Loop) reply(r Reply) {
	l.in.Lock()
	defer l.in.Unlock()
	if to := l.waiting[r.ID]; to != nil {
		to <- r
		delete(l.waiting, r.ID)
	}
}

var errClosed = errors.New("the node is closed")

// Write brings a write to the node and waits for the answer. An error that wraps
// kv.ErrUnknown means that it may have happened; after any other it has not.
func (l *Loop) Write(ctx context.Context, r machine.Request) (Reply, error) {
	if err := errors.Join(ctx.Err(), l.over()); err != nil {
		return Reply{}, err
	}
	id, reply := l.register()
	defer l.unregister(id)
	w := &write{Write{id, r}, make(chan error, 1)}
	place, err := l.queue.Enter(w, 64+len(r.Command.Key)+len(r.Command.Value), time.Now())
	if err != nil {
		return Reply{}, fmt.Errorf("%w: %w", kv.ErrOverloaded, err)
	}
	var why error
	select {
	case a := <-reply:
		return a, a.Err
	case err := <-w.late:
		return Reply{}, err
	case <-l.done:
		why = l.over()
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	if l.queue.Leave(place) {
		return Reply{}, fmt.Errorf("while it waited in the queue: %w", why)
	}
	select {
	case a := <-reply: // just now
		return a, a.Err
	case err := <-w.late:
		return Reply{}, err
	default:
		return Reply{}, fmt.Errorf("while it was written: %w: %w", kv.ErrUnknown, why)
	}
}

// Read answers a query. If that has to wait, it does so until ctx ends.
func (l *Loop) Read(ctx context.Context, q Query) (Reply, error) {
	if err := l.over(); err != nil {
		return Reply{}, err
	}
	l.mu.RLock()
	a, ok := l.node.Read(q)
	l.mu.RUnlock()
	if ok {
		return a, a.Err
	}
	id, reply := l.register()
	defer l.unregister(id)
	l.arrive(Read{id, q}, 0)
	select {
	case a := <-reply:
		return a, a.Err
	case <-l.done:
		return Reply{}, l.over()
	case <-ctx.Done():
		l.arrive(GiveUp{id}, 0)
		return Reply{}, fmt.Errorf("%w: %w", ErrNotYet, context.Cause(ctx))
	}
}

// Call runs f within a turn, and returns its error when what it wrote is safe. An
// error that wraps kv.ErrUnknown means that f may have been run, or may be yet.
func (l *Loop) Call(ctx context.Context, f func() error) error {
	if err := errors.Join(ctx.Err(), l.over()); err != nil {
		return err
	}
	id, reply := l.register()
	defer l.unregister(id)
	l.arrive(Call{id, f}, 0)
	var why error
	select {
	case a := <-reply:
		return a.Err
	case <-l.done:
		why = l.over()
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	select {
	case a := <-reply: // just now
		return a.Err
	default:
		return fmt.Errorf("%w: %w", kv.ErrUnknown, why)
	}
}

// Look calls f while nothing changes in the node, so that f may look at it.
func (l *Loop) Look(f func(*Node)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	f(l.node)
}

// Queued returns how many writes wait for their turn, and their bytes.
func (l *Loop) Queued() (items, bytes int) { return l.queue.Len() }

// end keeps the reason why the node cannot go on. Nobody is told anything any
// more.
func (l *Loop) end(err error) {
	l.in.Lock()
	defer l.in.Unlock()
	l.why = err
	close(l.ended)
}

// Ended is closed when the disk has failed and the node cannot go on: Err says
// why. The process should end; what is on the disk is what the next start finds.
func (l *Loop) Ended() <-chan struct{} { return l.ended }

// Err returns what has ended the node, or nil.
func (l *Loop) Err() error {
	l.in.Lock()
	defer l.in.Unlock()
	return l.why
}

// over returns why nothing is begun any more, if that is so.
func (l *Loop) over() error {
	select {
	case <-l.ended:
		return fmt.Errorf("the node has come to its end: %v", l.Err()) // not %w: of this call it is known that nothing happened
	default:
	}
	select {
	case <-l.asked:
		return errClosed
	default:
		return nil
	}
}

// Close ends the last turn, waits for the work that was started, which may be
// writing to the node's disk, and closes the node. Who still waits is told that
// nobody knows.
func (l *Loop) Close() error {
	l.stop()
	<-l.done
	l.jobs.Wait()
	return errors.Join(l.Err(), l.node.Close())
}
