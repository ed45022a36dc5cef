package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"zeyrho/steps/05-replication/node"
)

const (
	maxConns = 256             // open at a time; a peer needs one
	idle     = 2 * time.Minute // how long a connection may rest
)

// refusal says why a batch is not taken, and what to do about it.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return fmt.Sprintf("%s (%d)", r.text, r.status) }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// write answers. It also closes the connection: after damage nobody knows where
// the next request begins, and a stranger should not hold one.
func (r *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	http.Error(w, r.text, r.status)
}

// Serve takes what peers send over the connections of l. It returns after the
// end of ctx or after Close, when it has received its last message.
func (p *Peers) Serve(ctx context.Context, l net.Listener) error {
	var conns connections
	h := &http.Server{
		Handler:           p.Handler(),
		ReadHeaderTimeout: p.config.Timeout,
		ReadTimeout:       p.config.Timeout, // a batch is given more when its length is known
		WriteTimeout:      2 * p.config.Timeout,
		IdleTimeout:       idle,
		MaxHeaderBytes:    4 << 10, // net/http adds 4 KiB
		ConnState:         conns.changed,
		ErrorLog:          slog.NewLogLogger(p.config.Log.Handler(), slog.LevelWarn),
	}
	for _, end := range []context.Context{ctx, p.ctx} {
		defer context.AfterFunc(end, func() { h.Close() })()
	}
	err := h.Serve(l)
	h.Close() // those too that were accepted in the last moment
	conns.all.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve peers at %s: %w", l.Addr(), err)
}

// connections counts those that are open. If there are too many it closes the
// newcomer. Strangers cannot keep the peers out for long with that: who says
// nothing, or is refused, loses his connection.
type connections struct {
	open atomic.Int32
	all  sync.WaitGroup
}

// changed is a hook of net/http.
func (cs *connections) changed(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		cs.all.Add(1)
		if cs.open.Add(1) > maxConns {
			c.Close()
		}
	case http.StateClosed:
		cs.open.Add(-1)
		cs.all.Done()
	}
}

// Handler is what Serve serves, for a server that has bounds of its own.
func (p *Peers) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(http.MethodPost+" "+path, p.receive)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(http.StatusNotFound, "this port is for the other nodes of the cluster; clients have another one").write(w)
	})
	return mux
}

// receive takes a batch.
func (p *Peers) receive(w http.ResponseWriter, r *http.Request) {
	from, no := p.admit(r)
	if no != nil {
		if host, _, _ := net.SplitHostPort(r.RemoteAddr); from != 0 {
			p.notices.warn("a node is refused", from, fmt.Sprintf("%v; it came from %q", no, host))
		}
		no.write(w)
		return
	}
	p.mu.Lock()
	peer := p.row(from)
	p.mu.Unlock()
	peer.note(func(s *Status) { s.URL = r.Header.Get(headerURL) })
	if no := p.take(w, r, peer); no != nil {
		no.write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// admit says who sends a batch, and why it is not taken if it is not.
func (p *Peers) admit(r *http.Request) (from node.ID, no *refusal) {
	cluster, _ := url.PathUnescape(r.Header.Get(headerCluster))
	from, unsaid := node.ParseID(r.Header.Get(headerFrom))
	to, unclear := node.ParseID(r.Header.Get(headerTo))
	self := p.config.Self
	switch err := errors.Join(unsaid, unclear); {
	case r.Header.Get(headerSum) != sumOf(r.Header):
		return 0, refuse(http.StatusBadRequest, "%v: the checksum of the headers does not fit", errDamaged)
	case err != nil:
		no = refuse(http.StatusBadRequest, "%s and %s must be nodes: %v", headerFrom, headerTo, err)
	case cluster != p.config.Cluster:
		no = refuse(http.StatusMisdirectedRequest, "this is a node of cluster %q and %v is one of %.80q: correct the address of %v at %[2]v, or the name of its cluster", p.config.Cluster, from, cluster, to)
	case to != self:
		no = refuse(http.StatusMisdirectedRequest, "this is %v and not %v: correct the address of %[2]v at %v", self, to, from)
	case from == self:
		no = refuse(http.StatusConflict, "this is %v, too: give one of the two another number", self)
	case !p.config.Known(from):
		no = refuse(http.StatusForbidden, "%v does not know %v: add it to the cluster, or correct its number", self, from)
	}
	return from, no
}

// take hands the messages of a batch to the node as they come, up to the first
// that is damaged.
func (p *Peers) take(w http.ResponseWriter, r *http.Request, from *peer) *refusal {
	switch {
	case r.ContentLength <= 0:
		return refuse(http.StatusLengthRequired, "a batch has frames, and says how long it is")
	case r.ContentLength > maxBody:
		return refuse(http.StatusRequestEntityTooLarge, "a batch has at most %d bytes", maxBody)
	}
	until := time.Now().Add(p.config.patience(r.ContentLength))
	c := http.NewResponseController(w)
	c.SetReadDeadline(until)
	c.SetWriteDeadline(until.Add(p.config.Timeout))
	body := bufio.NewReaderSize(r.Body, int(min(r.ContentLength, 32<<10)))
	for left := r.ContentLength; left > 0; {
		m, err := readFrame(body, left)
		if err == nil && (m.From != from.id || m.To != p.config.Self) {
			err = fmt.Errorf("%w: a message from %v to %v among those from %v to %v", errDamaged, m.From, m.To, from.id, p.config.Self)
		}
		switch {
		case errors.Is(err, errDamaged):
			from.note(func(s *Status) { s.Corrupt++ })
			return refuse(http.StatusBadRequest, "%v; if it happens again, look for a bad line or box", err)
		case err != nil:
			return refuse(http.StatusRequestTimeout, "the batch broke off")
		}
		left -= int64(frameSize(m))
		p.give(m, from)
	}
	return nil
}

// give hands one message to the node.
func (p *Peers) give(m node.Message, from *peer) {
	taken := p.config.Receive(m)
	from.note(func(s *Status) {
		s.LastHeard = time.Now()
		if taken {
			s.Received++
		} else {
			s.Dropped++
		}
	})
}
