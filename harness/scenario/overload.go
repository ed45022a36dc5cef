package scenario

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zeyrho/harness/check"
)

func overload() Scenario {
	checkers := []check.Checker{check.Witness("bounds"), check.Witness("goodput"), check.Witness("shed")}
	return Scenario{
		Name:     "overload",
		Question: "Far more clients come than the server can serve: does it stay in bounds, and recover?",
		Cells: append([]Cell{
			{Column: "03", World: Real, Expect: Pass, Run: flood, Checkers: checkers},
			{
				Column: "04", World: Real, Expect: Pass, Run: floodQueue, Flags: []string{"-batch", "1", "-queue-bytes", "4096", "-inflight", "400"},
				Checkers: with(checkers, check.Witness("abandoned"), check.Witness("late")),
			},
			{
				Column: "04", World: Sim, Expect: Pass, Run: func(r *Run) error { return r.look("overload", "-drawn") },
				Checkers: []check.Checker{check.Witness("bounds"), check.Witness("abandoned"), check.Witness("late"), check.Witness("order"), check.Witness("goodput"), check.Witness("recovery")},
			},
		}, each(clustered, Cell{World: Real, Expect: Pass, Run: floodCluster, Checkers: with(checkers, replicated...)})...),
	}
}

// demand is who comes to a server, and what they put.
type demand struct {
	few    int           // clients, as many as the server can serve
	put    func() int    // the status of the answer, or 0 if there was none
	pause  time.Duration // of a client that was refused
	memory int64         // bytes that the server may use
	what   string        // is put
}

// The server takes sixteen large bodies at a time. A client needs a while to
// send one, so sixteen clients are what it can serve, and eighty are five times
// too many. The time is the clients', not the machine's: a slow machine sees
// the same proportions.
const (
	enough     = 16
	floodValue = 256 << 10
	sendTime   = 100 * time.Millisecond
)

// flood asks for more transfers than there is room for.
func flood(r *Run) error {
	return r.flood(demand{few: enough, put: r.slowPut, pause: sendTime / 2, memory: 96 << 20, what: "puts of 256 KiB"})
}

// floodCluster does that while a follower stands still. The leader neither waits for
// it nor keeps for it whatever it misses.
func floodCluster(r *Run) error {
	c := r.sys.(*cluster)
	r.rec.Event(faultEvent("n3", "a follower stands still (SIGSTOP)"))
	err := c.node(3).server.Stop()
	err = errors.Join(err, flood(r), c.node(3).server.Continue())
	return errors.Join(err, r.compare())
}

// floodQueue asks for more writes than the disk can take. The server is told to
// sync each of them by itself, and to let only a few wait: so that three clients
// are what it can serve on any disk, and fifteen are too many. So few cannot fill
// its memory: how much the queue holds is judged by the looks, and in the
// simulation.
func floodQueue(r *Run) error {
	if err := r.look("held", "-what", "overload"); err != nil {
		return err
	}
	c := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer c.CloseIdleConnections()
	return r.flood(demand{few: 3, put: func() int { return r.quickPut(c) }, pause: 5 * time.Millisecond, memory: 96 << 20, what: "puts of 512 bytes"})
}

// flood measures the goodput of as many clients as can be served, of five times
// as many, and of the first number again.
//
// Goodput is counted in windows of time, and a busy machine can spoil any of
// them. A store that collapses under load does not come back in the next one:
// so half of what was served before has to be reached in one window of five,
// during the overload and after it. Nothing is forgiven of all else: no request
// may end but in success or in a 503, and memory is looked at after each window.
func (r *Run) flood(d demand) error {
	length := time.Duration(r.scaled(700)) * time.Millisecond
	var all crowd
	window := func(clients int) int64 {
		c := r.crowd(clients, length, d)
		all = crowd{all.done + c.done, all.shed + c.shed, all.failed + c.failed}
		r.note("load", "%d clients: %d %s answered, %d refused with 503, %d failed otherwise", clients, c.done, d.what, c.shed, c.failed)
		r.bound("memory", r.theServer().server, d.memory)
		return c.done
	}
	r.rec.Phase("warm-up")
	before := window(d.few)
	if before < int64(d.few) {
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
	goodput(5 * d.few)
	r.rec.Phase(check.Liveness)
	goodput(d.few)
	r.expect("shed", all.shed > 0 && all.failed == 0, "%d requests were refused with 503 and Retry-After, %d failed in other ways", all.shed, all.failed)
	return nil
}

// crowd is what came of many clients.
type crowd struct{ done, shed, failed int64 }

// crowd lets n clients put values for a while. Who is refused waits, and tries
// again.
func (r *Run) crowd(n int, length time.Duration, d demand) crowd {
	var done, shed, failed atomic.Int64
	end := time.Now().Add(length)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for time.Now().Before(end) && r.ctx.Err() == nil {
				switch d.put() {
				case http.StatusNoContent:
					done.Add(1)
				case http.StatusServiceUnavailable:
					shed.Add(1)
					r.idle(d.pause)
				default:
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	return crowd{done.Load(), shed.Load(), failed.Load()}
}

// quickPut puts a small value, and returns the status of the answer. A 503 has
// to say when to come again.
func (r *Run) quickPut(c *http.Client) int {
	req, err := http.NewRequestWithContext(r.ctx, http.MethodPut, "http://"+r.theServer().addr+"/kv/small", strings.NewReader(small))
	if err != nil {
		return 0
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body) // so that the connection can be used again
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
		return 0
	}
	return resp.StatusCode
}

// idle lets time go by, unless the run is over.
func (r *Run) idle(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
	}
}

var (
	large = strings.Repeat("v", floodValue)
	small = large[:512]
)

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
