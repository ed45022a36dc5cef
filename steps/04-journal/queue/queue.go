// Package queue answers: what does a store do with more work than it can do?
//
// It says no, early and to those who come last. A queue that takes everything
// does not get more done: it only lets everybody wait. When they have waited
// too long they give up and ask again, and then the store works on what nobody
// wants any more, while the line grows. It does not recover even when fewer
// come.
//
// So this queue is bounded twice. In bytes: what does not fit is refused at
// once. In time: while the first in line has waited for too long, nobody is
// let in, and those who have waited too long are refused and not served. And
// who gives up leaves the line: his work is not done.
package queue

import (
	"cmp"
	"container/list"
	"errors"
	"sync"
	"time"
)

// ErrFull is returned to those who are not let in.
var ErrFull = errors.New("the queue is full")

// Config holds the bounds of a queue.
type Config struct {
	Bytes int           // of the work in it
	Wait  time.Duration // in it
}

// WithDefaults returns c with 8 MiB, and 1 s, where it has a zero.
func (c Config) WithDefaults() Config {
	return Config{cmp.Or(c.Bytes, 8<<20), cmp.Or(c.Wait, time.Second)}
}

// Queue is a line of people who want something done. It has no clock: whoever
// calls says what time it is. It is safe for any number of goroutines.
//
// Invariants:
//   - line is in the order of arrival; bytes is the sum of its sizes.
//   - bytes is at most Config.Bytes, or there is one in line: he may be larger.
//   - Every place that was given out is in line, or was taken, or has left, and
//     only one of the three.
type Queue[T any] struct {
	config Config
	ready  chan struct{}

	mu    sync.Mutex
	line  *list.List // of *Place[T]
	bytes int
}

// Place is a place in the line.
type Place[T any] struct {
	work  T
	size  int
	since time.Time
	at    *list.Element // nil: it is not in line any more
}

// New returns an empty queue.
func New[T any](c Config) *Queue[T] {
	return &Queue[T]{config: c, ready: make(chan struct{}, 1), line: list.New()}
}

// Enter puts work of so many bytes at the end of the line, or returns ErrFull.
func (q *Queue[T]) Enter(work T, size int, now time.Time) (*Place[T], error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if first := q.line.Front(); first != nil {
		waited := now.Sub(first.Value.(*Place[T]).since)
		if q.bytes+size > q.config.Bytes || waited > q.config.Wait {
			return nil, ErrFull
		}
	}
	p := &Place[T]{work: work, size: size, since: now}
	p.at = q.line.PushBack(p)
	q.bytes += size
	q.signal()
	return p, nil
}

// Leave gives a place up. It reports whether that was in time: if not, the work
// has been taken, and will be done.
func (q *Queue[T]) Leave(p *Place[T]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.at == nil {
		return false
	}
	q.remove(p)
	return true
}

// Ready returns a channel that has a value when there is somebody in line. (It
// may have one when there is nobody any more.)
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

func (q *Queue[T]) signal() {
	select {
	case q.ready <- struct{}{}:
	default: // it is known already
	}
}

// Take takes work from the head of the line: what fits into so many bytes and
// items, and one in any case if there is one. What has waited for too long is
// handed back as late: it must be refused.
func (q *Queue[T]) Take(items, bytes int, now time.Time) (work, late []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	late = q.late(now)
	for len(work) < items {
		first := q.line.Front()
		if first == nil {
			break
		}
		p := first.Value.(*Place[T])
		if len(work) > 0 && p.size > bytes {
			break
		}
		bytes -= p.size
		q.remove(p)
		work = append(work, p.work)
	}
	if q.line.Len() > 0 {
		q.signal()
	}
	return work, late
}

// Late takes out of the line those who have waited for too long, and nobody
// else. They must be refused. It is for as long as nobody can call Take.
func (q *Queue[T]) Late(now time.Time) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.late(now)
}

// late is Late, called with mu held.
func (q *Queue[T]) late(now time.Time) (late []T) {
	for first := q.line.Front(); first != nil; first = q.line.Front() {
		p := first.Value.(*Place[T])
		if now.Sub(p.since) <= q.config.Wait {
			break
		}
		q.remove(p)
		late = append(late, p.work)
	}
	return late
}

func (q *Queue[T]) remove(p *Place[T]) {
	q.line.Remove(p.at)
	p.at = nil
	q.bytes -= p.size
}

// Len returns how many are in line, and the bytes of their work.
func (q *Queue[T]) Len() (items, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.line.Len(), q.bytes
}
