// Package server answers: how does a process give others the use of its store,
// when the wire between them can do anything, and so can they?
//
// It speaks HTTP, so that everything can be tried with curl:
//
//	GET    /kv/{key}      200, the value as the body, the version as the ETag;
//	                      304 if that is known already [If-Match, If-None-Match]
//	PUT    /kv/{key}      204; the body is the value   [If-Match, If-None-Match]
//	DELETE /kv/{key}      204                          [If-Match]
//	GET    /kv            200, JSON: a page of a scan  [?prefix= after= limit=]
//	POST   /sessions      201, JSON: a new session
//	GET    /status        200, JSON: what the server is, and how busy
//
// An Idempotency-Key, SESSION/NUMBER, makes a PUT or DELETE safe to repeat; see
// package session. Every answer that is not a success is a Problem, with one
// of these codes:
//
//	400 invalid             the request can never succeed; detail says why
//	404 not-found           there is no such key
//	404 no-such-path        the path is none of the above
//	405 method-not-allowed  Allow says which methods there are
//	408 slow-request        the body did not arrive in time
//	409 request-superseded  the session has gone on; it may have happened
//	410 session-forgotten   nobody knows that session; it may have happened
//	412 conflict            the condition does not hold; "version" says what is there
//	413 too-large           the value is above kv.MaxValue
//	500 failed              the store could not do it
//	500 unknown             the store does not know; it may have happened
//	503 overloaded          too much at a time; see Retry-After
//	503 draining            the server is about to stop; see Retry-After
//	503 in-progress         a copy of the request is under way; ask again
//
// Where it does not say "it may have happened", it did not. Bytes that are no
// HTTP, and headers above 12 KiB (431), are answered by net/http itself, as
// plain text.
//
// # Bounds
//
// Nothing that a client does, or omits, may take up the server for ever. Each
// phase of a request has a time-out. Bodies, headers, keys, connections,
// requests in flight and large transfers have limits. The rule behind them: a
// client that keeps us waiting holds its connection, which is the first to go
// when there are too many, and at most, until its time-out, one of
// Config.Transfers places for a large body or for a scan.
//
// So what requests hold is bounded, too: Config.InFlight values of up to 1 MiB,
// which the store has just handed out; Config.Transfers larger bodies each way,
// of which a page of a scan may be 5 MiB, and as JSON a third more; and for every
// connection a header and a small body. What the store holds in the end is not:
// whoever may write can fill the memory. Real systems have quotas.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
)

// Store is what a server serves: a store that knows who is asking. A
// session.Store is one, over any kv.Store. It must be safe for many
// goroutines, and must end its work when the context does: a server cannot
// free a request from a store that hangs.
type Store interface {
	kv.Store
	// OpenSession issues a new session.
	OpenSession(ctx context.Context) (session.ID, error)
	// DoOnce is Do for a request that may come more than once.
	DoOnce(ctx context.Context, id session.Identity, c kv.Command) (kv.Result, error)
}

// Config holds the bounds of a server. A zero means the default.
type Config struct {
	Connections int           // open at a time; 512
	InFlight    int           // requests that the store works on at a time, fewer than Connections; 64
	Transfers   int           // bodies above 64 KiB on their way in at a time, and as many out; 16
	Timeout     time.Duration // for each phase: request, store, answer; 10 s
	Idle        time.Duration // how long a connection may rest between requests; 2 min
	Drain       time.Duration // how long the last requests may take at the end; 10 s
	Log         *slog.Logger  // requests are logged at the debug level; slog.Default
	// Status returns what the answer to GET /status says beside the server's
	// own members, or instead of them. It may be nil.
	Status func() map[string]any
	// Wrap returns a handler around the server's. It may look at a request and
	// change it, leave something in its context for the store, set headers of the
	// answer, or answer by itself, in a moment: that is neither logged nor counted
	// as in flight. The context that it passes on must derive from the request's.
	// While the server drains it is not asked. It may be nil.
	Wrap func(http.Handler) http.Handler
}

