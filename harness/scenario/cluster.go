package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// cluster is a step from 05 on: several nodes. Every way from one to another
// leads through a proxy of its own, so that each can be broken by itself. So
// does the way from clients to each node: it is what the node advertises, and a
// client that is sent from one node to another stays among proxies.
//
// Nodes go by their numbers, from 1. They are started and stopped by one
// goroutine at a time, that which carries out faults or that of the run.
type cluster struct {
	r      *Run
	nodes  []*oneServer
	fronts []*real.Proxy
	ways   map[way]*real.Proxy
	leader int                    // who was last made the leader
	ends   map[*real.Process]bool // nodes that have reason to end by themselves
	web    *http.Client
}

// way is that of messages from one node to another.
type way struct{ from, to int }

// nodes is how many nodes a cluster has.
const nodes = 3

func newCluster(r *Run) *cluster {
	return &cluster{r: r, ways: map[way]*real.Proxy{}, leader: 1, ends: map[*real.Process]bool{}, web: &http.Client{Timeout: time.Second}}
}

func nodeName(i int) string { return fmt.Sprintf("n%d", i) }

func (c *cluster) node(i int) *oneServer { return c.nodes[i-1] }

// open starts the nodes, the first of them as the leader, and waits until they
// know each other.
func (c *cluster) open() error {
	for i := 1; i <= nodes; i++ {
		if err := c.add(i); err != nil {
			return err
		}
	}
	for i, n := range c.nodes {
		n.place = c.place(i + 1)
		var first []string
		if i == 0 {
			first = []string{"-new"}
		}
		if err := n.begin("127.0.0.1:0", first...); err != nil {
			return err
		}
	}
	for i := range c.nodes {
		if err := c.ready(i + 1); err != nil {
			return err
		}
	}
	return c.settle()
}

// add makes room for a node, and the ways to it and from it.
func (c *cluster) add(i int) error {
	front, err := c.r.world.Proxy("")
	for other := 1; other < i && err == nil; other++ {
		if c.ways[way{i, other}], err = c.r.world.Proxy(c.node(other).peers); err == nil {
			c.ways[way{other, i}], err = c.r.world.Proxy("")
		}
	}
	c.fronts = append(c.fronts, front)
	c.nodes = append(c.nodes, &oneServer{
		r: c.r, name: nodeName(i), dir: filepath.Join(c.r.dir, nodeName(i)),
		flags: slices.Concat([]string{"-id", fmt.Sprint(i), "-peer-listen", "127.0.0.1:0"}, c.eager(), c.r.cell.Flags),
	})
	return err
}

// eager lets nodes of step 06 make snapshots, and cut their logs, so often that
// it happens in a run. What the cell says has the last word.
func (c *cluster) eager() []string {
	if c.r.cell.Column < "06" || c.r.cell.Lazy {
		return nil
	}
	return []string{"-snapshot-every", "8192", "-keep", "20", "-segment", "4096"}
}

// place returns the flags that say what the place of node i in the cluster is.
func (c *cluster) place(i int) []string {
	var peers []string
	for other := 1; other <= nodes; other++ {
		if other != i {
			peers = append(peers, fmt.Sprintf("%d=%s", other, c.ways[way{i, other}].Addr()))
		}
	}
	place := []string{"-advertise", c.fronts[i-1].URL(), "-peers", strings.Join(peers, ",")}
	if c.r.cell.Acks != "" {
		place = append(place, "-acks", c.r.cell.Acks)
	}
	return place
}

// ready waits until a node listens, and leads the ways to it there.
func (c *cluster) ready(i int) error {
	n := c.node(i)
	if err := n.ready(); err != nil {
		return err
	}
	err := c.fronts[i-1].SetBackend(n.addr)
	for w, p := range c.ways {
		if w.to == i {
			err = errors.Join(err, p.SetBackend(n.peers))
		}
	}
	return err
}

// spec lets a worker know all nodes, another one first each, or those that it is
// to know.
func (c *cluster) spec(w *worker) (real.Spec, error) {
	if c.r.cell.Links && w.among == nil {
		return c.node(c.leader).spec(w)
	}
	var urls []string
	for _, i := range w.among {
		urls = append(urls, c.fronts[i-1].URL())
	}
	for i := range nodes {
		if w.among == nil {
			urls = append(urls, c.fronts[(w.n+i)%nodes].URL())
		}
	}
	var more []string
	if w.level != "" {
		more = []string{"-read", w.level}
	}
	return c.r.shell(w, strings.Join(urls, ","), more...), nil
}

