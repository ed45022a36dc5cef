package real

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Proxy is a link between clients and a server that the harness can break. It
// listens on a loopback address of its own, which never changes, and carries
// bytes to and from its backend, which may.
//
// Invariants:
//   - Bytes arrive in order, whole and once, or the connection has been broken, or
//     Flip was asked for.
//   - What was told to the proxy holds for old connections and for new ones,
//     from the moment that the call returns. (A chunk whose writing has begun
//     is still written.)
//   - When Close has returned, no goroutine and no connection is left.
//
// A Proxy is safe for use by several goroutines.
type Proxy struct {
	addr string
	wg   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while cut
	backend  string
	links    map[*link]bool
	ways     [2]way
	changed  chan struct{} // closed and replaced whenever anything above or below is
	drop     drop
	dropped  int      // replies so far
	fuses    [2]int   // bytes that may still pass before a connection is broken; 0: as many as there are
	broken   int      // connections, by a fuse
	carried  [2]int64 // bytes
	flipped  int      // of them
	closed   bool
}

// drop says which replies are to be lost.
type drop struct {
	left    int
	methods []string
}

// Proxy opens a proxy in front of backend, a host:port on loopback. It may be
// empty until SetBackend is called; connections are broken at once until then.
func (w *World) Proxy(backend string) (*Proxy, error) {
	p := &Proxy{links: make(map[*link]bool), changed: make(chan struct{})}
	if err := p.SetBackend(backend); err != nil {
		return nil, err
	}
	err := w.own(func() (closer, error) {
		if err := p.listen("127.0.0.1:0"); err != nil {
			return nil, err
		}
		p.addr = p.listener.Addr().String()
		return p, nil
	})
	if err != nil {
		return nil, fmt.Errorf("open a proxy: %w", err)
	}
	return p, nil
}

// listen is called with mu held, or before anybody knows p.
func (p *Proxy) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	p.listener = l
	p.wg.Go(func() { p.accept(l) })
	return nil
}

func (p *Proxy) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed
		}
		k := &link{p: p, client: conn.(*net.TCPConn)}
		k.ctx, k.cancel = context.WithCancel(context.Background())
		p.mu.Lock()
		if p.closed || p.listener != l {
			p.mu.Unlock()
			k.drop()
			continue
		}
		p.links[k] = true
		p.wg.Go(k.run)
		p.mu.Unlock()
	}
}

// Addr returns the host:port that clients connect to.
func (p *Proxy) Addr() string { return p.addr }

// URL returns the address as a URL, without a slash at its end.
func (p *Proxy) URL() string { return "http://" + p.addr }

// SetBackend says where new connections go: a server has restarted on another
// port. Connections that stand keep their backend.
func (p *Proxy) SetBackend(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if addr != "" && (err != nil || !net.ParseIP(host).IsLoopback()) {
		return fmt.Errorf("proxy to %q: not a port on a loopback address", addr)
	}
	p.change(func() { p.backend = addr })
	return nil
}

// change changes something and wakes whoever waits for a change.
func (p *Proxy) change(what func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what()
	p.wake()
}

// wake is called with mu held.
func (p *Proxy) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Pass ends every disturbance. After a Cut it may fail, if somebody else has
// taken the port meanwhile.
func (p *Proxy) Pass() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ways, p.drop, p.fuses = [2]way{}, drop{}, [2]int{}
	p.wake()
	if p.closed || p.listener != nil {
		return nil
	}
	if err := p.listen(p.addr); err != nil {
		return fmt.Errorf("mend a link that was cut: %w", err)
	}
	return nil
}

// Cut breaks every connection with a reset and refuses new ones, until Pass.
func (p *Proxy) Cut() {
	p.mu.Lock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.Break()
}

// Break breaks every connection with a reset. New ones are welcome.
func (p *Proxy) Break() {
	p.mu.Lock()
	links := slices.Collect(maps.Keys(p.links))
	p.mu.Unlock()
	for _, k := range links {
		k.drop()
	}
}

