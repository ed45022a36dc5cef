package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/real"
)

// The scenarios of this file kill, stop and damage the nodes of a cluster.

// killNodes lets workers write while nodes are killed and brought back: the
// leader, a follower, and all of them, in some order.
func killNodes(r *Run) error {
	const workers, times = 6, 6
	c, each := r.sys.(*cluster), r.scaled(60)
	var faults []Fault
	for i, at := range r.drawn(times, workers*each) {
		follower := 2 + r.rng.IntN(nodes-1)
		who := [][]int{{1}, {follower}, {1, 2, 3}}[i%3]
		r.rng.Shuffle(len(who), func(i, j int) { who[i], who[j] = who[j], who[i] })
		faults = append(faults, Fault{At: at, Node: nodeName(who[0]), Text: fmt.Sprintf("kill -9, and restart: %s", names(who)), Do: func() error {
			for _, n := range who {
				c.node(n).server.Kill()
			}
			for _, n := range who {
				if err := c.start(n); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	if err := r.contest(workers, 3, each, keys(4), faults...); err != nil {
		return err
	}
	return r.quiet(append(keys(4), "counter")...)
}

// names says who some nodes are.
func names(who []int) string {
	var all []string
	for _, n := range who {
		all = append(all, nodeName(n))
	}
	return strings.Join(all, ", ")
}

// burnLeader takes the leader away, and its disk with it, twice. Each time the
// ways from it were slow before, so that a leader that does not wait for the
// others would be ahead of them. An operator promotes the node with the longest
// log, and a new machine with an empty disk takes the old one's place.
func burnLeader(r *Run) error {
	const workers = 4
	c, each := r.sys.(*cluster), r.scaled(60)
	var faults []Fault
	for _, at := range r.drawn(2, workers*each) {
		var mend func() error
		faults = append(faults, Fault{At: at, Text: "what the leader sends comes late", Do: func() error {
			mend = c.disturb("slow: 25 ms", c.waysFrom(c.leader), func(p *real.Proxy) { p.Delay(real.ToServer, 25*time.Millisecond) })
			return nil
		}}, Fault{At: at + 12, Text: "the leader is killed, and its directory is gone; the longest log is promoted", Do: func() error {
			return errors.Join(c.burn(), mend())
		}})
	}
	if err := r.contest(workers, 2, each, keys(60), faults...); err != nil {
		return err
	}
	return r.quiet(append(keys(60), "counter")...)
}

// burn does that once. Now and then the new machine is there first, under the old
// one's name: it has nothing, and must not lead.
func (c *cluster) burn() error {
	old := c.leader
	c.node(old).server.Kill()
	err := c.wipe(old)
	if c.r.rng.IntN(2) == 0 {
		err = errors.Join(err, c.start(old))
		c.r.idle(100 * time.Millisecond) // long enough to be followed
		return errors.Join(err, c.promote(c.longest()))
	}
	return errors.Join(err, c.promote(c.longest()), c.start(old))
}

// dropAndPromote loses the replies of the leader to writes until it has been
// killed. Its clients ask again: the same node after its restart, or another that
// has been promoted. That has to know the answers.
func dropAndPromote(r *Run) error {
	const workers = 4
	c, each := r.sys.(*cluster), r.scaled(50)
	var faults []Fault
	for i, at := range r.drawn(4, workers*each) {
		then, what := c.restart, "and restart"
		if i%2 == 1 {
			then, what = c.succeed, "and another node is promoted"
		}
		faults = append(faults, Fault{At: at, Text: "the leader's replies are lost; then kill -9, " + what, Do: func() error { return c.silenced(then) }})
	}
	if err := r.contest(workers, 2, each, keys(3), faults...); err != nil {
		return err
	}
	r.retried()
	return r.quiet(append(keys(3), "counter")...)
}

// silenced loses the replies of the leader and kills it; then says what follows.
func (c *cluster) silenced(then func() error) error {
	link := c.fronts[c.leader-1]
	before := link.Dropped()
	link.DropReply(1<<20, "PUT", "DELETE")
	ctx, cancel := context.WithTimeout(c.r.ctx, patience)
	defer cancel()
	err := link.WaitDropped(ctx, before+2)
	link.Freeze() // so that clients find nobody there for a while
	from := c.r.rec.Now()
	err = errors.Join(err, c.kill(), then())
	c.r.restarts = append(c.r.restarts, window{from, c.r.rec.Now()})
	return errors.Join(err, link.Pass())
}

// succeed promotes another node, and brings back the old leader, which has kept its
// disk.
func (c *cluster) succeed() error {
	old := c.leader
	return errors.Join(c.promote(c.longest()), c.start(old))
}

// rollNodes asks one node after the other to stop, and restarts it: first the
// followers, then the leader.
func rollNodes(r *Run) error {
	const workers = 4
	c, each := r.sys.(*cluster), r.scaled(60)
	var faults []Fault
	for i, at := range r.drawn(nodes, workers*each) {
		n, want := i+2, http.StatusTemporaryRedirect
		if i == nodes-1 {
			n, want = 1, http.StatusNoContent
		}
		faults = append(faults, Fault{At: at, Node: nodeName(n), Text: "SIGTERM in the middle of requests, and restart", Do: func() error {
			return r.restartGently(c.node(n), want, func() error { return c.start(n) })
		}})
	}
	if err := r.load("faults", workers, mixed(each, keys(4)), faults...); err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	r.openQuestions(workers)
	return r.quiet(append(keys(4), "live0", "live1", "live2")...)
}

// fullNodes lets the disk of the leader be full, and then that of a follower,
// which nobody should notice.
func fullNodes(r *Run) error {
	if err := fullDisk(r); err != nil {
		return err
	}
	c := r.sys.(*cluster)
	full := func(blocks int) func() error {
		return func() error {
			c.node(3).server.Kill()
			c.node(3).blocks = blocks
			return c.start(3)
		}
	}
	err := r.load("full follower", 3, func(w *worker) error {
		w.pad = 4 << 10
		return mixed(r.scaled(40), keys(4))(w)
	}, Fault{At: 5, Node: "n3", Text: "no file may grow beyond 500 KiB, of a follower", Do: full(1000)},
		Fault{At: 90, Node: "n3", Text: "there is room again", Do: full(0)})
	if err != nil {
		return err
	}
	return r.quiet(keys(4)...)
}

// rottenNodes damages what a follower has on its disk, a leader that restarts, and
// a leader that runs. Each has to say so, and to go no further; then it is given
// an empty disk, and gets everything from the others.
func rottenNodes(r *Run) error {
	c, old := r.sys.(*cluster), "*.journal"
	if r.cell.Column >= "06" {
		old = "*.snapshot" // which stands for what is old in the log
	}
	if err := r.load("warm-up", 2, filling(r.scaled(60))); err != nil {
		return err
	}
	err := r.load("faults", 2, filling(r.scaled(60)), Fault{
		At: 10, Node: "n3", Text: "a bit flips in the log of a follower", Do: func() error { return c.rots(3, "*.journal") },
	}, Fault{
		At: 60, Node: "n1", Text: "a bit flips on the disk of the leader", Do: func() error { return c.rots(1, old) },
	})
	if err != nil {
		return err
	}
	if err := c.rotsWhileItRuns(old); err != nil {
		return err
	}
	if err := r.alive(2); err != nil {
		return err
	}
	return r.quiet(append(keys(8), "live0", "live1", "live2")...)
}

// rots kills a node, flips a bit in a file, and sees that it refuses to start.
// Then it is replaced.
func (c *cluster) rots(i int, pattern string) error {
	n := c.node(i)
	n.server.Kill()
	name, err := n.flip(pattern)
	if err != nil {
		return err
	}
	before, err1 := os.ReadFile(name)
	log, err2 := readJournal(n.dir)
	err3 := c.r.refused("refusal", 1, "damaged", slices.Concat(n.args("127.0.0.1:0", n.dir), n.place)...)
	after, err4 := os.ReadFile(name)
	logAfter, err5 := readJournal(n.dir)
	c.r.expect("refusal", bytes.Equal(before, after) && maps.EqualFunc(log, logAfter, bytes.Equal),
		"what is damaged of n%d (%s), and its log, are as they were when the program has refused them", i, filepath.Base(name))
	return errors.Join(err1, err2, err3, err4, err5, c.replace(i))
}

// flip flips a bit in a file like pattern that a node has, and returns its name: a
// file of the log, which must not be the last, where it might pass for a torn end,
// or the latest snapshot.
func (s *oneServer) flip(pattern string) (string, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, pattern))
	if err != nil || len(names) == 0 || pattern == "*.journal" && len(names) < 2 {
		return "", fmt.Errorf("there are %d files like %s to damage%s", len(names), pattern, orNothing(err))
	}
	name := slices.Min(names)
	if pattern == "*.snapshot" {
		name = slices.Max(names)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	b[32+32+8] ^= 4
	return name, os.WriteFile(name, b, 0o644)
}

// replace gives a node that is down an empty disk, after another one has been
// promoted if it was the leader.
func (c *cluster) replace(i int) error {
	err := c.wipe(i)
	if i == c.leader {
		err = errors.Join(err, c.promote(c.longest()))
	}
	return errors.Join(err, c.start(i))
}

// rotsWhileItRuns flips a bit in what the leader has on its disk, and not in
// memory. When a follower needs that, the leader has to stop.
func (c *cluster) rotsWhileItRuns(old string) error {
	if old == "*.journal" {
		if err := c.outgrowMemory(); err != nil {
			return err
		}
	}
	bad := c.leader
	c.r.rec.Event(faultEvent(nodeName(bad), "a bit flips on the disk of the leader, while it runs; a follower with an empty disk needs that"))
	if err := c.settle(); err != nil { // it may be about to make another snapshot
		return err
	}
	if _, err := c.node(bad).flip(old); err != nil {
		return err
	}
	p := c.node(bad).server
	c.ends[p] = true
	c.node(3).server.Kill()
	if err := errors.Join(c.wipe(3), c.start(3)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.r.ctx, patience)
	defer cancel()
	exit, err := p.Wait(ctx)
	c.r.expect("refusal", err == nil && exit.Code == 1 && strings.Contains(p.Stderr(), "damaged"), "the leader that found damage on its disk %v%s", exit, orNothing(err))
	p.Kill()
	return c.replace(bad)
}

// outgrowMemory writes more than the 8 MiB of its log that a node keeps in memory.
func (c *cluster) outgrowMemory() error {
	return c.r.load("more", 2, func(w *worker) error {
		for range 18 {
			w.asks++
			w.put("k0", check.MakeValue(w.n, w.asks, 256<<10), nil)
		}
		return w.ctx.Err()
	})
}
