package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
)

// memory is a listener without a network: a connection is a net.Pipe. With it
// a server can live in the virtual time of testing/synctest.
type memory struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     *sync.Once
}

func newMemory() memory { return memory{make(chan net.Conn), make(chan struct{}), new(sync.Once)} }

func (m memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.incoming:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (m memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (m memory) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case m.incoming <- server:
		return client, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// gated is a store whose Get does not end before the test lets it.
type gated struct {
	server.Store
	entered chan struct{}
	release chan struct{}
}

func newGated() gated {
	return gated{newStore(), make(chan struct{}, 100), make(chan struct{})}
}

func (g gated) Get(ctx context.Context, key string) (kv.Item, error) {
	g.entered <- struct{}{}
	<-g.release
	return kv.Item{Key: key, Value: []byte("v"), Version: 1}, nil
}

func newStore() *session.Store {
	return session.NewStore(locked.NewMap(), session.NewTable("inc", 100))
}

// running is a server that runs.
type running struct {
	t     *testing.T
	dial  func() (net.Conn, error)
	stop  context.CancelFunc
	ended chan error
}

// start runs a server until the end of the test, at the latest.
func start(t *testing.T, store server.Store, c server.Config, l net.Listener, dial func() (net.Conn, error)) *running {
	c.Log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t, dial, cancel, make(chan error, 1)}
	go func() {
		r.ended <- server.New(store, c).Run(ctx, l)
		close(r.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.ended
	})
	return r
}

func startInMemory(t *testing.T, store server.Store, c server.Config) *running {
	l := newMemory()
	return start(t, store, c, l, l.dial)
}

func startOnLoopback(t *testing.T, store server.Store, c server.Config) *running {
	l, err := server.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return start(t, store, c, l, func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) })
}

// wire is one connection, on which a test writes what it likes.
type wire struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (r *running) connect() *wire {
	c, err := r.dial()
	require.NoError(r.t, err)
	r.t.Cleanup(func() { c.Close() })
	return &wire{r.t, c, bufio.NewReader(c)}
}

func (w *wire) send(text string) { io.WriteString(w, text) }

// get sends a GET for a path, which must be escaped.
func (w *wire) get(path string) { w.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n") }

// answer is what the server sent back, with its body.
type answer struct {
	*http.Response
	body string
}

// read reads the answer to a request with the given method.
func (w *wire) read(method string) (answer, error) {
	resp, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body)}, err
}

func (w *wire) mustRead() answer {
	w.t.Helper()
	a, err := w.read("GET")
	require.NoError(w.t, err)
	return a
}

func (a answer) code() server.Code {
	var p server.Problem
	if json.Unmarshal([]byte(a.body), &p) != nil || a.Header.Get("Content-Type") != "application/problem+json" {
		return "no problem"
	}
	return p.Code
}

// do sends one request on a connection of its own. Headers are lines without
// their ends.
func (r *running) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	w := r.connect()
	defer w.Close()
	headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	go w.send(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s", method, path, strings.Join(headers, "\r\n"), body))
	a, err := w.read(method)
	require.NoError(r.t, err)
	return a
}
