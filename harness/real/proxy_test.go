package real_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
)

// web is a server behind a proxy. It counts connections and requests, and
// answers with the body of the request.
type web struct {
	*real.Proxy
	server *httptest.Server
	asked  atomic.Int64
	came   atomic.Int64 // connections
	client *http.Client
}

func newWeb(t *testing.T) *web {
	w := &web{}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.asked.Add(1)
		rw.Write(body)
	}))
	w.server.Config.ConnState = func(_ net.Conn, now http.ConnState) {
		if now == http.StateNew {
			w.came.Add(1)
		}
	}
	w.server.Start()
	t.Cleanup(w.server.Close)
	var err error
	w.Proxy, err = newWorld(t).Proxy(w.server.Listener.Addr().String())
	require.NoError(t, err)
	w.client = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(w.client.CloseIdleConnections)
	return w
}

func (w *web) ask(ctx context.Context, method, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.URL(), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.GetBody = nil // or net/http would repeat what may have happened
	r.Body = io.NopCloser(r.Body)
	resp, err := w.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func (w *web) works(t *testing.T) {
	t.Helper()
	got, err := w.ask(within(t, 10*time.Second), "PUT", "hello")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
}

func TestALinkCarriesEveryByte(t *testing.T) {
	w := newWeb(t)
	big := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	for range 3 {
		got, err := w.ask(within(t, 10*time.Second), "PUT", big)
		require.NoError(t, err)
		require.True(t, got == big)
	}
	require.EqualValues(t, 1, w.came.Load(), "connections are kept")
	require.Equal(t, 1, w.Open())
}

func TestACutLinkRefuses(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	w.Cut()
	_, err := w.ask(within(t, 10*time.Second), "PUT", "x")
	require.Error(t, err, "the connection that stood")
	_, err = w.ask(within(t, 10*time.Second), "PUT", "x")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "a new one")
	addr := w.Addr()
	require.NoError(t, w.Pass())
	require.NoError(t, w.Pass(), "twice is once")
	require.Equal(t, addr, w.Addr())
	w.works(t)
}

func TestABrokenConnectionIsAReset(t *testing.T) {
	w := newWeb(t)
	conn := dial(t, w.Proxy)
	w.Break()
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	w.works(t)
}

func dial(t *testing.T, p *real.Proxy) net.Conn {
	before := p.Open()
	conn, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.Eventually(t, func() bool { return p.Open() > before }, 10*time.Second, time.Millisecond)
	return conn
}

func TestAFrozenLinkAcceptsAndDeliversNothingUntilItThaws(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	before := w.asked.Load()
	w.Freeze()
	for range 2 { // the old connection, and a new one
		_, err := w.ask(within(t, 50*time.Millisecond), "PUT", "x")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Equal(t, before, w.asked.Load())

	answered := make(chan error, 1)
	go func() {
		_, err := w.ask(context.Background(), "PUT", "y")
		answered <- err
	}()
	require.NoError(t, w.Pass())
	require.NoError(t, <-answered)
}

func TestAOneWayCutLosesOnlyThatWay(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	before := w.asked.Load()
	w.Freeze(real.ToClient)
	_, err := w.ask(within(t, 100*time.Millisecond), "PUT", "x")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, before+1, w.asked.Load(), "the server was asked")
	require.NoError(t, w.Pass())
	w.works(t)
}

func TestDelayIsForEachWay(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	w.Delay(real.ToServer, 30*time.Millisecond)
	w.Delay(real.ToClient, 20*time.Millisecond)
	begin := time.Now()
	w.works(t)
	require.GreaterOrEqual(t, time.Since(begin), 50*time.Millisecond)

	w.Delay(real.ToServer, time.Hour)
	answered := make(chan error, 1)
	go func() {
		_, err := w.ask(context.Background(), "PUT", "y")
		answered <- err
	}()
	require.NoError(t, w.Pass())
	require.NoError(t, <-answered, "what was held up goes on at once")
}

