package server

import (
	"context"
	"sync"
	"time"
)

// deadline is a context that ends at a time, as one of context.WithDeadline
// does. But that one starts a timer for every request, and most requests are
// over before anybody asks for it: a map answers at once. This one starts the
// timer when somebody waits.
type deadline struct {
	context.Context // of the request
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // nil until somebody waits
	cancel context.CancelFunc
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }
func (d *deadline) Done() <-chan struct{}       { return d.start().Done() }

func (d *deadline) Err() error {
	if time.Now().Before(d.at) {
		return d.Context.Err()
	}
	return d.start().Err()
}

func (d *deadline) start() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
	}
	return d.timed
}

// stop gives back the timer, if there is one.
func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
}
