package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/real"
)

// The scenarios of this file disturb the link between clients and a server.

// theServer returns the system of steps 03 and 04, or the leader of a cluster.
func (r *Run) theServer() *oneServer {
	if c, ok := r.sys.(*cluster); ok {
		return c.node(c.leader)
	}
	return r.sys.(*oneServer)
}

// someWorker draws one of the workers that have a process. It does not draw the
// same one twice, if there is another: misfortunes that all hit one client are
// as good as a single long one, which it need not bear.
func (r *Run) someWorker() (*worker, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var alive []*worker
	for _, w := range r.bodies {
		if w.proc != nil && !w.proc.Ended() && w != r.drew {
			alive = append(alive, w)
		}
	}
	switch {
	case len(alive) > 0:
		r.drew = alive[r.rng.IntN(len(alive))]
	case r.drew == nil || r.drew.proc == nil || r.drew.proc.Ended():
		return nil, fmt.Errorf("no client is running")
	}
	return r.drew, nil
}

// dropReply loses the next n replies to writes of some worker, and waits until
// that has happened. It returns the worker's link.
func (r *Run) dropReply(n int) (*real.Proxy, error) {
	w, err := r.someWorker()
	if err != nil {
		return nil, err
	}
	p, err := r.theServer().proxy(w.n)
	if err != nil {
		return nil, err
	}
	before := p.Dropped()
	p.DropReply(n, "PUT", "DELETE")
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	return p, p.WaitDropped(ctx, before+min(n, 2))
}

func lostReply() Scenario {
	return Scenario{
		Name:     "lost-reply",
		Question: "The reply to a write gets lost and the client tries again: is the write applied once?",
		Cells:    append(each([]string{"03", "04"}, lostReplyCell(clientPatience)), each(clustered, lostReplyCell(time.Second, replicated...))...),
	}
}

func lostReplyCell(patience time.Duration, more ...check.Checker) Cell {
	return Cell{
		World: Real, Expect: Pass, Run: loseReplies, Flags: []string{"-sessions", fmt.Sprint(fewSessions)}, Links: true, Patience: patience,
		Checkers: with(with(atomically(), more...), check.Witness("retried"), check.Once, living(4), check.Counter("counter"), check.Coverage(check.Need{Unknown: 1, Faults: []string{"the reply", "every reply"}})),
	}
}

// loseReplies loses single replies, and in the end all of them for so long that
// a client gives up.
func loseReplies(r *Run) error {
	const workers = 4
	each := r.scaled(60)
	var faults []Fault
	for _, at := range r.drawn(7, workers*each) {
		faults = append(faults, Fault{At: at, Node: "link", Text: "the reply to a write is lost", Do: r.dropOne})
	}
	faults = append(faults, Fault{At: workers * each * 9 / 10, Node: "link", Text: "every reply to a client's writes is lost until it gives up", Do: r.silence})
	for range 4 {
		faults = append(faults, Fault{At: workers * each * 9 / 10, Node: "server", Text: "replies to a client's writes are lost, and its session is forgotten", Do: r.forget})
	}
	if err := r.contest(workers, 2, each, keys(3), faults...); err != nil {
		return err
	}
	return r.quiet(append(keys(3), "counter")...)
}

func (r *Run) dropOne() error {
	_, err := r.dropReply(2) // net/http may send once more by itself; then it is our client's turn
	return err
}

// silence loses every reply to the writes of one worker until it has given up
// on one.
func (r *Run) silence() error {
	w, err := r.someWorker()
	if err != nil {
		return err
	}
	p, err := r.theServer().proxy(w.n)
	if err != nil {
		return err
	}
	before := r.rec.Counts().Unknown
	r.expect("retried", before == 0, "the replies that were lost one at a time left %d operations unknown: to ask again should have told", before)
	p.DropReply(1<<20, "PUT", "DELETE")
	defer p.DropReply(0)
	return r.until("a client gives up", func() bool { return r.rec.Counts().Unknown > before })
}

// fewSessions is how many sessions the server remembers, enough for the workers.
const fewSessions = 8

