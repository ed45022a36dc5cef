// Package script answers: how does one write down a conversation between nodes, so
// that a reader can follow it and a test can check it?
//
// A World is a few nodes, the messages between them and a clock that stands still,
// all in one goroutine: nothing arrives and no time passes unless somebody says
// so. It writes down what happens, in words. A script is a file of commands with
// what comes of each below it: see Run. Tests that need more than that, loops or
// chance, drive a World themselves.
//
// It is here for the tests of this step and of those after it, and is in no
// program. A step says how it opens a node, and adds verbs of its own.
package script

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
)

// Recipe is how a step opens a node, and what there is to say of it. Only Open
// must be there.
type Recipe struct {
	// Open opens the node of a member, with the member as its Env. The first of all
	// begins a new history.
	Open func(m *Member, first bool) (*Node, error)
	// Describe puts a message into words that package replication does not know.
	Describe func(node.Message) string
	// Changed says, after a turn, what has become of the member besides its log.
	Changed func(*Member)
	// Status adds a line to those of the verb "status".
	Status func(*Member) string
	// Verbs are more of them.
	Verbs map[string]func(Line, *Member) error
}

// Node is a node that was opened.
type Node struct {
	*node.Node
	Replication *replication.Replication
	Promote     func() error
}

// World is a few nodes, and all that is between them.
type World struct {
	Members  []*Member // n1 is the first
	InFlight []node.Message
	Cuts     [][2]node.ID // links that lose everything; a zero is any node
	Now      time.Duration
	Replies  []node.Reply
	Text     strings.Builder // what has happened

	Asked []Asked // by the ID of the input, less one

	recipe   Recipe
	sessions map[string]uint64 // by their name in a script: the input that has opened them
}

// Member is a node, and what it has of the world. It is the node's Env.
type Member struct {
	ID     node.ID
	Random *rand.Rand
	World  *World
	Disk   *Memory
	Node   *Node // nil: it is down
	Failed error // what has ended the node
	Hold   bool  // work that it starts is put into Work
	Work   []Work

	ended []node.Input // work that has ended
	shown node.Figures
	last  node.Position // of the log, when it was shown
}

// Work is what a node has started to be done elsewhere: see node.Env.
type Work struct{ Do, Done func() }

// Asked is what a client wants.
type Asked struct {
	What string
	Read bool
}

// New returns a world of n nodes that have not been started.
func New(n int, r Recipe) *World {
	w := &World{Now: time.Second, recipe: r, sessions: map[string]uint64{}}
	for range n {
		w.Add()
	}
	return w
}

// Add adds a node that has not been started.
func (w *World) Add() *Member {
	i := len(w.Members)
	m := &Member{ID: node.ID(i + 1), World: w, Disk: NewMemory(), Random: rand.New(rand.NewPCG(uint64(i), 5))}
	w.Members = append(w.Members, m)
	return m
}

// Now implements node.Env.
func (m *Member) Now() time.Duration { return m.World.Now }

// Rand implements node.Env.
func (m *Member) Rand() uint64 { return m.Random.Uint64() }

// Start implements node.Env. The work is done at once, unless it is held.
func (m *Member) Start(work, done func()) {
	if m.Hold {
		m.Work = append(m.Work, Work{work, done})
		return
	}
	work()
	m.ended = append(m.ended, node.Done(done))
}

// Figures returns those of the replica.
func (m *Member) Figures() node.Figures { return m.Node.Replica().Figures() }

// Log returns the log.
func (m *Member) Log() *node.Log { return m.Node.Replica().Log() }

// Epoch returns what the node knows of who leads.
func (m *Member) Epoch() (e node.Epoch, leads bool) { return m.Node.Replica().Epoch() }

// Others returns all nodes but this one.
func (m *Member) Others() (ids []node.ID) {
	for _, other := range m.World.Members {
		if other != m {
			ids = append(ids, other.ID)
		}
	}
	return ids
}

// StartAll starts the nodes, the first with a new history.
func (w *World) StartAll() error {
	var err error
	for i, m := range w.Members {
		err = errors.Join(err, w.Start(m, i == 0))
	}
	return err
}

// Start starts a node.
func (w *World) Start(m *Member, first bool) (err error) {
	m.ended, m.Work, m.shown, m.last, m.Failed = nil, nil, node.Figures{}, node.Position{}, nil
	if m.Node, err = w.recipe.Open(m, first); err == nil {
		w.Turn(m)
	}
	return err
}

// Stop ends the process of a node. The fate says what is left on its disk.
func (w *World) Stop(m *Member, f Fate) { m.Node, m.Disk = nil, m.Disk.After(f) }

