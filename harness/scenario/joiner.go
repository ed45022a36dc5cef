package scenario

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// The scenarios of this file are about what a long history costs a cluster.

// pen writes values without a session, as fast as a server takes them.
type pen struct {
	r    *Run
	web  *http.Client
	addr string
}

func (r *Run) pen() pen {
	return pen{r, &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, r.theServer().addr}
}

// scribble lets clients write values of so many bytes, n in all.
func (p pen) scribble(clients, n, size int, names []string) error {
	defer p.web.CloseIdleConnections()
	var g errgroup.Group
	for i := range clients {
		rec := p.r.rec.Client()
		g.Go(func() error {
			for k := i; k < n && p.r.ctx.Err() == nil; k += clients {
				op := history.Op{Kind: history.Put, Key: names[k%len(names)], Value: check.MakeValue(1000+i, k, size)}
				call := rec.Begin(op)
				call.End(p.put(op))
			}
			return p.r.ctx.Err()
		})
	}
	return g.Wait()
}

func (p pen) put(op history.Op) history.Answer {
	req, err := http.NewRequestWithContext(p.r.ctx, http.MethodPut, "http://"+p.addr+"/kv/"+op.Key, strings.NewReader(op.Value))
	if err != nil {
		return history.Answer{Outcome: history.Fail, Error: err.Error()}
	}
	resp, err := p.web.Do(req)
	if err != nil {
		return history.Answer{Outcome: history.Unknown, Error: err.Error()}
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body) // so that the connection can be used again
	return answerOf(resp.StatusCode, resp.Header.Get("ETag"))
}

// answerOf says what the answer to a put means.
func answerOf(status int, etag string) history.Answer {
	version, err := strconv.ParseUint(strings.Trim(etag, `"`), 10, 64)
	switch {
	case status == http.StatusNoContent && err == nil:
		return history.Answer{Outcome: history.OK, Status: history.Done, Version: version}
	case status >= 300:
		return history.Answer{Outcome: history.Fail, Error: http.StatusText(status)}
	}
	return history.Answer{Outcome: history.Unknown, Error: "no answer"}
}

// What is written, over and over, and what may be asked of a store that holds it.
const (
	fewKeys    = 20
	valueSize  = 400
	liveBytes  = fewKeys * (valueSize + 3)
	costBound  = 10*liveBytes + 256<<10
	entryBound = 20 * fewKeys
)

// bounded is what a cluster must pass that was written to for months.
func bounded() []check.Checker {
	return with([]check.Checker{undisturbed, check.Witness("bounds"), check.Durable, check.Versions, living(2), check.Coverage(check.Need{OK: 1000})}, replicated...)
}

// clusterForMonths writes the same few keys over and over, and then looks at the
// disks of all nodes, and at how much of its log a node reads when it starts.
func clusterForMonths(r *Run) error {
	c, n := r.sys.(*cluster), r.scaled(1500)
	r.rec.Phase("warm-up")
	if err := r.pen().scribble(8, n, valueSize, keys(fewKeys)); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	for _, node := range c.nodes {
		used, err := sizeOf(node.dir)
		if err != nil {
			return err
		}
		r.rec.Sample(node.name, "disk", float64(used))
		r.expect("bounds", used <= costBound, "after %d writes to %d keys, %s has %d KiB on its disk for %d KiB that are stored; at most 10 times as much, and 256 KiB, is asked",
			n, fewKeys, node.name, used>>10, liveBytes>>10)
	}
	r.rec.Event(faultEvent("n1", "kill -9, and restart"))
	if err := errors.Join(r.sys.kill(), r.sys.restart()); err != nil {
		return err
	}
	s, err := c.status(1)
	if err != nil {
		return err
	}
	r.expect("bounds", s.Last-s.First < entryBound, "n1 has read %d entries when it started, for %d keys; at most 20 a key are asked", s.Last-s.First+1, fewKeys)
	if err := r.alive(2); err != nil {
		return err
	}
	return r.quiet(append(keys(fewKeys), "live0", "live1", "live2")...)
}

func lateJoiner() Scenario {
	return Scenario{
		Name:     "late-joiner",
		Question: "A node comes with an empty disk, while others write: does it get there, and at what price?",
		Cells: []Cell{{
			Column: "05", World: Real, Expect: Fails, FixedBy: "06", Checker: "cost", Run: joinLate, Checkers: joining(),
			Why: "It is sent every entry that was ever written, although a few keys are all that is left of them.",
		}, {Column: "06", World: Real, Expect: Pass, Run: joinLate, Checkers: joining()}},
	}
}

// joining is what a run with a late joiner must pass.
func joining() []check.Checker {
	return with([]check.Checker{
		undisturbed, check.Witness("cost"), lin, check.Session, check.Durable, check.Versions, check.Once, living(3),
		check.Coverage(check.Need{OK: 1000, Faults: []string{"a node comes"}}),
	}, replicated...)
}

// joinLate takes a follower away before anything is written, and brings it back
// with an empty disk when there is a long history.
func joinLate(r *Run) error {
	const workers = 3
	c := r.sys.(*cluster)
	c.node(3).server.Kill()
	if err := c.wipe(3); err != nil {
		return err
	}
	r.rec.Phase("warm-up")
	if err := r.pen().scribble(8, r.scaled(1500), valueSize, keys(fewKeys)); err != nil {
		return err
	}
	err := r.load("faults", workers, reading(3, mixed(r.scaled(30), []string{"k0", "k1", "new"})),
		Fault{At: 30, Node: "n3", Text: "a node comes, with an empty disk", Do: func() error { return c.join(3) }})
	if err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	return r.quiet(append(keys(fewKeys), "new", "live0", "live1", "live2")...)
}

// reading lets every third worker read at a node, or where it can while that is
// not there, and promises it that it does not go back in time.
func reading(node int, body func(*worker) error) func(*worker) error {
	return func(w *worker) error {
		if w.n%3 == 0 {
			w.among, w.level = []int{node, 1}, "session"
		}
		return body(w)
	}
}

// join starts a node, waits until it has what the leader had then, and looks at
// what that has cost.
func (c *cluster) join(i int) error {
	way := c.ways[way{c.leader, i}]
	before, begin := way.Carried(real.ToServer), time.Now()
	goal, err := c.status(c.leader)
	if err = errors.Join(err, c.start(i)); err != nil {
		return err
	}
	err = c.r.until("the node has caught up", func() bool {
		s, err := c.status(i)
		return err == nil && s.Applied >= goal.Last
	})
	sent := way.Carried(real.ToServer) - before
	c.r.rec.Sample(nodeName(i), "sent", float64(sent))
	c.r.expect("cost", sent <= costBound, "until n%d had caught up with %d entries, in %v, it was sent %d KiB for %d KiB that are stored; at most 10 times as much, and 256 KiB, is asked",
		i, goal.Last, time.Since(begin).Round(time.Millisecond), sent>>10, liveBytes>>10)
	return err
}
