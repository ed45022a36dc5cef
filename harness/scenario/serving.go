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
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// The scenarios of this file look at a server under load, and while it goes.

func faultEvent(node, text string) history.Event {
	return history.Event{Kind: "fault", Node: node, Text: text}
}

func rollingRestart() Scenario {
	checkers := []check.Checker{undisturbed, check.Witness("drain"), check.Coverage(check.Need{OK: 150, Faults: []string{"SIGTERM"}}), check.Gap("faults", 2*time.Second), living(4)}
	return Scenario{
		Name:     "rolling-restart",
		Question: "The server is asked to stop (SIGTERM) under load, and restarted: is every request that it accepted answered?",
		Cells: append([]Cell{
			{Column: "03", World: Real, Expect: Pass, Run: roll, Checkers: checkers},
			{Column: "04", World: Real, Expect: Pass, Run: roll, Checkers: with(checkers, check.Durable, lin, check.Versions)},
		}, each(clustered, Cell{World: Real, Expect: Pass, Run: rollNodes, Checkers: with(checkers, append(replicated, check.Durable, lin, check.Versions)...)})...),
	}
}

// roll stops and restarts the server three times under load. Each
// time, requests that are half sent when the signal comes have to be answered.
// What step 03 keeps in memory is gone after each restart; that is asked
// elsewhere. Step 04 must have kept it.
func roll(r *Run) error {
	const workers = 4
	each := r.scaled(60)
	var faults []Fault
	for _, at := range r.drawn(3, workers*each) {
		faults = append(faults, Fault{At: at, Node: "server", Text: "SIGTERM in the middle of requests, and restart", Do: func() error {
			return r.restartGently(r.theServer(), http.StatusNoContent, r.sys.restart)
		}})
	}
	if err := r.load("faults", workers, mixed(each, keys(4)), faults...); err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	r.openQuestions(workers)
	return r.reread(append(keys(4), "live0", "live1", "live2", "half")...)
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

// restartGently sends a server halves of requests, tells it to stop, sends the
// other halves, and wants the answers.
func (r *Run) restartGently(s *oneServer, want int, restart func() error) error {
	const requests = 5
	var halves []*half
	for range requests {
		op := history.Op{Kind: history.Put, Key: "half", Value: strings.Repeat("d", 64<<10)}
		call := r.rec.Client().Begin(op)
		h, refused, err := halfPut(r.ctx, s.addr, op.Value)
		if err != nil || refused != 0 {
			return fmt.Errorf("a put before the restart: refused with %d, %w", refused, err)
		}
		h.call = call
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
		h.call.End(answerOf(status, h.etag))
		r.expect("drain", err == nil && status == want, "a request that was half sent at SIGTERM got the answer %d%s", status, orNothing(err))
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	exit, err := s.server.Wait(ctx)
	r.expect("drain", err == nil && exit.Code == 0 && exit.Signal == 0, "the server %v%s", exit, orNothing(err))
	s.server.Kill()
	err = restart()
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
	etag string        // of the answer
	call *history.Call // if it is recorded
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
	h = &half{conn: c, in: bufio.NewReader(c), rest: value[len(value)/2:]}
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
	h.etag = resp.Header.Get("ETag")
	return resp.StatusCode, resp.Body.Close()
}
