package scenario

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// The scenarios of this file look at a server under load, and while it goes.

func faultEvent(node, text string) history.Event {
	return history.Event{Kind: "fault", Node: node, Text: text}
}

func rollingRestart() Scenario {
	return Scenario{
		Name:     "rolling-restart",
		Question: "The server is asked to stop (SIGTERM) under load, and restarted: is every request that it accepted answered?",
		Cells: []Cell{{
			Column: "03", World: Real, Expect: Pass, Run: restartGently,
			Checkers: []check.Checker{undisturbed, witness("drain"), check.Coverage(check.Need{OK: 150, Faults: []string{"SIGTERM"}}), check.Gap("faults", 2*time.Second), living(4)},
		}},
	}
}

// restartGently stops and restarts the server three times under load. Each
// time, requests that are half sent when the signal comes have to be answered.
// What step 03 keeps in memory is gone after each restart; that is asked
// elsewhere.
func restartGently(r *Run) error {
	const workers = 4
	each := r.scaled(60)
	var faults []Fault
	for _, at := range r.drawn(3, workers*each) {
		faults = append(faults, Fault{At: at, Node: "server", Text: "SIGTERM in the middle of requests, and restart", Do: r.restartServer})
	}
	if err := r.load("faults", workers, mixed(each, keys(4)), faults...); err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	r.openQuestions(workers)
	return nil
}

// openQuestions looks at the operations that were left unknown. A connection
// that rests may be closed at the very moment when a request is on its way
// (RFC 9112, section 9.5), and nobody can tell that from a request that was
// accepted. So each client may have one such operation for each restart, while
// that goes on, and none at any other time.
func (r *Run) openQuestions(workers int) {
	inside, outside := 0, 0
	for _, op := range r.rec.History().Ops {
		switch {
		case op.Outcome != history.Unknown:
		case slices.ContainsFunc(r.restarts, func(w window) bool { return op.Call < w.to && op.Return > w.from }):
			inside++
		default:
			outside++
		}
	}
	ok := outside == 0 && inside <= workers*len(r.restarts)
	r.expect("drain", ok, "operations left unknown: %d that met a restart on their way, %d others", inside, outside)
}

// window is a time, in nanoseconds of the run.
type window struct{ from, to int64 }

// restartServer sends halves of requests, tells the server to stop, sends the
// other halves, and wants the answers.
func (r *Run) restartServer() error {
	const requests = 5
	s := r.theServer()
	var halves []*half
	for range requests {
		h, refused, err := halfPut(r.ctx, s.addr, strings.Repeat("d", 64<<10))
		if err != nil || refused != 0 {
			return fmt.Errorf("a put before the restart: refused with %d, %w", refused, err)
		}
		halves = append(halves, h)
	}
	from := r.rec.Now()
	if err := s.server.Terminate(); err != nil {
		return err
	}
	if err := r.until("the server refuses newcomers", func() bool { return refuses(s.addr) }); err != nil {
		return err
	}
	for _, h := range halves {
		status, err := h.finish()
		r.expect("drain", err == nil && status == http.StatusNoContent, "a request that was half sent at SIGTERM got the answer %d%s", status, orNothing(err))
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	exit, err := s.server.Wait(ctx)
	r.expect("drain", err == nil && exit.Code == 0 && exit.Signal == 0, "the server %v%s", exit, orNothing(err))
	s.server.Kill()
	err = s.restart()
	r.restarts = append(r.restarts, window{from, r.rec.Now()})
	return err
}

// orNothing appends an error to a sentence, if there is one.
func orNothing(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// refuses reports whether nobody listens at addr.
func refuses(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return true
	}
	c.Close()
	return false
}

// half is a put of which half has been sent.
type half struct {
	conn net.Conn
	in   *bufio.Reader
	rest string
}

// halfPut asks for leave to send a large value (Expect: 100-continue), as a
// polite client does. If the server refuses, it returns the status of the
// refusal; if not, the server knows of the request, and half of it is sent.
func halfPut(ctx context.Context, addr, value string) (h *half, refused int, err error) {
	c, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, 0, err
	}
	c.SetDeadline(time.Now().Add(patience))
	h = &half{c, bufio.NewReader(c), value[len(value)/2:]}
	fmt.Fprintf(c, "PUT /kv/half HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", addr, len(value))
	switch status, err := h.status(); {
	case err != nil:
		c.Close()
		return nil, 0, fmt.Errorf("ask for leave to send a body: %w", err)
	case status != http.StatusContinue:
		c.Close()
		return nil, status, nil
	}
	_, err = io.WriteString(c, value[:len(value)/2])
	return h, 0, err
}

