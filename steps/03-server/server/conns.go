package server

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// conns keeps the number of connections within its limit. At the limit a
// newcomer is let in all the same, and the connection that has kept us waiting
// for longest is closed. Turning the newcomer away would be simpler, but then
// a thousand clients that connect and say nothing would lock everybody out.
//
// Invariants:
//   - There are at most limit connections.
//   - line holds each of them once. Those whose next move is the client's (a
//     request that is not complete, an answer that is not taken) stand in the
//     order in which the waiting began.
//   - A connection whose request the store is working on is not closed to make
//     room.
type conns struct {
	limit  int
	mu     sync.Mutex
	places map[net.Conn]*list.Element
	line   *list.List // of *member
}

type member struct {
	conn    net.Conn
	serving bool // the store is at work
	quiet   bool // there is no complete request header
}

func newConns(limit int) *conns {
	return &conns{limit: limit, places: make(map[net.Conn]*list.Element), line: list.New()}
}

// changed is a hook of net/http. New and idle connections are those that have
// not sent the whole header of a request: one that trickles in is among them.
func (cs *conns) changed(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		cs.admit(c)
	case http.StateActive, http.StateIdle:
		cs.turn(c, func(m *member) { m.quiet = state == http.StateIdle })
	default:
		cs.mu.Lock()
		defer cs.mu.Unlock()
		cs.remove(c)
	}
}

// serving says that the client has done its part: it is the store's turn.
func (cs *conns) serving(c net.Conn) { cs.turn(c, func(m *member) { m.serving = true }) }

// served says that it is the client's turn again: the answer goes out.
func (cs *conns) served(c net.Conn) { cs.turn(c, func(m *member) { m.serving = false }) }

// turn notes what has changed about c, if it has not been closed meanwhile, and
// that from now on we wait for something else.
func (cs *conns) turn(c net.Conn, note func(*member)) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if place := cs.places[c]; place != nil {
		note(place.Value.(*member))
		cs.line.MoveToBack(place)
	}
}

// admit adds c, and closes another connection if there are too many.
func (cs *conns) admit(c net.Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.places) >= cs.limit {
		cs.makeRoom()
	}
	cs.places[c] = cs.line.PushBack(&member{conn: c, quiet: true})
}

// makeRoom closes the connection that has kept us waiting for longest. There is
// one, since fewer requests are in flight than there are connections.
func (cs *conns) makeRoom() {
	for place := cs.line.Front(); place != nil; place = place.Next() {
		if m := place.Value.(*member); !m.serving {
			cs.cut(m.conn)
			return
		}
	}
}

// closeQuiet closes the connections that have not sent a request's header.
func (cs *conns) closeQuiet() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c, place := range cs.places {
		if place.Value.(*member).quiet {
			cs.cut(c)
		}
	}
}

func (cs *conns) cut(c net.Conn) {
	cs.remove(c)
	c.Close()
}

func (cs *conns) remove(c net.Conn) {
	if place := cs.places[c]; place != nil {
		cs.line.Remove(place)
		delete(cs.places, c)
	}
}

func (cs *conns) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.places)
}

// transfers bounds the memory of what is large: at most so many bodies above
// small bytes are on their way at a time, in or out. Who is one too many is
// refused, and nobody is cut to make room: a server that cuts those who are
// slow when it is busy throws away work, and its clients begin again.
//
// So clients who are slow on purpose can occupy the places until the time-out
// of their requests, and other large bodies are refused meanwhile; small ones
// are not. Real systems ask for a least rate in each transfer.
type transfers chan struct{}

const small = 64 << 10 // bytes; a body up to this size needs no place

// enter takes a place, to be given back with leave. It returns nil if there is
// none.
func (t transfers) enter() (leave func()) {
	select {
	case t <- struct{}{}:
		return func() { <-t }
	default:
		return nil
	}
}

type connKey struct{}

// withConn is a hook of net/http: it lets a handler find its connection.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(r *http.Request) net.Conn { return r.Context().Value(connKey{}).(net.Conn) }
