// Package real answers: how does one break a store that runs as real
// processes, and leave nothing behind?
//
// A World owns processes and proxies on the loopback interface. A Process is
// one program with its output kept; a Client is a step's shell at the end of a
// pipe, asked one operation at a time; a Proxy is a link that can be cut,
// frozen, slowed or made to lose a reply. Builder makes the programs, and Film
// makes the disk that a power loss could leave behind. Nothing in here knows a
// scenario or judges a history.
package real

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// ErrClosed is returned when something is started in a world that was closed.
var ErrClosed = errors.New("the world is closed")

// World owns every process and every proxy of a run.
//
// Invariants:
//   - What was started in a world is dead, and has been waited for, when Close
//     returns.
//   - Nothing is started once it is closed.
//
// On Linux the kernel also kills the processes if the harness itself dies. On
// macOS it cannot be asked to: there, a harness that is killed with SIGKILL or
// by a panic outside the goroutine that defers Close leaves servers behind
// (clients end with their pipe).
//
// A World is safe for use by several goroutines.
type World struct {
	mu     sync.Mutex
	closed bool
	things []closer
	starts chan func() // run by the one thread that starts processes
	once   sync.Once
	ended  func() bool // stops watching the context
}

// closer is what a world owns: kill asks it to end, end waits until it has.
type closer interface {
	kill()
	end()
}

// NewWorld returns an empty world, which closes itself when ctx ends. Whoever
// made it defers Close, so that a panic leaves no process behind either.
func NewWorld(ctx context.Context) *World {
	w := &World{starts: make(chan func())}
	go w.starter()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = context.AfterFunc(ctx, w.Close)
	return w
}

// starter starts processes, all from one thread: on Linux a child is killed
// when the thread that started it ends (not only when the process does), so
// that thread must live as long as the world. It is not unlocked on purpose: it
// ends with this goroutine.
func (w *World) starter() {
	runtime.LockOSThread()
	for start := range w.starts {
		start()
	}
}

// own runs start, in the starter's thread, and adds what it made to the world.
func (w *World) own(start func() (closer, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	var made closer
	var err error
	done := make(chan struct{})
	w.starts <- func() {
		made, err = start()
		close(done)
	}
	<-done
	if err == nil {
		w.things = append(w.things, made)
	}
	return err
}

// disown forgets what has ended by itself.
func (w *World) disown(c closer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, thing := range w.things {
		if thing == c {
			w.things = append(w.things[:i], w.things[i+1:]...)
			return
		}
	}
}

// Close kills whatever still runs and returns when it is gone. It may be
// called more than once.
func (w *World) Close() {
	w.once.Do(w.close)
}

func (w *World) close() {
	w.mu.Lock()
	w.closed = true
	things := append([]closer(nil), w.things...)
	ended := w.ended
	w.mu.Unlock()
	ended()
	for _, thing := range things {
		thing.kill()
	}
	for _, thing := range things {
		thing.end()
	}
	close(w.starts)
}
