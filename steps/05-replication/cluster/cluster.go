// Package cluster answers: how does one try out several nodes on one machine?
//
// Each node is a process of its own, on 127.0.0.1, with a directory of its own,
// so that one can be killed, paused or robbed of its disk while the others go
// on. Start starts them all, and the verbs of a shell do the rest: a person is
// the operator of the cluster, and the cause of its accidents.
//
//	DIR/n1, DIR/n2, ...          the nodes' data
//	DIR/n1.log, DIR/n2.log, ...  what they print
//
// A node's standard input is a pipe whose other end only this process has. When
// this process ends, however it does, the pipe does too, and with it, because
// of -with-parent, the node. A real cluster has a supervisor on every machine,
// and a network between them that can break; here it cannot.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Config says what a cluster is. A zero means the default.
type Config struct {
	Program string               // the file of the program that is a node
	Args    func(i int) []string // further flags of node i; none
	Nodes   int                  // to begin with; 3. There are more if the directory has more: see Add
	Dir     string               // what the cluster keeps is in here
	Port    int                  // of n1 for its clients, if it is free; n2 is at the next one, and so on. Any
	Log     *slog.Logger         // told of nodes that end by themselves; slog.Default
}

// Member is a node of a cluster.
type Member struct {
	ID   int
	URL  string // for clients
	Peer string // HOST:PORT, for other nodes
}

// Name returns the name of the node, such as n1.
func (m Member) Name() string { return "n" + strconv.Itoa(m.ID) }

// Cluster is a number of nodes, each of which runs, is paused, or is down. Any
// number of goroutines may use it; what they want is done one after another.
//
// Invariants:
//   - The nodes are n1, n2, and so on, without a gap, and keep their addresses.
//   - A history is begun (-new) at most once, by n1, before any node has data.
type Cluster struct {
	config  Config
	mu      sync.Mutex
	members []*member
	closed  bool
}

// member is a node, and the process that it is or was last.
type member struct {
	Member
	process *process // nil: it was never started
}

// errClash says that somebody else has taken a port that was free.
var errClash = errors.New("has lost its port")

// Start starts the nodes, and returns when all of them listen. If ctx ends
// before, none is left.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	c := &Cluster{config: config}
	c.config.Nodes = cmp.Or(c.config.Nodes, 3)
	if c.config.Args == nil {
		c.config.Args = func(int) []string { return nil }
	}
	c.config.Log = cmp.Or(c.config.Log, slog.Default())
	count, fresh, err := c.found()
	for attempt := 1; err == nil; attempt++ {
		if err = c.startAll(ctx, count, fresh); err == nil {
			return c, nil
		}
		err = errors.Join(err, c.undo(fresh))
		if errors.Is(err, errClash) && attempt < 5 {
			// All nodes are told where the others are, so all begin again.
			c.config.Port, err = 0, nil
		}
	}
	return nil, fmt.Errorf("cluster in %s: %w", config.Dir, err)
}

// found looks at what the directory holds, and returns how many nodes there are
// to be, and whether none has any data.
func (c *Cluster) found() (count int, fresh bool, err error) {
	if err := os.MkdirAll(c.config.Dir, 0o700); err != nil {
		return 0, false, err
	}
	entries, err := os.ReadDir(c.config.Dir)
	if err != nil {
		return 0, false, err
	}
	count, fresh = c.config.Nodes, true
	for _, e := range entries {
		i, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "n"))
		if err != nil || !e.IsDir() {
			continue
		}
		count, fresh = max(count, i), false
	}
	return count, fresh, nil
}

