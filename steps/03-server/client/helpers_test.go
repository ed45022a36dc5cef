package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
)

const address = "http://in-memory:1"

// network is where a server listens and clients dial, without a real network
// underneath: a connection is a net.Pipe. So both sides can live in the virtual
// time of testing/synctest. It is unreliable where a test wants it to be.
type network struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
	dials    atomic.Int32
	// lose says whether to drop the reply to the request that begins like
	// this, and its connection with it. The server has done the work by then.
	lose func(request []byte) bool
}

func newNetwork() *network {
	return &network{
		incoming: make(chan net.Conn),
		closed:   make(chan struct{}),
		lose:     func([]byte) bool { return false },
	}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.incoming:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *network) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.dials.Add(1)
	near, far := net.Pipe()
	select {
	case n.incoming <- far:
		return &conn{Conn: near, network: n}, nil
	case <-n.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// conn is the client's end of a connection.
type conn struct {
	net.Conn
	network *network
	mu      sync.Mutex
	request []byte // the beginning of the one that was sent last
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.request = bytes.Clone(p[:min(len(p), 200)])
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.network.lose(c.request) {
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func isPut(request []byte) bool { return bytes.HasPrefix(request, []byte("PUT ")) }

// first returns a lose that is true for the first n requests that match.
func first(n int32, match func([]byte) bool) func([]byte) bool {
	var seen atomic.Int32
	return func(request []byte) bool { return match(request) && seen.Add(1) <= n }
}

func newStore(sessions int) *session.Store {
	return session.NewStore(locked.NewMap(), session.NewTable(session.NewIncarnation(), sessions))
}

// serve runs a server on n until the end of the test, or until stop.
func serve(t *testing.T, n *network, store server.Store, c server.Config) (stop func()) {
	c.Log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		server.New(store, c).Run(ctx, n)
		close(ended)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// pretend runs something on n that is not quite our server.
func pretend(t *testing.T, n *network, f http.HandlerFunc) {
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		f(w, r)
	})}
	go s.Serve(n)
	t.Cleanup(func() { s.Close() })
}

func dial(t *testing.T, n *network, c client.Config) *client.Client {
	c.Dial = n.dial
	cl, err := client.New(address, c)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func put(key, value string) kv.Command { return kv.Put(key, []byte(value)) }
