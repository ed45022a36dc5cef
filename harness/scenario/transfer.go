package scenario

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/real"
)

// The scenarios of this file are about snapshots that are sent.

func brokenTransfer() Scenario {
	const all = nodes + 1
	return Scenario{
		Name:     "broken-transfer",
		Question: "A node joins, and what it is sent is interrupted, damaged and out of date: does it come to hold the same as the others?",
		Cells: []Cell{{
			Column: "06", World: Real, Expect: Pass, Run: breakTransfer,
			Checkers: []check.Checker{
				undisturbed, check.Witness("cost"), lin, check.Session, check.Durable, check.Versions, check.Once, check.Agree(all), check.Converge(all, patience), living(3),
				check.Coverage(check.Need{OK: 200, Faults: []string{"a fourth node", "the joiner", "bits", "the transfer is cut", "the sender", "a later snapshot", "the joiner, which has caught up"}}),
			},
		}},
	}
}

// What is sent: a few MiB, over a line on which that takes its time.
const (
	largeKeys  = 80
	largeValue = 48 << 10
	thinLine   = 2_000_000 // bytes a second
)

// breakTransfer lets a fourth node join over a thin line, under load, and does to
// the transfer whatever can be done to it.
func breakTransfer(r *Run) error {
	const workers = 3
	c := r.sys.(*cluster)
	if err := c.add(4); err != nil {
		return err
	}
	r.rec.Phase("warm-up")
	if err := r.pen().scribble(4, largeKeys+8, largeValue, keys(largeKeys)); err != nil {
		return err
	}
	line := c.ways[way{1, 4}]
	line.Trickle(real.ToServer, thinLine)
	t := transfer{c: c, line: line}
	err := r.load("faults", workers, reading(4, mixed(r.scaled(40), []string{"k0", "a", "b"})),
		Fault{At: 10, Node: "n4", Text: "a fourth node joins, over a thin line", Do: c.welcome},
		Fault{At: 20, Node: "n4", Text: "the joiner is killed in the middle of the transfer, and restarts", Do: t.then(func() error {
			c.node(4).server.Kill()
			return c.start(4)
		})},
		Fault{At: 30, Node: "n4", Text: "bits are flipped on the way", Do: t.then(t.flips)},
		Fault{At: 40, Node: "n4", Text: "the transfer is cut short in the middle of a message", Do: t.then(t.breaks)},
		Fault{At: 50, Node: "n1", Text: "the sender is killed in the middle of the transfer, and restarts", Do: t.then(func() error {
			return errors.Join(r.sys.kill(), r.sys.restart())
		})},
		Fault{At: 60, Node: "n1", Text: "a later snapshot is made during the transfer", Do: t.then(t.later)},
		Fault{At: 70, Node: "n4", Text: "the line is a good one", Do: t.then(t.ends)},
		Fault{At: 80, Node: "n4", Text: "the joiner, which has caught up, is killed, and restarts", Do: func() error {
			c.node(4).server.Kill()
			return c.start(4)
		}},
	)
	if err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	return r.quiet(append(keys(largeKeys), "a", "b", "live0", "live1", "live2")...)
}

// welcome starts a fourth node, a learner, and tells the leader. Whoever sends it
// anything does so over one line.
func (c *cluster) welcome() error {
	n := c.node(4)
	n.place = append(c.place(4), "-join")
	if err := errors.Join(n.begin("127.0.0.1:0"), c.ready(4)); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"id": 4, "peer": %q}`, c.ways[way{1, 4}].Addr())
	resp, err := c.web.Post("http://"+c.node(c.leader).addr+"/members", "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("add n4: %s", resp.Status)
	}
	return nil
}

// transfer is a snapshot on its way to n4.
type transfer struct {
	c    *cluster
	line *real.Proxy
}

// then waits until the transfer has got on a little, and does something to it. A
// transfer that is over is no place for misfortunes.
func (t *transfer) then(do func() error) func() error {
	return func() error {
		first := int64(-1)
		over := false
		err := t.c.r.until("the transfer gets on", func() bool {
			s, err := t.c.status(4)
			in := s.Snapshot.Receiving
			if err == nil && first < 0 {
				first = in.Bytes
			}
			over = err == nil && s.Snapshot.Fetched > 0
			return over || err == nil && in.Bytes > first && in.Bytes > 100_000
		})
		if over {
			return errors.New("the transfer was over before everything had happened to it")
		}
		return errors.Join(err, do())
	}
}

func (t *transfer) flips() error {
	t.line.Flip(real.ToServer, 50_000)
	err := t.c.r.until("bits are flipped", func() bool { return t.line.Flipped() >= 2 })
	t.line.Flip(real.ToServer, 0)
	return err
}

func (t *transfer) breaks() error {
	t.line.BreakAfter(real.ToServer, 30_000)
	return t.c.r.until("the connection breaks", func() bool { return t.line.Broken() > 0 })
}

// later writes so much that the leader makes another snapshot.
func (t *transfer) later() error {
	before, err := t.c.status(t.c.leader)
	if err != nil {
		return err
	}
	if err := t.c.r.pen().scribble(4, largeKeys*5/4, largeValue, keys(largeKeys)); err != nil {
		return err
	}
	return t.c.r.until("there is a later snapshot", func() bool {
		s, err := t.c.status(t.c.leader)
		return err == nil && s.Snapshot.Index > before.Snapshot.Index
	})
}

// ends mends the line, waits until n4 has caught up, and looks at what it was
// sent in all: not everything again after each misfortune.
func (t *transfer) ends() error {
	t.line.Trickle(real.ToServer, 0)
	goal, err := t.c.status(t.c.leader)
	if err != nil {
		return err
	}
	err = t.c.r.until("the fourth node has caught up", func() bool {
		s, err := t.c.status(4)
		return err == nil && s.Applied >= goal.Last
	})
	const live = largeKeys * largeValue
	sent := t.line.Carried(real.ToServer)
	t.c.r.expect("cost", sent <= 5*live, "n4 was sent %d KiB for %d KiB that are stored, through all that had happened, with %d KiB that were written meanwhile; at most 5 times as much is asked",
		sent>>10, live>>10, live*5/4>>10)
	return err
}
