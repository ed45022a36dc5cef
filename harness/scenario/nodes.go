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

	"zeyrho/harness/check"
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

// burnLeader takes the leader away, and its disk with it, twice. Each time an
// operator promotes the node with the longest log, and a new machine with an
// empty disk takes the old one's place.
func burnLeader(r *Run) error {
	const workers = 4
	c, each := r.sys.(*cluster), r.scaled(60)
	var faults []Fault
	for _, at := range r.drawn(2, workers*each) {
		faults = append(faults, Fault{At: at, Text: "the leader is killed, and its directory is gone; the longest log is promoted", Do: c.burn})
	}
	if err := r.contest(workers, 2, each, keys(60), faults...); err != nil {
		return err
	}
	return r.quiet(append(keys(60), "counter")...)
}

func (c *cluster) burn() error {
	old := c.leader
	c.node(old).server.Kill()
	if err := errors.Join(c.wipe(old), c.promote(c.longest())); err != nil {
		return err
	}
	return c.start(old)
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

// rottenNodes damages the log of a follower, of a leader that restarts, and of a
// leader that runs. Each has to say so, and to go no further; then it is given an
// empty disk, and gets everything from the others.
func rottenNodes(r *Run) error {
	c := r.sys.(*cluster)
	if err := r.load("warm-up", 2, filling(r.scaled(60))); err != nil {
		return err
	}
	err := r.load("faults", 2, filling(r.scaled(60)), Fault{
		At: 10, Node: "n3", Text: "a bit flips in the log of a follower", Do: func() error { return c.rots(3) },
	}, Fault{
		At: 60, Node: "n1", Text: "a bit flips in the log of the leader", Do: func() error { return c.rots(1) },
	})
	if err != nil {
		return err
	}
	if err := c.rotsWhileItRuns(); err != nil {
		return err
	}
	if err := r.alive(2); err != nil {
		return err
	}
	return r.quiet(keys(8)...)
}

// rots kills a node, flips a bit in its oldest file, and sees that it refuses to
// start. Then it is replaced.
func (c *cluster) rots(i int) error {
	n := c.node(i)
	n.server.Kill()
	before, err := n.flip()
	if err != nil {
		return err
	}
	err = c.r.refused("refusal", 1, "damaged", slices.Concat(n.args("127.0.0.1:0", n.dir), n.place)...)
	after, errRead := readJournal(n.dir)
	c.r.expect("refusal", maps.EqualFunc(before, after, bytes.Equal), "the damaged journal of n%d is as it was when the program has refused it", i)
	return errors.Join(err, errRead, c.replace(i))
}

// flip flips a bit in the oldest file of a node's journal, and returns all files
// as they are then.
func (s *oneServer) flip() (journal, error) {
	j, err := readJournal(s.dir)
	if err != nil || len(j) < 3 {
		return nil, fmt.Errorf("there are %d files to damage%s", len(j), orNothing(err))
	}
	j[j.name(0)][32+32+8] ^= 4
	return j, os.WriteFile(filepath.Join(s.dir, j.name(0)), j[j.name(0)], 0o644)
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

// rotsWhileItRuns flips a bit in the log of the leader, which has more of it than
// it keeps in memory. When a follower needs what is there, it has to stop.
func (c *cluster) rotsWhileItRuns() error {
	const enough = 40 // times 256 KiB; it keeps 8 MiB
	err := c.r.load("more", 2, func(w *worker) error {
		for range enough / 2 {
			w.asks++
			w.put("k0", check.MakeValue(w.n, w.asks, 256<<10), nil)
		}
		return w.ctx.Err()
	})
	if err != nil {
		return err
	}
	bad := c.leader
	c.r.rec.Event(faultEvent(nodeName(bad), "a bit flips in the log of the leader, while it runs; a follower with an empty disk needs it"))
	if _, err := c.node(bad).flip(); err != nil {
		return err
	}
	c.ends[c.node(bad).server] = true
	c.node(3).server.Kill()
	if err := errors.Join(c.wipe(3), c.start(3)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.r.ctx, patience)
	defer cancel()
	p := c.node(bad).server
	exit, err := p.Wait(ctx)
	c.r.expect("refusal", err == nil && exit.Code == 1 && strings.Contains(p.Stderr(), "damaged"), "the leader that found damage in its log %v%s", exit, orNothing(err))
	p.Kill()
	return c.replace(bad)
}