// finish sends the other half and returns the status of the answer.
func (h *half) finish() (int, error) {
	defer h.conn.Close()
	if _, err := io.WriteString(h.conn, h.rest); err != nil {
		return 0, err
	}
	return h.status()
}

// status reads an answer. A 503 has to say when to come again.
func (h *half) status() (int, error) {
	resp, err := http.ReadResponse(h.in, nil)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
		return 0, errors.New("a 503 without Retry-After")
	}
	return resp.StatusCode, resp.Body.Close()
}

func overload() Scenario {
	return Scenario{
		Name:     "overload",
		Question: "Far more clients come than the server can serve: does it stay in bounds, and recover?",
		Cells: []Cell{{
			Column: "03", World: Real, Expect: Pass, Run: flood,
			Checkers: []check.Checker{witness("bounds"), witness("goodput"), witness("shed")},
		}},
	}
}

// The server takes sixteen large bodies at a time. A client needs a while to
// send one, so sixteen clients are what it can serve, and eighty are five times
// too many. The time is the clients', not the machine's: a slow machine sees
// the same proportions.
const (
	enough     = 16
	tooMany    = 5 * enough
	floodValue = 256 << 10
	sendTime   = 100 * time.Millisecond
)

// flood measures the goodput of as many clients as can be served, of five times
// as many, and of the first number again.
//
// Goodput is counted in windows of time, and a busy machine can spoil any of
// them. A store that collapses under load does not come back in the next one:
// so half of what was served before has to be reached in one window of five,
// during the overload and after it. Nothing is forgiven of all else: no request
// may end but in success or in a 503, and memory is looked at after each window.
func flood(r *Run) error {
	length := time.Duration(r.scaled(700)) * time.Millisecond
	var all crowd
	window := func(clients int) int64 {
		c := r.crowd(clients, length)
		all = crowd{all.done + c.done, all.shed + c.shed, all.failed + c.failed}
		r.note("load", "%d clients: %d puts of 256 KiB answered, %d refused with 503, %d failed otherwise", clients, c.done, c.shed, c.failed)
		r.bound("memory", r.theServer().server, 96<<20)
		return c.done
	}
	r.rec.Phase("warm-up")
	before := window(enough)
	if before < enough {
		return fmt.Errorf("only %d puts in %v before the overload: too few to compare with", before, length)
	}
	goodput := func(clients int) {
		most := int64(0)
		for n := 0; n < 5 && 2*most < before; n++ {
			most = max(most, window(clients))
		}
		r.expect("goodput", 2*most >= before, "%d clients: %d puts in a window, before the overload it was %d; at least half is asked", clients, most, before)
	}
	r.rec.Phase("faults")
	goodput(tooMany)
	r.rec.Phase(check.Liveness)
	goodput(enough)
	r.expect("shed", all.shed > 0 && all.failed == 0, "%d requests were refused with 503 and Retry-After, %d failed in other ways", all.shed, all.failed)
	return nil
}

// crowd is what came of many clients.
type crowd struct{ done, shed, failed int64 }

// crowd lets n clients put large values for a while. Who is refused waits half
// as long as a send takes, and tries again.
func (r *Run) crowd(n int, length time.Duration) crowd {
	var done, shed, failed atomic.Int64
	end := time.Now().Add(length)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for time.Now().Before(end) && r.ctx.Err() == nil {
				switch r.slowPut() {
				case http.StatusNoContent:
					done.Add(1)
				case http.StatusServiceUnavailable:
					shed.Add(1)
					r.idle(sendTime / 2)
				default:
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	return crowd{done.Load(), shed.Load(), failed.Load()}
}

// idle lets time go by, unless the run is over.
func (r *Run) idle(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
	}
}

var large = strings.Repeat("v", floodValue)

// slowPut sends a body in two halves with a pause between, and returns the
// status of the answer, or 0 if there is none.
func (r *Run) slowPut() int {
	h, refused, err := halfPut(r.ctx, r.theServer().addr, large)
	if err != nil || refused != 0 {
		return refused
	}
	r.idle(sendTime)
	status, _ := h.finish()
	return status
}
