package service_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/03-server/server"
	"zeyrho/steps/04-journal/queue"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/service"
	"zeyrho/steps/05-replication/store"
)

// cluster is some nodes, each behind a server, without a network: messages go
// from one to the next by a call, and connections are net.Pipes. So all of it
// lives in the virtual time of testing/synctest.
type cluster struct {
	t     *testing.T
	sites []*site // n1 is the first
	mu    sync.Mutex
	cut   map[[2]node.ID]bool // messages from one to another are lost
}

// options say how a cluster is to be.
type options struct {
	nodes    int // 3
	acks     int
	sessions int
	queue    queue.Config
	idle     bool // nobody begins a history
	mute     bool // nobody knows where clients reach a node
}

// site is a node, and the server that it is behind.
type site struct {
	*node.Loop
	id      node.ID
	node    *store.Node
	service *service.Service
	disk    *brake
	pipes   pipes
	drain   context.CancelFunc
	drained chan error
}

func start(t *testing.T, o options) *cluster {
	t.Helper()
	c := &cluster{t: t, cut: map[[2]node.ID]bool{}}
	nodes := cmp.Or(o.nodes, 3)
	for i := range nodes {
		c.sites = append(c.sites, c.open(node.ID(i+1), nodes, o))
	}
	for _, s := range c.sites {
		s.Drive(s.node.Node)
	}
	t.Cleanup(func() {
		for _, s := range c.sites {
			s.disk.release() // a test that has failed may have left it held
			s.drain()
			<-s.drained
			s.Close() // what became of it is the affair of a test
		}
	})
	synctest.Wait()
	return c
}

func (c *cluster) open(id node.ID, nodes int, o options) *site {
	var peers []node.ID
	for i := range nodes {
		if peer := node.ID(i + 1); peer != id {
			peers = append(peers, peer)
		}
	}
	s := &site{id: id, disk: &brake{Memory: script.NewMemory()}, pipes: newPipes(), drained: make(chan error, 1)}
	s.Loop = node.NewLoop(node.LoopConfig{Send: c.send, Queue: o.queue})
	var err error
	s.node, err = store.Open(store.Config{Self: id, SegmentSize: 1 << 20, Replication: replication.Config{
		Peers: peers, Acks: o.acks, New: id == 1 && !o.idle, Sessions: o.sessions,
	}}, s, s.disk)
	require.NoError(c.t, err)
	s.disk.Memory.Fail = s.disk.called
	url := func(id node.ID) string {
		if o.mute {
			return ""
		}
		return fmt.Sprintf("http://%v", id)
	}
	s.service = service.New(s.Loop, url, func() (node.Epoch, error) {
		err := s.node.Replication.Promote()
		e, _ := s.node.Replica().Epoch()
		return e, err
	})
	s.serve()
	return s
}

func (s *site) serve() {
	ctx, stop := context.WithCancel(context.Background())
	s.drain = stop
	h := server.New(s.service, server.Config{Log: slog.New(slog.DiscardHandler), Status: s.status, Wrap: s.service.Wrap})
	go func() {
		s.drained <- h.Run(ctx, s.pipes)
		close(s.drained)
	}()
}

func (s *site) status() (members map[string]any) {
	s.Look(func(n *node.Node) { members = service.Status(n, s.node.Replication.Status()) })
	return members
}

// send brings a message to its node.
func (c *cluster) send(m node.Message) {
	c.mu.Lock()
	lost := c.cut[[2]node.ID{m.From, m.To}]
	c.mu.Unlock()
	if !lost {
		c.sites[m.To-1].Deliver(m)
	}
}

// isolate cuts a node off from the others, or heals that.
func (c *cluster) isolate(id node.ID, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sites {
		c.cut[[2]node.ID{id, s.id}], c.cut[[2]node.ID{s.id, id}] = cut, cut
	}
}

// brake is a disk that can be held up, and made to fail.
type brake struct {
	*script.Memory
	mu   sync.Mutex
	fate chan error
	fail func(op, name string) error
}

func (b *brake) called(op, name string) error {
	b.mu.Lock()
	fate, fail := b.fate, b.fail
	b.mu.Unlock()
	if op == "sync" && fate != nil {
		return <-fate
	}
	if fail != nil {
		return fail(op, name)
	}
	return nil
}

