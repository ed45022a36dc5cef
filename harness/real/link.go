package real

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Direction is one way along a link.
type Direction int

// The two directions.
const (
	ToServer Direction = iota
	ToClient
)

// way is what happens to bytes in one direction.
type way struct {
	frozen bool
	delay  time.Duration
	rate   int // bytes a second, 0: no bound
	flip   int // every n-th byte, 0: none
}

// look returns how things stand for a direction, and a channel that is closed
// when that may have changed.
func (p *Proxy) look(d Direction) (way, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ways[d], p.changed
}

// link is one connection through a proxy: two sockets, and for each direction
// a goroutine that reads and one that writes.
type link struct {
	p      *Proxy
	client *net.TCPConn
	ctx    context.Context // ends when the link breaks
	cancel context.CancelFunc

	mu      sync.Mutex
	server  *net.TCPConn // nil until dialled
	request string       // how the last request of the client began
	replied bool         // whether the server has said anything since
}

// chunk is some bytes on their way; none at all are the end of the stream.
type chunk struct {
	bytes []byte
	read  time.Time
}

// A link holds up to chunks × chunkSize bytes in each direction.
const (
	chunkSize = 16 << 10
	chunks    = 16
)

func (k *link) run() {
	defer func() {
		k.p.mu.Lock()
		delete(k.p.links, k)
		k.p.mu.Unlock()
	}()
	defer k.drop()
	if !k.dial() {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { k.carry(ToServer, k.client, k.server) })
	both.Go(func() { k.carry(ToClient, k.server, k.client) })
	both.Wait()
}

// dial connects to the backend. Through a frozen link it does not get there.
func (k *link) dial() bool {
	if !k.thaw(ToServer) {
		return false
	}
	k.p.mu.Lock()
	backend := k.p.backend
	k.p.mu.Unlock()
	if backend == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(k.ctx, 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", backend)
	if err != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.server = conn.(*net.TCPConn)
	if k.ctx.Err() != nil { // drop came too early to see it
		k.reset(k.server)
	}
	return k.ctx.Err() == nil
}

// drop breaks both connections, with a reset so that nobody takes it for the
// polite end of a stream.
func (k *link) drop() {
	k.cancel()
	k.reset(k.client)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.server != nil {
		k.reset(k.server)
	}
}

func (k *link) reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// carry moves bytes in one direction until the stream ends or the link breaks.
func (k *link) carry(d Direction, from, to *net.TCPConn) {
	queue := make(chan chunk, chunks)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(queue)
		k.read(d, from, queue)
	})
	if !k.write(d, to, queue) {
		k.drop()
	}
	reading.Wait()
}

func (k *link) read(d Direction, from *net.TCPConn, queue chan<- chunk) {
	buf := make([]byte, chunkSize)
	for {
		n, err := from.Read(buf)
		if n == 0 && err != io.EOF || n > 0 && k.saw(d, buf[:n]) {
			k.drop()
			return
		}
		if !k.put(queue, chunk{bytes.Clone(buf[:n]), time.Now()}) || n == 0 {
			return
		}
	}
}

func (k *link) put(queue chan<- chunk, c chunk) bool {
	select {
	case queue <- c:
		return true
	case <-k.ctx.Done():
		return false
	}
}

// saw notes how a request begins and says whether a reply is to be lost. It
// takes the client's first bytes after the server's last ones for a request's
// beginning, which is right as long as clients wait for replies, as those of
// HTTP/1.1 do.
func (k *link) saw(d Direction, b []byte) (lose bool) {
	k.mu.Lock()
	if d == ToServer && (k.request == "" || k.replied) {
		k.request, k.replied = string(b[:min(len(b), 16)]), false
	}
	begins := d == ToClient && !k.replied // a reply, and not the rest of one
	if begins {
		k.replied = true
	}
	request := k.request
	k.mu.Unlock()
	return begins && k.p.takeReply(request)
}

// write delivers chunks as the proxy's orders say, and reports whether it came
// to the end of the stream.
func (k *link) write(d Direction, to *net.TCPConn, queue <-chan chunk) bool {
	written := 0
	for c := range queue {
		if !k.late(d, c.read) || !k.thaw(d) {
			return false
		}
		if len(c.bytes) == 0 {
			return to.CloseWrite() == nil
		}
		for rest := c.bytes; len(rest) > 0; {
			n, ok := k.piece(d, to, rest, written)
			if !ok {
				return false
			}
			rest, written = rest[n:], written+n
		}
	}
	return false
}

// piece writes as much at once as a trickle allows, and waits as long as that
// much takes. written is the number of bytes before these.
func (k *link) piece(d Direction, to *net.TCPConn, b []byte, written int) (int, bool) {
	if !k.thaw(d) {
		return 0, false
	}
	w, _ := k.p.look(d)
	if w.rate > 0 {
		b = b[:min(len(b), max(1, w.rate/20))]
	}
	pass, breaks := k.p.burn(d, len(b))
	b = b[:pass]
	flipped := flip(b, w.flip, written)
	n, err := to.Write(b)
	k.p.count(d, n, flipped)
	if err != nil || breaks {
		return 0, false
	}
	if w.rate == 0 {
		return len(b), true
	}
	pause := time.Duration(len(b)) * time.Second / time.Duration(w.rate)
	return len(b), k.until(d, time.Now(), func(now way) time.Duration {
		if now.rate != w.rate {
			return 0
		}
		return pause
	})
}

// flip flips a bit in every n-th byte of a stream, of which so many have gone
// before those of b, and returns how many it has flipped.
func flip(b []byte, n, before int) (flipped int) {
	if n == 0 {
		return 0
	}
	for i := range b {
		if (before+i+1)%n == 0 {
			b[i] ^= 1 << ((before + i) % 8)
			flipped++
		}
	}
	return flipped
}

// thaw waits until a direction is not frozen; false if the link breaks first.
func (k *link) thaw(d Direction) bool {
	for {
		w, changed := k.p.look(d)
		if !w.frozen {
			return true
		}
		select {
		case <-changed:
		case <-k.ctx.Done():
			return false
		}
	}
}

// late waits until bytes that were read then may arrive.
func (k *link) late(d Direction, read time.Time) bool {
	return k.until(d, read, func(w way) time.Duration { return w.delay })
}

// until waits until so much time has passed since start, and asks again how
// much that is whenever the proxy's orders change. It returns false if the link
// breaks.
func (k *link) until(d Direction, start time.Time, howLong func(way) time.Duration) bool {
	for {
		w, changed := k.p.look(d)
		left := time.Until(start.Add(howLong(w)))
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
		case <-k.ctx.Done():
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}
