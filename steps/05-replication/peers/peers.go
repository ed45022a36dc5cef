// Package peers answers: how does a node get a message to another one, without
// being held up by it?
//
// By never waiting. Send puts a message into a buffer, of which there is one a
// peer, and returns. One goroutine a peer posts what is in it, as a batch, and
// waits for the answer; what is sent meanwhile makes the next batch. So batches
// grow with the load, and a peer that hangs holds up nobody but the goroutine
// that is there for it.
//
//	POST /peer    204; the body is a batch, see frame.go
//
// It is HTTP, which knows how to keep a connection and how to replace one that
// is broken. Headers say what cluster this is, who sends, and to whom.
//
// # What is promised
//
// A message arrives as it was sent or not at all; at the node that it is for,
// in its cluster. It may not arrive: what does not fit into the buffer is
// dropped, and with a connection the batch is lost that was on it. Both are
// counted, and nothing is repeated: the protocol above has to live with losses
// anyway, and knows better what is still worth sending. It may arrive twice,
// since HTTP asks again when a connection that it had kept was closed meanwhile.
// While all goes well messages keep their order; around a time-out they may not.
//
// # Shortcuts
//
// There are no secrets in it: who can reach the port can say that he is any
// node. Real systems use TLS, with a certificate at both ends. And one batch is
// under way at a time: over a long line a peer gets no more than maxBatch in a
// round trip. etcd (its package rafthttp) keeps a stream open each way.
package peers

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"zeyrho/steps/05-replication/node"
)

// Config says who a node is among its peers. A zero means the default.
type Config struct {
	Cluster string  // its name; who has another one is refused
	Self    node.ID // who this is
	// Advertise is where clients reach this node, a URL. Every peer is told.
	Advertise string
	// Known reports whether a node may send to this one, whether it is in the
	// table or not. By default every node of the cluster may.
	Known func(node.ID) bool
	// Receive takes a message that has come in. It must not wait: if there is no
	// room it returns false. Like Known it is called by any number of goroutines.
	Receive func(node.Message) bool

	Buffer  int           // bytes that may wait for a peer, or be under way to it; 8 MiB
	Timeout time.Duration // for an answer, and a second more for each 128 KiB; 3 s
	Log     *slog.Logger  // slog.Default
	// Dial connects to a peer; net.Dialer's by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) withDefaults() Config {
	c.Buffer = cmp.Or(c.Buffer, 8<<20)
	c.Timeout = cmp.Or(c.Timeout, 3*time.Second)
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Known == nil {
		c.Known = func(node.ID) bool { return true }
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	return c
}

// patience is how long a batch may take: a line of 128 KiB a second will do.
func (c Config) patience(bytes int64) time.Duration {
	return c.Timeout + time.Duration(bytes)*time.Second/(128<<10)
}

// Peers are the other nodes, as one node sees them. Any number of goroutines
// may use it.
//
// Invariants:
//   - Nobody waits for a peer but the goroutine that it has while it is in the
//     table.
//   - What waits for a peer, or is under way to it, is at most Config.Buffer
//     bytes, or one message that is larger.
//   - A node that is refused does not come into the table.
type Peers struct {
	config    Config
	cluster   string // escaped, for a header
	transport *http.Transport
	notices   notices
	ctx       context.Context // until Close
	stop      context.CancelFunc
	senders   sync.WaitGroup

	mu    sync.Mutex
	table map[node.ID]*peer // guarded by mu
}

// New returns a table without any peers.
func New(config Config) *Peers {
	c := config.withDefaults()
	p := &Peers{
		config:  c,
		cluster: url.PathEscape(c.Cluster),
		notices: notices{log: c.Log, last: make(map[matter]notice)},
		table:   make(map[node.ID]*peer),
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.transport = &http.Transport{
		DialContext:            p.dial,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idle / 2, // before the other end closes it
		MaxResponseHeaderBytes: 8 << 10,
		DisableCompression:     true,
	}
	return p
}

// Set says where a peer is, HOST:PORT, from its next batch on. Without an
// address it is taken out of the table, and what waits for it is dropped. What
// is said about the node itself is ignored, so that all can be given one table.
func (p *Peers) Set(id node.ID, address string) {
	if id == p.config.Self {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.row(id)
	if r.move(address) {
		// A connection may lead to where the peer was. Others are opened anew.
		p.transport.CloseIdleConnections()
	}
	if address == "" {
		delete(p.table, id)
		r.cancel()
	}
}

// row returns what the table has about a node, which it puts there if need be.
// It is called with mu held.
func (p *Peers) row(id node.ID) *peer {
	r := p.table[id]
	if r == nil {
		r = newPeer(p.ctx, id)
		p.table[id] = r
		if p.ctx.Err() == nil {
			p.senders.Go(func() { p.run(r) })
		}
	}
	return r
}

// Send puts a message on its way to m.To, and says that it is from this node.
// It never waits: a message that cannot go is dropped.
func (p *Peers) Send(m node.Message) {
	m.From = p.config.Self
	p.mu.Lock()
	r := p.table[m.To]
	p.mu.Unlock()
	why := noAddress
	if r != nil {
		why = r.add(m, p.config.Buffer)
	}
	if why != "" {
		p.notices.warn("messages to a peer are dropped", m.To, why)
	}
}

// Status is what is known about one peer. The figures count messages, if they do
// not say otherwise, and begin when it comes into the table.
type Status struct {
	ID        node.ID   `json:"id"`
	Address   string    `json:"address"`   // "": it sends to us, and nobody has said where it is
	URL       string    `json:"url"`       // where clients reach it, as it said last
	Sent      int       `json:"sent"`      // and the peer has answered
	Lost      int       `json:"lost"`      // perhaps: sent, and it has not answered
	Dropped   int       `json:"dropped"`   // no room, in the buffer to it or in the inbox of our node
	Received  int       `json:"received"`  // and our node has taken them
	Corrupt   int       `json:"corrupt"`   // batches from it that were changed on the way
	Buffered  int       `json:"buffered"`  // bytes that wait, or are under way
	LastError string    `json:"lastError"` // of the last batch; "": it was answered
	LastHeard time.Time `json:"lastHeard"` // when the last message from it came
}

// Status returns the figures of all peers, in the order of their numbers.
func (p *Peers) Status() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Status
	for _, r := range p.table {
		all = append(all, r.figures())
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// URL returns where clients reach a peer, as that has said itself, or "".
func (p *Peers) URL(id node.ID) string {
	p.mu.Lock()
	r := p.table[id]
	p.mu.Unlock()
	if r == nil {
		return ""
	}
	return r.figures().URL
}

// Close ends all goroutines, and Serve. What waits is lost; what is sent from
// then on is dropped.
func (p *Peers) Close() {
	p.mu.Lock()
	p.stop() // with mu held: after this, row starts nobody
	p.mu.Unlock()
	p.senders.Wait()
	p.transport.CloseIdleConnections()
}