// kill ends the leader.
func (c *cluster) kill() error { c.node(c.leader).server.Kill(); return nil }

// restart brings it back, as the leader.
func (c *cluster) restart() error { return c.start(c.leader) }

// start starts a node again, with what is left on its disk.
func (c *cluster) start(i int) error {
	n := c.node(i)
	if err := n.begin(n.addr); err != nil {
		return err
	}
	return c.ready(i)
}

// wipe takes the disk of a node away, which must be down.
func (c *cluster) wipe(i int) error { return os.RemoveAll(c.node(i).dir) }

// unasked says whether p is a node that had no reason to end.
func (c *cluster) unasked(p *real.Process) bool {
	return !c.ends[p] && slices.ContainsFunc(c.nodes, func(n *oneServer) bool { return n.name == p.Name })
}

// promote is what an operator does: it makes a node the leader.
func (c *cluster) promote(i int) error {
	resp, err := c.web.Post("http://"+c.node(i).addr+"/promote", "", nil)
	if err != nil {
		return fmt.Errorf("promote n%d: %w", i, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("promote n%d: %s %s%s", i, resp.Status, body, orNothing(err))
	}
	c.leader = i
	c.r.note(nodeName(i), "an operator promotes it: %s", strings.TrimSpace(string(body)))
	return nil
}

// standing is what a node says of itself.
type standing struct {
	Role, Epoch, Leader, Alarm              string
	First, Last, Synced, Committed, Applied uint64
	Snapshot                                struct {
		Index     uint64
		Fetched   int
		Receiving struct{ Bytes, Size int64 }
	}
}

func (c *cluster) status(i int) (s standing, err error) {
	resp, err := c.web.Get("http://" + c.node(i).addr + "/status")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// longest returns the node with the longest log, of those that answer; but not
// the leader, who is to be replaced.
func (c *cluster) longest() (best int) {
	most := uint64(0)
	for i := 1; i <= len(c.nodes); i++ {
		if i == c.leader {
			continue
		}
		if s, err := c.status(i); err == nil && s.Last > most {
			best, most = i, s.Last
		}
	}
	return best
}

// disturb does something to ways, and returns what mends them.
func (c *cluster) disturb(what string, ways []way, do func(*real.Proxy)) (mend func() error) {
	var over []func()
	for _, w := range ways {
		over = append(over, c.r.rec.Lasting(history.Event{Kind: "fault", Node: nodeName(w.from), To: nodeName(w.to), Text: what}))
		do(c.ways[w])
	}
	return func() (err error) {
		for i, w := range ways {
			err = errors.Join(err, c.ways[w].Pass())
			over[i]()
		}
		return err
	}
}

// waysFrom returns the ways from a node to each other one.
func (c *cluster) waysFrom(i int) (all []way) {
	for other := 1; other <= len(c.nodes); other++ {
		if other != i {
			all = append(all, way{i, other})
		}
	}
	return all
}

// freeze lets nothing arrive.
func freeze(p *real.Proxy) { p.Freeze() }

// settle waits until all nodes that run hold the same, but not for ever. How far
// they get is noted; Converge judges it.
func (c *cluster) settle() error {
	noted := map[int]history.Event{}
	for end := time.Now().Add(patience); time.Now().Before(end) && c.r.ctx.Err() == nil; c.r.idle(5 * time.Millisecond) {
		if c.settled(noted) {
			return nil
		}
	}
	return c.r.ctx.Err()
}

// settled looks at all nodes, once, and notes what is new since it was noted.
func (c *cluster) settled(noted map[int]history.Event) bool {
	all := map[standing]bool{}
	for i, n := range c.nodes {
		if n.server.Ended() {
			continue
		}
		s, err := c.status(i + 1)
		if err != nil {
			all[standing{}] = true
			continue
		}
		e := s.event(i + 1)
		if old := noted[i]; old.Positions == nil || *e.Positions != *old.Positions || e.Epoch != old.Epoch || e.Role != old.Role {
			c.r.rec.Event(e)
			noted[i] = e
		}
		all[standing{Last: s.Last, Epoch: s.Epoch}] = true
		if s.Last != s.Synced || s.Last != s.Committed || s.Last != s.Applied || s.Role == "starting" {
			all[standing{}] = true
		}
	}
	return len(all) == 1 && !all[standing{}]
}

func (s standing) event(i int) history.Event {
	return history.Event{
		Kind: history.Position, Node: nodeName(i), Role: s.Role, Epoch: s.Epoch,
		Positions: &history.Positions{Written: s.Last, Synced: s.Synced, Committed: s.Committed, Applied: s.Applied},
	}
}