// forget loses replies to the writes of one worker, and has the server forget
// its session before it can ask again.
func (r *Run) forget() error {
	p, err := r.dropReply(1 << 20)
	if err != nil {
		return err
	}
	defer p.DropReply(0)
	for range fewSessions {
		status, err := r.rawRequest(r.theServer().addr, "POST /sessions HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
		if err != nil || status != 201 {
			return fmt.Errorf("open a session: status %d%s", status, orNothing(err))
		}
	}
	return nil
}

// until waits for a condition, and complains if it does not come about.
func (r *Run) until(what string, holds func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("waited %v in vain: %s", 2*patience, what)
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
	return nil
}

// stopMidRequest stops a worker's process when half of a request has gone out.
// The buffers of the system may hold the other half, and would deliver it while
// the client stands still, so its link freezes with it. Pass ends that.
func (r *Run) stopMidRequest(w *worker) (*real.Proxy, error) {
	p, err := r.theServer().proxy(w.n)
	if err != nil {
		return nil, err
	}
	p.Trickle(real.ToServer, 400<<10) // so that a large put takes longer than what follows
	r.idle(300 * time.Millisecond)
	c := w.current()
	if c == nil {
		return nil, fmt.Errorf("client %d has no process", w.n)
	}
	p.Freeze(real.ToServer)
	err = c.Stop()
	r.expect("paused", err == nil, "client %d stands still in the middle of a large put", w.n)
	return p, err
}

// secondServer starts another server on the address of the first.
func (r *Run) secondServer() error {
	s := r.theServer()
	return r.refused("one-owner", 1, "in use", s.args(s.addr, "")...)
}

func slowClients() Scenario {
	return Scenario{
		Name:     "slow-clients",
		Question: "Hundreds of clients connect and say nothing, or very slowly: is an honest one still served, in bounded memory?",
		Cells:    each(append([]string{"03", "04"}, clustered...), slowClientsCell()),
	}
}

func slowClientsCell() Cell {
	return Cell{
		World: Real, Expect: Pass, Run: crawl, Flags: []string{"-timeout", "1s", "-connections", fmt.Sprint(crawlers)},
		Checkers: []check.Checker{undisturbed, lin, check.Gap("faults", time.Second), living(2), check.Coverage(check.Need{OK: 200}), check.Witness("bounds"), check.Witness("patience")},
	}
}

// crawl connects many clients that are silent, or send a header or a body byte
// by byte, while two honest ones work. The server has to get rid of them.
func crawl(r *Run) error {
	if err := r.load("warm-up", 2, mixed(r.scaled(30), keys(3))); err != nil {
		return err
	}
	server := r.theServer().server
	idle, _ := server.Files()
	s := newSlow(r.ctx, r.theServer().addr, 400)
	defer s.close()
	r.rec.Event(faultEvent("network", fmt.Sprintf("%d slow clients connect", s.connected())))
	r.crowded(s)
	err := r.load("faults", 2, func(w *worker) error {
		for !s.over() && w.ctx.Err() == nil {
			if err := mixed(5, keys(3))(w); err != nil {
				return err
			}
			w.scan("k", "", 2)
		}
		err := mixed(r.scaled(60), keys(3))(w)
		r.sockets(server, idle) // while the honest clients are there
		return err
	})
	r.expect("patience", s.closedByServer() == s.connected() && s.connected() > 300, "the server closed %d of %d slow connections within %v of its time-out of 1 s", s.closedByServer(), s.connected(), slowBound)
	r.bound("memory", server, 128<<20)
	r.sockets(server, idle)
	return errors.Join(err, r.alive(2))
}

// crowded looks at a server that has more clients than it takes, before any of
// its time-outs has come: it keeps to its number, and a newcomer is served.
func (r *Run) crowded(s *slow) {
	for s.closedByServer() < s.connected()-crawlers && time.Since(s.start) < 700*time.Millisecond {
		r.idle(5 * time.Millisecond)
	}
	gone := s.closedByServer()
	status, err := r.rawRequest(r.theServer().addr, "GET /status HTTP/1.1\r\nHost: new\r\n\r\n")
	if early := time.Since(s.start) < 900*time.Millisecond; !early {
		r.fail(errors.New("the machine is too slow: nobody can tell who was put out by the crowd, and who by a time-out"))
		return
	}
	r.expect("bounds", gone >= s.connected()-crawlers, "%d of %d slow clients were put out at once; the server keeps %d connections", gone, s.connected(), crawlers)
	r.expect("patience", err == nil && status == 200, "in the crowd, a newcomer is answered with %d%s", status, orNothing(err))
}

// crawlers is the number of connections that the server may keep.
const crawlers = 256

// sockets expects that a server has not many more files open than before.
func (r *Run) sockets(server *real.Process, before int) {
	if files, ok := server.Files(); ok {
		r.expect("bounds", files < before+64, "the server has %d files and sockets open, after %d before the slow clients came", files, before)
	}
}

// bound notes a process's memory, and whether it is below a bound in bytes.
func (r *Run) bound(what string, p *real.Process, limit int64) {
	if rss, ok := p.RSS(); ok {
		r.rec.Sample(p.Name, "rss", float64(rss))
		r.expect("bounds", rss <= limit, "%s of the %s: %d MiB, the bound is %d MiB", what, p.Name, rss>>20, limit>>20)
	}
}

// slowBound is how long after its own time-out a server may take to get rid of
// a slow client.
const slowBound = 4 * time.Second

// slow is a crowd of clients that take their time.
type slow struct {
	conns []net.Conn
	gone  []chan struct{} // closed when the server has hung up
	start time.Time
}

// newSlow connects n clients: a third says nothing, a third sends a header and
// a third a body, a byte at a time.
func newSlow(ctx context.Context, addr string, n int) *slow {
	s := &slow{start: time.Now()}
	for i := range n {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		gone := make(chan struct{})
		s.conns, s.gone = append(s.conns, c), append(s.gone, gone)
		go hangUp(c, gone)
		switch i % 3 {
		case 1:
			go dribble(c, "GET /kv/k0 HTTP/1.1\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", gone)
		case 2:
			go dribble(c, "PUT /kv/slow HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000000\r\n\r\n", strings.Repeat("z", 1000), gone)
		}
	}
	return s
}

// hangUp reads until the server closes the connection.
func hangUp(c net.Conn, gone chan struct{}) {
	defer close(gone)
	buf := make([]byte, 1024)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// dribble sends head at once and rest byte by byte.
func dribble(c net.Conn, head, rest string, gone chan struct{}) {
	if _, err := c.Write([]byte(head)); err != nil {
		return
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := range len(rest) {
		select {
		case <-tick.C:
		case <-gone:
			return
		}
		if _, err := c.Write([]byte{rest[i]}); err != nil {
			return
		}
	}
}

func (s *slow) connected() int { return len(s.conns) }

func (s *slow) closedByServer() int {
	n := 0
	for _, g := range s.gone {
		if closed(g) {
			n++
		}
	}
	return n
}

// over reports whether the server has hung up on everybody, or has had time
// enough to.
func (s *slow) over() bool {
	return s.closedByServer() == len(s.conns) || time.Since(s.start) > slowBound+time.Second
}

func (s *slow) close() {
	for _, c := range s.conns {
		c.Close()
	}
}