func (c Config) withDefaults() Config {
	set(&c.Connections, 512)
	set(&c.InFlight, 64)
	set(&c.Transfers, 16)
	set(&c.Timeout, 10*time.Second)
	set(&c.Idle, 2*time.Minute)
	set(&c.Drain, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	// Otherwise all connections could be in the store's hands, and none be
	// left to close for a newcomer.
	c.Connections = max(c.Connections, 2)
	c.InFlight = min(c.InFlight, c.Connections-1)
	return c
}

func set[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// Server serves one Store. Make it with New, and Run it once.
//
// Invariants:
//   - A request counts in inflight while the store works on it, and never while
//     it waits for its client.
//   - What can be refused without its body is refused before that is read.
//   - A request that begins after draining is set is refused; one that began
//     before is answered.
type Server struct {
	store    Store
	config   Config
	conns    *conns
	bodies   chan struct{} // as many as there are large bodies on their way in
	answers  chan struct{} // as many as there are on their way out
	inflight chan struct{} // as many as there are requests in the store's hands
	draining atomic.Bool
}

// New returns a server of store.
func New(store Store, config Config) *Server {
	c := config.withDefaults()
	return &Server{
		store:    store,
		config:   c,
		conns:    newConns(c.Connections),
		bodies:   make(chan struct{}, c.Transfers),
		answers:  make(chan struct{}, c.Transfers),
		inflight: make(chan struct{}, c.InFlight),
	}
}

// Listen claims a TCP address, HOST:PORT. Port 0 is any that is free.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use: talk to the server there with -connect http://%[1]s, or pick another address with -listen HOST:PORT (port 0 is any that is free): %w", address, err)
	case err != nil:
		return nil, fmt.Errorf("-listen %q, which must be HOST:PORT of this machine: %w", address, err)
	}
	return l, nil
}

// Run serves the connections of l until ctx ends. Then it drains: it closes l,
// refuses what is new, and returns when everything that was begun before is
// answered, or with an error after Config.Drain.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	h := s.httpServer()
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	l.Close()
	<-ended
	return s.drain(h)
}

// httpServer sets the time-outs. Those of net/http overlap: that for reading is
// for header and body together, that for writing begins at the header's end and
// so covers the body, the store and the answer.
func (s *Server) httpServer() *http.Server {
	t := s.config.Timeout
	return &http.Server{
		Handler:        s.handler(),
		ReadTimeout:    t,
		WriteTimeout:   3 * t,
		IdleTimeout:    s.config.Idle,
		MaxHeaderBytes: 8 << 10, // net/http adds 4 KiB
		ConnState:      s.conns.changed,
		ConnContext:    withConn,
		ErrorLog:       slog.NewLogLogger(s.config.Log.Handler(), slog.LevelWarn),
	}
}

// handler returns what answers the requests: serve, in what Config.Wrap makes of
// it.
func (s *Server) handler() http.Handler {
	inner := http.HandlerFunc(s.serve)
	if s.config.Wrap == nil {
		return inner
	}
	outer := s.config.Wrap(inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			s.serve(w, r) // which refuses
			return
		}
		outer.ServeHTTP(w, r)
	})
}

// grace is how long, at the end, a request that crosses with our farewell on
// the wire is still told no. After it, connections without a request are
// closed, and then who sends one all the same learns nothing.
const grace = 200 * time.Millisecond

// drain ends the connections, when there is no listener any more.
func (s *Server) drain(h *http.Server) error {
	s.config.Log.Info("draining", "connections", s.conns.count(), "unanswered", s.conns.unanswered())
	// Not a child of Run's context, which has ended.
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Drain)
	defer cancel()
	for began := time.Now(); s.conns.count() > 0 && time.Since(began) < grace; {
		time.Sleep(grace / 20)
	}
	s.conns.closeQuiet()
	if err := h.Shutdown(ctx); err != nil {
		h.Close()
		return fmt.Errorf("drain: cut %d connections after %v, with %d requests unanswered: %w",
			s.conns.count(), s.config.Drain, s.conns.unanswered(), err)
	}
	return nil
}