// hold lets no sync end before release.
func (b *brake) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fate = make(chan error)
}

func (b *brake) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fate != nil {
		close(b.fate)
	}
	b.fate = nil
}

// fails lets operations fail from now on.
func (b *brake) fails(err error, ops ...string) {
	b.when(func(op, _ string) error {
		if slices.Contains(ops, op) {
			return err
		}
		return nil
	})
}

// when asks f before operations from now on.
func (b *brake) when(f func(op, name string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = f
}

// pipes is a listener whose connections are net.Pipes.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     *sync.Once
}

func newPipes() pipes { return pipes{make(chan net.Conn), make(chan struct{}), new(sync.Once)} }

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// dial connects to the node that an address names, such as n2:80.
func (c *cluster) dial(ctx context.Context, _, address string) (net.Conn, error) {
	name, _, _ := strings.Cut(address, ":")
	id, err := node.ParseID(name)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	p := c.sites[id-1].pipes
	select {
	case p.incoming <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answer is what a server has sent back.
type answer struct {
	*http.Response
	body string
}

// code returns the code of a problem.
func (a answer) code() server.Code { return a.problem().Code }

func (a answer) problem() (p server.Problem) {
	if a.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &p) != nil {
		p.Code = server.Code(fmt.Sprintf("no problem, but %d %.80q", a.StatusCode, a.body))
	}
	return p
}

// try sends one request to a node. Nobody follows where the answer may lead.
func (c *cluster) try(ctx context.Context, id node.ID, method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://%v%s", id, path), strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, h := range headers {
		if name, value, ok := strings.Cut(h, ": "); ok {
			req.Header.Set(name, value)
		}
	}
	return c.trip(req)
}

func (c *cluster) trip(req *http.Request) (answer, error) {
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp, string(text)}, err
}

// connect opens a connection, on which nothing is said yet.
func (c *cluster) connect(id node.ID) net.Conn {
	c.t.Helper()
	conn, err := c.dial(c.t.Context(), "tcp", id.String())
	require.NoError(c.t, err)
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

// exchange sends what it is given, and reads the answer whether all of it is taken
// or not.
func (c *cluster) exchange(conn net.Conn, request string) answer {
	c.t.Helper()
	go io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(c.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return answer{resp, string(body)}
}

func (c *cluster) do(id node.ID, method, path, body string, headers ...string) answer {
	c.t.Helper()
	a, err := c.try(c.t.Context(), id, method, path, body, headers...)
	require.NoError(c.t, err)
	return a
}

// later does as do, in a goroutine of its own, and returns when the request waits.
func (c *cluster) later(ctx context.Context, id node.ID, method, path, body string, headers ...string) (answers chan answer) {
	answers = make(chan answer, 1)
	go func() {
		if a, err := c.try(ctx, id, method, path, body, headers...); err == nil {
			answers <- a
		}
		close(answers)
	}()
	synctest.Wait()
	return answers
}

// put writes, and returns where.
func (c *cluster) put(id node.ID, key, value string) (position string) {
	c.t.Helper()
	a := c.do(id, "PUT", "/kv/"+key, value)
	require.Equal(c.t, 204, a.StatusCode, a.body)
	return a.Header.Get("Position")
}

// session opens a session, and returns the header for its n-th request.
func (c *cluster) session(id node.ID) func(n int) (header string) {
	c.t.Helper()
	a := c.do(id, "POST", "/sessions", "")
	require.Equal(c.t, 201, a.StatusCode, a.body)
	var opened struct{ Session string }
	require.NoError(c.t, json.Unmarshal([]byte(a.body), &opened))
	return func(n int) string { return fmt.Sprintf("Idempotency-Key: %s/%d", opened.Session, n) }
}

// promote makes a node the leader.
func (c *cluster) promote(id node.ID) (epoch string) {
	c.t.Helper()
	a := c.do(id, "POST", "/promote", "")
	require.Equal(c.t, 200, a.StatusCode, a.body)
	var answer struct{ Epoch string }
	require.NoError(c.t, json.Unmarshal([]byte(a.body), &answer))
	return answer.Epoch
}
