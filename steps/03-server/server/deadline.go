package server

import (
	"context"
	"sync"
	"time"
)

// deadline is a context that ends at a time, as one of context.WithDeadline
// does. But that one starts a timer for every request, and most requests are
// over before anybody asks for it: a map answers at once. This one starts the
// timer when somebody waits for it, or derives a context from it.
//
// Invariant: Err is nil as long as Done is open, and only as long. Whoever asks
// for Done gets that of timed, and from then on Err is that of timed, too.
type deadline struct {
	context.Context // of the request
	at              time.Time

	mu      sync.Mutex
	stopped bool
	timed   context.Context // nil until somebody waits
	cancel  context.CancelFunc
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.start().Done()
}

func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil && !d.stopped && time.Now().Before(d.at) {
		return d.Context.Err()
	}
	return d.start().Err()
}

// start returns timed, and makes it first if need be. The caller holds mu.
func (d *deadline) start() context.Context {
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.stopped {
			d.cancel()
		}
	}
	return d.timed
}

// stop ends the context and gives back its timer, if there is one.
func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	if d.timed != nil {
		d.cancel()
	}
}