func TestALostReplyIsLostAfterTheServerDidTheWork(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	w.DropReply(2, "PUT", "DELETE")
	got, err := w.ask(within(t, 10*time.Second), "POST", "not meant")
	require.NoError(t, err)
	require.Equal(t, "not meant", got)
	before := w.asked.Load()
	for i := range 2 {
		_, err := w.ask(within(t, 10*time.Second), "PUT", "x")
		require.Error(t, err)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, w.WaitDropped(t.Context(), i+1))
	}
	require.Equal(t, before+2, w.asked.Load())
	w.works(t)
	require.Equal(t, 2, w.Dropped())
	require.ErrorIs(t, w.WaitDropped(within(t, 20*time.Millisecond), 3), context.DeadlineExceeded)
	w.DropReply(1)
	_, err = w.ask(within(t, 10*time.Second), "GET", "")
	require.Error(t, err, "without methods, any reply")
}

func TestATrickleTakesItsTime(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	w.Trickle(real.ToServer, 10_000)
	begin := time.Now()
	got, err := w.ask(within(t, 10*time.Second), "PUT", strings.Repeat("x", 2000))
	require.NoError(t, err)
	require.Len(t, got, 2000)
	require.GreaterOrEqual(t, time.Since(begin), 200*time.Millisecond)
}

func TestFlippedBytesAreFlipped(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	p, err := newWorld(t).Proxy(listener.Addr().String())
	require.NoError(t, err)
	p.Flip(real.ToServer, 100)
	conn := dial(t, p)
	server, err := listener.Accept()
	require.NoError(t, err)
	defer server.Close()
	sent := bytes.Repeat([]byte("a"), 1000)
	_, err = conn.Write(sent)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(server)
	require.NoError(t, err, "the end of the stream is carried too")
	require.Len(t, got, 1000)
	flipped := 0
	for i := range got {
		if got[i] != sent[i] {
			flipped++
		}
	}
	require.Equal(t, 10, flipped)
	require.Equal(t, 10, p.Flipped())
}

func TestALinkKnowsHowMuchItHasCarried(t *testing.T) {
	w := newWeb(t)
	_, err := w.ask(within(t, 10*time.Second), "PUT", strings.Repeat("x", 5000))
	require.NoError(t, err)
	require.Greater(t, w.Carried(real.ToServer), int64(5000))
	require.Less(t, w.Carried(real.ToServer), int64(6000))
	require.Greater(t, w.Carried(real.ToClient), int64(5000))
}

func TestAConnectionBreaksAfterSoManyBytesAndOnlyOnce(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	before := w.Carried(real.ToServer)
	w.BreakAfter(real.ToServer, 5000)
	w.works(t) // too little to break it
	_, err := w.ask(within(t, 10*time.Second), "PUT", strings.Repeat("x", 50_000))
	require.Error(t, err)
	require.Equal(t, before+5000, w.Carried(real.ToServer))
	require.Equal(t, 1, w.Broken())
	w.works(t)
	w.BreakAfter(real.ToServer, 10)
	w.BreakAfter(real.ToServer, 0)
	w.works(t)
	require.Equal(t, 1, w.Broken())
}

func TestABackendCanMove(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	w.server.CloseClientConnections()
	w.server.Close()
	_, err := w.ask(within(t, 10*time.Second), "PUT", "x")
	require.Error(t, err, "nobody is there")
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "other") }))
	defer other.Close()
	require.NoError(t, w.SetBackend(other.Listener.Addr().String()))
	got, err := w.ask(within(t, 10*time.Second), "PUT", "x")
	require.NoError(t, err)
	require.Equal(t, "other", got)
	w.Break()
	require.Error(t, w.SetBackend("192.0.2.1:80"), "only loopback")
	require.Error(t, w.SetBackend("localhost"))
}

func TestNothingOfAProxyIsLeft(t *testing.T) {
	w := newWeb(t)
	w.works(t)
	w.Freeze()
	for range 5 {
		conn := dial(t, w.Proxy)
		conn.Write(bytes.Repeat([]byte("x"), 1<<16))
	}
	w.Close()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	require.NotContains(t, string(stacks), "real.(*link)")
	require.NotContains(t, string(stacks), "real.(*Proxy)")
	require.Zero(t, w.Open())
	_, err := net.Dial("tcp", w.Addr())
	require.True(t, errors.Is(err, syscall.ECONNREFUSED))
	require.NoError(t, w.Pass(), "and it does not come back")
	_, err = net.Dial("tcp", w.Addr())
	require.Error(t, err)
}