// Freeze stops the bytes in the directions named, both if none is: connections
// are accepted and stay open, and nothing arrives until Pass. With one
// direction it is a one-way cut as TCP shows it.
func (p *Proxy) Freeze(directions ...Direction) {
	p.each(directions, func(w *way) { w.frozen = true })
}

// Delay makes every byte in a direction arrive so much later.
func (p *Proxy) Delay(d Direction, by time.Duration) {
	p.each([]Direction{d}, func(w *way) { w.delay = by })
}

// Trickle carries so many bytes a second in a direction; 0 means all of them.
func (p *Proxy) Trickle(d Direction, bytes int) {
	p.each([]Direction{d}, func(w *way) { w.rate = bytes })
}

// Flip flips one bit in every n-th byte of each connection in a direction; 0
// means none.
func (p *Proxy) Flip(d Direction, n int) {
	p.each([]Direction{d}, func(w *way) { w.flip = n })
}

// BreakAfter breaks the connection that carries the n-th byte from now on in a
// direction, when that has been delivered: a message that is cut short. That
// happens once. Zero n calls it off.
func (p *Proxy) BreakAfter(d Direction, n int) {
	p.change(func() { p.fuses[d] = n })
}

// Broken returns how many connections BreakAfter has broken so far.
func (p *Proxy) Broken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

// burn returns how many of n bytes may pass in a direction, and whether the
// connection breaks behind them.
func (p *Proxy) burn(d Direction, n int) (pass int, breaks bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fuses[d] == 0 {
		return n, false
	}
	pass = min(n, p.fuses[d])
	p.fuses[d] -= pass
	breaks = p.fuses[d] == 0
	if breaks {
		p.broken++
	}
	return pass, breaks
}

// Carried returns how many bytes have been delivered in a direction.
func (p *Proxy) Carried(d Direction) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.carried[d]
}

// Flipped returns how many bytes have been delivered with a bit flipped.
func (p *Proxy) Flipped() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flipped
}

func (p *Proxy) count(d Direction, bytes, flipped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.carried[d] += int64(bytes)
	p.flipped += flipped
}

func (p *Proxy) each(directions []Direction, do func(*way)) {
	if len(directions) == 0 {
		directions = []Direction{ToServer, ToClient}
	}
	p.change(func() {
		for _, d := range directions {
			do(&p.ways[d])
		}
	})
}

// DropReply loses the next n replies: each is waited for, so that the server
// has done what it was asked, and then thrown away, and its connection broken
// with a reset. If methods are given ("PUT", "DELETE"), replies to requests
// that begin otherwise pass and do not count. Zero n calls it off.
func (p *Proxy) DropReply(n int, methods ...string) {
	p.change(func() { p.drop = drop{left: n, methods: methods} })
}

// takeReply decides whether the reply to a request that began like this gets
// lost, and counts it.
func (p *Proxy) takeReply(request string) bool {
	matches := func(method string) bool { return strings.HasPrefix(request, method+" ") }
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drop.left <= 0 || len(p.drop.methods) > 0 && !slices.ContainsFunc(p.drop.methods, matches) {
		return false
	}
	p.drop.left--
	p.dropped++
	p.wake()
	return true
}

// Dropped returns the number of replies that DropReply has lost so far.
func (p *Proxy) Dropped() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// WaitDropped waits until n replies were lost since the proxy was opened.
func (p *Proxy) WaitDropped(ctx context.Context, n int) error {
	for {
		p.mu.Lock()
		dropped, changed := p.dropped, p.changed
		p.mu.Unlock()
		if dropped >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d replies were lost: %w", dropped, n, context.Cause(ctx))
		}
	}
}

// Close cuts the link for good and returns when nothing of it is left.
func (p *Proxy) Close() {
	p.kill()
	p.end()
}

func (p *Proxy) kill() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Cut()
}

func (p *Proxy) end() { p.wg.Wait() }
