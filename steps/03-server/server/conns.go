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
	limit   int
	mu      sync.Mutex
	members map[net.Conn]*list.Element
	line    *list.List // of *member
}

type member struct {
	conn    net.Conn
	serving bool // the store is at work
	quiet   bool // there is no complete request header
}

func newConns(limit int) *conns {
	return &conns{limit: limit, members: make(map[net.Conn]*list.Element), line: list.New()}
}

// changed is a hook of net/http. New and idle connections are those that have
// not sent the whole header of a request: one that trickles in is among them.
func (cs *conns) changed(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		cs.admit(c)
	case http.StateActive, http.StateIdle:
		cs.note(c, func(m *member) { m.quiet = state == http.StateIdle })
	default:
		cs.mu.Lock()
		defer cs.mu.Unlock()
		cs.remove(c)
	}
}

// serving says that the client has done its part, and the store is at work.
func (cs *conns) serving(c net.Conn) { cs.note(c, func(m *member) { m.serving = true }) }

// served says that the next move is the client's again: the answer goes out.
func (cs *conns) served(c net.Conn) { cs.note(c, func(m *member) { m.serving = false }) }

// note writes down what has changed about c, if it has not been closed meanwhile,
// and that from now on we wait for something else.
func (cs *conns) note(c net.Conn, change func(*member)) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if at := cs.members[c]; at != nil {
		change(at.Value.(*member))
		cs.line.MoveToBack(at)
	}
}

// admit adds c, and closes another connection if there are too many.
func (cs *conns) admit(c net.Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.members) >= cs.limit {
		cs.makeRoom()
	}
	cs.members[c] = cs.line.PushBack(&member{conn: c, quiet: true})
}

// makeRoom closes the connection that has kept us waiting for longest. There is
// one, since fewer requests are in flight than there are connections.
func (cs *conns) makeRoom() {
	for at := cs.line.Front(); at != nil; at = at.Next() {
		if m := at.Value.(*member); !m.serving {
			cs.cut(m.conn)
			return
		}
	}
}

// closeQuiet closes the connections that have not sent a request's header.
func (cs *conns) closeQuiet() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c, at := range cs.members {
		if at.Value.(*member).quiet {
			cs.cut(c)
		}
	}
}

func (cs *conns) cut(c net.Conn) {
	cs.remove(c)
	c.Close()
}

func (cs *conns) remove(c net.Conn) {
	if at := cs.members[c]; at != nil {
		cs.line.Remove(at)
		delete(cs.members, c)
	}
}

func (cs *conns) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.members)
}

// unanswered counts the connections on which a request has begun, whose body may
// still be on its way.
func (cs *conns) unanswered() (n int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, at := range cs.members {
		if !at.Value.(*member).quiet {
			n++
		}
	}
	return n
}

type connKey struct{}

// withConn is a hook of net/http: it lets a handler find its connection.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(r *http.Request) net.Conn { return r.Context().Value(connKey{}).(net.Conn) }