// Turn is a whole turn, and another one if work has ended meanwhile.
func (w *World) Turn(m *Member, in ...node.Input) {
	for {
		w.Handle(m, in...)
		w.Sync(m)
		if in, m.ended = m.ended, nil; len(in) == 0 || m.Node == nil {
			return
		}
	}
}

// Handle is the first half of a turn.
func (w *World) Handle(m *Member, in ...node.Input) { m.Node.Handle(in) }

// Sync is the second half of a turn.
func (w *World) Sync(m *Member) {
	out, err := m.Node.Synced(m.Node.Sync())
	if err != nil {
		w.Say("%v: has come to its end: %v", m.ID, err)
		m.Node, m.Failed = nil, err
		return
	}
	w.changes(m)
	for _, msg := range out.Messages {
		w.send(msg)
	}
	for _, r := range out.Replies {
		w.reply(m, r)
	}
}

// End does work that is held, or lets it have been done before, and tells its
// node.
func (w *World) End(m *Member, work Work) {
	if work.Do != nil {
		work.Do()
	}
	w.Turn(m, node.Done(work.Done))
}

func (w *World) send(m node.Message) {
	if slices.ContainsFunc(w.Cuts, func(c [2]node.ID) bool {
		return (c[0] == m.From || c[0] == m.To) && (c[1] == 0 || c[1] == m.From || c[1] == m.To)
	}) {
		w.Say("%v → %v: %s (lost)", m.From, m.To, w.describe(m))
		return
	}
	w.Say("%v → %v: %s", m.From, m.To, w.describe(m))
	w.InFlight = append(w.InFlight, m)
}

// Take takes a message off the network: the oldest from one node to another, or
// the latest. If there is none, ok is false.
func (w *World) Take(from, to node.ID, latest bool) (m node.Message, ok bool) {
	at := -1
	for i, m := range w.InFlight {
		if m.From == from && m.To == to && (at < 0 || latest) {
			at = i
		}
	}
	if at < 0 {
		return m, false
	}
	m = w.InFlight[at]
	w.InFlight = slices.Delete(w.InFlight, at, at+1)
	return m, true
}

// Arrive lets messages arrive, all of which are for the same node.
func (w *World) Arrive(messages ...node.Message) {
	to := w.Members[messages[0].To-1]
	if to.Node == nil {
		w.Say("%v is down, and the message is lost", to.ID)
		return
	}
	var in []node.Input
	for _, m := range messages {
		in = append(in, m)
	}
	w.Turn(to, in...)
}

// Stabilize delivers messages in the order in which they were sent until there
// are none, and returns how many.
func (w *World) Stabilize() (n int) {
	for ; len(w.InFlight) > 0; n++ {
		m := w.InFlight[0]
		w.InFlight = w.InFlight[1:]
		w.Arrive(m)
		if n > 100_000 {
			panic("messages without an end: " + w.describe(m))
		}
	}
	return n
}

// Pass lets time pass; who wanted to be woken is.
func (w *World) Pass(d time.Duration) {
	w.Now += d
	for _, m := range w.Members {
		if m.Node != nil && m.Node.Wake() <= w.Now {
			w.Turn(m)
		}
	}
}

// Settle lets messages arrive and signs of life pass, until there is no news.
func (w *World) Settle() {
	for range 3 {
		w.Stabilize()
		w.Pass(50 * time.Millisecond)
	}
	w.Stabilize()
}

// ask returns the ID of a new input.
func (w *World) ask(what string, read bool) uint64 {
	w.Asked = append(w.Asked, Asked{what, read})
	return uint64(len(w.Asked))
}

// Write makes the input of a write.
func (w *World) Write(r machine.Request) node.Write {
	return node.Write{ID: w.ask(r.String(), false), Request: r}
}

// Call makes the input of what an operator does.
func (w *World) Call(what string, f func() error) node.Call {
	return node.Call{ID: w.ask(what, false), Run: f}
}

// Promote makes the input that promotes a node.
func (w *World) Promote(m *Member) node.Call { return w.Call("promote", m.Node.Promote) }

// Read asks a node, at once or, if it has to wait, with an input.
func (w *World) Read(m *Member, q node.Query) {
	r, ok := m.Node.Read(q)
	r.ID = w.ask(fmt.Sprintf("read %q", q.Key), true)
	if ok {
		w.reply(m, r)
		return
	}
	w.Say("%v: %s: waits", m.ID, w.Asked[r.ID-1].What)
	w.Turn(m, node.Read{ID: r.ID, Query: q})
}

// Put lets a node be asked to write.
func (w *World) Put(m *Member, key, value string) {
	w.Turn(m, w.Write(machine.Request{Command: kv.Put(key, []byte(value))}))
}