func (c *Cluster) startAll(ctx context.Context, count int, fresh bool) error {
	clients, err := ports(c.config.Port, count)
	if err != nil {
		return err
	}
	peers, err := ports(0, count, clients...)
	if err != nil {
		return err
	}
	for i := range count {
		c.members = append(c.members, &member{Member: memberAt(i+1, clients[i], peers[i])})
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, m := range c.members {
		all.Go(func() error {
			if err := c.start(ctx, m, fresh && m.ID == 1); err != nil {
				return fmt.Errorf("%s %w", m.Name(), err)
			}
			return nil
		})
	}
	return all.Wait()
}

// undo takes back what startAll did. A history that was begun has no reader yet.
func (c *Cluster) undo(fresh bool) (err error) {
	err = c.endAll()
	for _, m := range c.members {
		if fresh {
			err = errors.Join(err, os.RemoveAll(c.dir(m.ID)))
		}
	}
	c.members = nil
	return err
}

func memberAt(id, clients, peers int) Member {
	return Member{ID: id, URL: "http://" + local(clients), Peer: local(peers)}
}

func (c *Cluster) dir(id int) string { return filepath.Join(c.config.Dir, "n"+strconv.Itoa(id)) }

func (c *Cluster) log(id int) string { return c.dir(id) + ".log" }

// args returns the arguments that make a process the node m. With first, it
// begins a new history. The disks of those that are in -peers are counted, so
// there is nobody that was added.
func (c *Cluster) args(m Member, first bool) []string {
	var table []string
	for _, other := range c.members {
		if other.ID <= c.config.Nodes || other.ID == m.ID {
			table = append(table, fmt.Sprintf("%d=%s", other.ID, other.Peer))
		}
	}
	args := []string{
		"-serve", "-id", strconv.Itoa(m.ID), "-dir", c.dir(m.ID),
		"-listen", strings.TrimPrefix(m.URL, "http://"), "-advertise", m.URL,
		"-peer-listen", m.Peer, "-peers", strings.Join(table, ","), "-with-parent",
	}
	if first {
		args = append(args, "-new")
	}
	return append(args, c.config.Args(m.ID)...)
}

// start starts the process of m, and waits until it listens.
func (c *Cluster) start(ctx context.Context, m *member, first bool) error {
	p, err := launch(c.config.Program, c.args(m.Member, first), c.log(m.ID))
	if err != nil {
		return fmt.Errorf("cannot be started: %w", err)
	}
	m.process = p
	if err := p.awaitListening(ctx); err != nil {
		err = errors.Join(err, p.kill())
		if !free(m.URL) || !free(m.Peer) {
			return fmt.Errorf("%w: it %w", errClash, err)
		}
		return err
	}
	go func() {
		if text := p.wait(); text != "" {
			c.config.Log.Warn("a node has ended by itself", "node", m.Name(), "how", text, "log", c.log(m.ID))
		}
	}()
	return nil
}

// Members returns the nodes, whether they run or not.
func (c *Cluster) Members() (all []Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		all = append(all, m.Member)
	}
	return all
}

// URLs returns where clients reach the nodes.
func (c *Cluster) URLs() (urls []string) {
	for _, m := range c.Members() {
		urls = append(urls, m.URL)
	}
	return urls
}

// Add starts one node more, with an empty disk. It knows those that the cluster
// began with. That they hear of it is the caller's affair, and again if a cluster
// is started in which there is one: it has another address then.
func (c *Cluster) Add(ctx context.Context) (Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return Member{}, errClosed
	}
	found, err := ports(0, 2)
	if err != nil {
		return Member{}, err
	}
	m := &member{Member: memberAt(len(c.members)+1, found[0], found[1])}
	c.members = append(c.members, m)
	if err := c.start(ctx, m, false); err != nil {
		c.members = c.members[:len(c.members)-1]
		return Member{}, fmt.Errorf("%s %w", m.Name(), err)
	}
	return m.Member, nil
}

// Close ends all nodes: with SIGTERM or, if that takes too long, with SIGKILL.
func (c *Cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.endAll()
}

func (c *Cluster) endAll() error {
	var all errgroup.Group
	for _, m := range c.members {
		if m.process != nil {
			all.Go(m.process.stop)
		}
	}
	return all.Wait()
}
