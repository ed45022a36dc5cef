package server

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// conns keeps the number of connections within its limit. At the limit a
// newcomer is let in all the same, and the connection that has kept us waiting
// for longest is closed. Turning the newcomer away would be simpler, but then
// a thousand clients that connect and say nothing would lock everybody out.
//
// Invariants:
//   - open holds at most limit connections.
//   - waiting holds those of them whose next move is the client's: a request
//     that is not complete, or an answer that is not taken. Whoever began to
//     wait first is first.
//   - A connection whose request the store is working on is not in waiting, so
//     it is not closed to make room.
type conns struct {
	limit   int
	mu      sync.Mutex
	open    map[net.Conn]*member
	waiting *list.List // of net.Conn
}

type member struct {
	place *list.Element // in waiting; nil while the store is at work
	quiet bool          // there is no complete request header
}

func newConns(limit int) *conns {
	return &conns{limit: max(limit, 1), open: make(map[net.Conn]*member), waiting: list.New()}
}

// changed is a hook of net/http. New and idle connections are those that have
// not sent the whole header of a request: one that trickles in is among them.
func (cs *conns) changed(c net.Conn, state http.ConnState) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	switch state {
	case http.StateNew:
		cs.admit(c)
	case http.StateActive, http.StateIdle:
		cs.wait(c, state == http.StateIdle)
	default:
		cs.remove(c)
	}
}

// admit adds c, and closes another connection if there are too many. There is
// always one that waits, if the limit is above that of requests in flight.
func (cs *conns) admit(c net.Conn) {
	if first := cs.waiting.Front(); first != nil && len(cs.open) >= cs.limit {
		cs.cut(first.Value.(net.Conn))
	}
	cs.open[c] = &member{place: cs.waiting.PushBack(c), quiet: true}
}

func (cs *conns) wait(c net.Conn, quiet bool) {
	m := cs.open[c]
	switch {
	case m == nil: // closed already
	case m.place == nil:
		m.place, m.quiet = cs.waiting.PushBack(c), quiet
	default:
		m.quiet = quiet
		cs.waiting.MoveToBack(m.place)
	}
}

func (cs *conns) cut(c net.Conn) {
	cs.remove(c)
	c.Close()
}

func (cs *conns) remove(c net.Conn) {
	if m := cs.open[c]; m != nil && m.place != nil {
		cs.waiting.Remove(m.place)
	}
	delete(cs.open, c)
}

// serving says that c has done its part: it is the store's turn.
func (cs *conns) serving(c net.Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if m := cs.open[c]; m != nil && m.place != nil {
		cs.waiting.Remove(m.place)
		m.place = nil
	}
}

// served says that it is the client's turn again: the answer goes out.
func (cs *conns) served(c net.Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.wait(c, false)
}

// closeQuiet closes the connections that have not sent a request's header.
func (cs *conns) closeQuiet() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c, m := range cs.open {
		if m.quiet {
			cs.cut(c)
		}
	}
}

func (cs *conns) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}

// transfers bounds the memory of what is large: at most limit bodies above
// small bytes are on their way at a time, in or out. When there are more, the
// newcomer is refused, unless the oldest has had its fair time: then that one
// is cut, so that clients who are slow on purpose cannot keep the places.
type transfers struct {
	limit   int
	mu      sync.Mutex
	running *list.List // of transfer, the oldest first
}

type transfer struct {
	conn  net.Conn
	since time.Time
}

const (
	small    = 64 << 10    // bytes; a body up to this size needs no place
	fairTime = time.Second // how long a large one is safe
)

func newTransfers(limit int) *transfers { return &transfers{limit: max(limit, 1), running: list.New()} }

// enter takes a place for a large body on c, to be given back with leave. It
// returns nil if there is none.
func (t *transfers) enter(c net.Conn) (leave func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now() // monotonic: setting the clock does not matter
	if t.running.Len() >= t.limit {
		first := t.running.Front()
		oldest := first.Value.(transfer)
		if now.Sub(oldest.since) < fairTime {
			return nil
		}
		t.running.Remove(first)
		oldest.conn.Close()
	}
	place := t.running.PushBack(transfer{c, now})
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.running.Remove(place) // does nothing if it was cut
	}
}

type connKey struct{}

// withConn is a hook of net/http: it lets a handler find its connection.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(r *http.Request) net.Conn { return r.Context().Value(connKey{}).(net.Conn) }
