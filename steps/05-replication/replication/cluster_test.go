package replication_test

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
	"zeyrho/steps/05-replication/store"
)

// cluster is a few nodes, the messages between them, and a clock that stands
// still. It writes down what happens, for a reader.
type cluster struct {
	config   store.Config // of all; see start for what differs
	members  []*member    // n1 is the first
	inFlight []node.Message
	cuts     [][2]node.ID // links that lose everything; a zero is any node
	now      time.Duration
	asked    []asked // by the ID of the input, less one
	replies  []node.Reply
	text     strings.Builder
}

// member is a node, and what it has of the world.
type member struct {
	id     node.ID
	disk   *memory
	node   *store.Node // nil: it is down
	rand   *rand.Rand
	now    func() time.Duration
	ended  []node.Input // work that has ended
	later  func(work, done func())
	shown  node.Figures
	last   node.Position // of the log, when it was shown
	failed error         // what has ended the node
}

// asked is what a client wants.
type asked struct {
	what string
	read bool
}

// Start lets work end at once, unless it is to end later.
func (m *member) Start(work, done func()) {
	if m.later != nil {
		m.later(work, done)
		return
	}
	work()
	m.ended = append(m.ended, node.Done(done))
}

func (m *member) Now() time.Duration        { return m.now() }
func (m *member) Rand() uint64              { return m.rand.Uint64() }
func (m *member) figures() node.Figures     { return m.node.Replica().Figures() }
func (m *member) log() *node.Log            { return m.node.Replica().Log() }
func (m *member) epoch() (node.Epoch, bool) { return m.node.Replica().Epoch() }

// newCluster returns n nodes that have not been started.
func newCluster(n int, c store.Config) *cluster {
	w := &cluster{config: c, now: time.Second}
	for i := range n {
		w.members = append(w.members, &member{
			id: node.ID(i + 1), disk: newMemory(), rand: rand.New(rand.NewPCG(uint64(i), 5)),
			now: func() time.Duration { return w.now },
		})
	}
	return w
}

// startAll starts the nodes, the first with a new history.
func (w *cluster) startAll() error {
	var err error
	for i, m := range w.members {
		err = errors.Join(err, w.start(m, i == 0))
	}
	return err
}

func (w *cluster) start(m *member, fresh bool) (err error) {
	c := w.config
	c.Self, c.Replication.New = m.id, fresh
	for _, other := range w.members {
		if other != m {
			c.Replication.Peers = append(c.Replication.Peers, other.id)
		}
	}
	m.ended, m.shown, m.last, m.failed = nil, node.Figures{}, node.Position{}, nil
	if m.node, err = store.Open(c, m, m.disk); err == nil {
		w.turn(m)
	}
	return err
}

// stop ends the process of m. The fate says what is left on its disk.
func (w *cluster) stop(m *member, f fate) { m.node, m.disk = nil, m.disk.after(f) }

// say writes a line down.
func (w *cluster) say(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// turn is a whole turn, and another one if work has ended meanwhile.
func (w *cluster) turn(m *member, in ...node.Input) {
	for {
		w.handle(m, in...)
		w.sync(m)
		if in, m.ended = m.ended, nil; len(in) == 0 || m.node == nil {
			return
		}
	}
}

// handle is the first half of a turn, and sync the second.
func (w *cluster) handle(m *member, in ...node.Input) { m.node.Handle(in) }

func (w *cluster) sync(m *member) {
	out, err := m.node.Synced(m.node.Sync())
	if err != nil {
		w.say("%v: has come to its end: %v", m.id, err)
		m.node, m.failed = nil, err
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

// changes says what has become of a node in a turn.
func (w *cluster) changes(m *member) {
	f, had, last := m.figures(), m.shown, m.last
	m.shown, m.last = f, m.log().Last()
	if _, leads := m.epoch(); f.Epoch != had.Epoch {
		role := "follows"
		if leads {
			role = "leads"
		}
		w.say("%v: %s in epoch %v", m.id, role, f.Epoch)
	}
	if f.Rebuilt != had.Rebuilt {
		w.say("%v: has applied what is cut off now, and begins its map again", m.id)
	}
	if m.last != last || f.Committed != had.Committed || f.Applied != had.Applied {
		w.say("%v: log to %v, committed %d, applied %d", m.id, m.last, f.Committed, f.Applied)
	}
}

func (w *cluster) send(m node.Message) {
	text := fmt.Sprintf("%v → %v: %s", m.From, m.To, replication.Describe(m))
	if slices.ContainsFunc(w.cuts, func(c [2]node.ID) bool {
		return (c[0] == m.From || c[0] == m.To) && (c[1] == 0 || c[1] == m.From || c[1] == m.To)
	}) {
		w.say("%s (lost)", text)
		return
	}
	w.say("%s", text)
	w.inFlight = append(w.inFlight, m)
}

// take takes a message off the network: the oldest from one node to another, or
// the latest. If there is none, ok is false.
func (w *cluster) take(from, to node.ID, latest bool) (m node.Message, ok bool) {
	at := -1
	for i, m := range w.inFlight {
		if m.From == from && m.To == to && (at < 0 || latest) {
			at = i
		}
	}
	if at < 0 {
		return m, false
	}
	m = w.inFlight[at]
	w.inFlight = slices.Delete(w.inFlight, at, at+1)
	return m, true
}

// arrive lets messages arrive, all of which are for the same node.
func (w *cluster) arrive(messages ...node.Message) {
	to := w.members[messages[0].To-1]
	if to.node == nil {
		w.say("%v is down, and the message is lost", to.id)
		return
	}
	var in []node.Input
	for _, m := range messages {
		in = append(in, m)
	}
	w.turn(to, in...)
}

// stabilize delivers messages in the order in which they were sent until there
// are none, and returns how many.
func (w *cluster) stabilize() (n int) {
	for ; len(w.inFlight) > 0; n++ {
		m := w.inFlight[0]
		w.inFlight = w.inFlight[1:]
		w.arrive(m)
		if n > 100_000 {
			panic("messages without an end: " + replication.Describe(m))
		}
	}
	return n
}

// pass lets time pass; who wanted to be woken is.
func (w *cluster) pass(d time.Duration) {
	w.now += d
	for _, m := range w.members {
		if m.node != nil && m.node.Wake() <= w.now {
			w.turn(m)
		}
	}
}

// settle lets messages arrive and signs of life pass, until there is no news.
func (w *cluster) settle() {
	for range 3 {
		w.stabilize()
		w.pass(50 * time.Millisecond)
	}
	w.stabilize()
}

// ask returns the ID of a new input.
func (w *cluster) ask(what string, read bool) uint64 {
	w.asked = append(w.asked, asked{what, read})
	return uint64(len(w.asked))
}

// write makes the input of a write.
func (w *cluster) write(r machine.Request) node.Write {
	return node.Write{ID: w.ask(r.String(), false), Request: r}
}

// read asks a node, at once or, if it has to wait, with an input.
func (w *cluster) read(m *member, q node.Query) {
	r, ok := m.node.Read(q)
	r.ID = w.ask(fmt.Sprintf("read %q", q.Key), true)
	if ok {
		w.reply(m, r)
		return
	}
	w.say("%v: %s: waits", m.id, w.asked[r.ID-1].what)
	w.turn(m, node.Read{ID: r.ID, Query: q})
}

// promote is what an operator does.
func (w *cluster) promote(m *member) node.Call {
	return node.Call{ID: w.ask("promote", false), Run: m.node.Replication.Promote}
}

// reply writes down what a node answers.
func (w *cluster) reply(m *member, r node.Reply) {
	w.replies = append(w.replies, r)
	a := w.asked[r.ID-1]
	w.say("%v: %s: %s", m.id, a.what, words(r, a.read))
}

func words(r node.Reply, read bool) string {
	switch {
	case r.Err != nil && read:
		return "no answer: " + r.Err.Error()
	case errors.Is(r.Err, kv.ErrUnknown):
		return r.Err.Error() // which says so
	case r.Err != nil:
		return "did not happen: " + r.Err.Error()
	case !read && r.At == node.Position{}:
		return "done"
	case !read:
		return fmt.Sprintf("%v, at %v", r.Result.Status, r.At)
	}
	text := fmt.Sprintf("%q, as of %v", r.Item.Value, r.At)
	if !r.Item.Exists() {
		text = fmt.Sprintf("nothing, as of %v", r.At)
	}
	if r.Lag != (node.Lag{}) {
		text += fmt.Sprintf("; behind the leader by %d, and heard it %v ago", r.Lag.Entries, r.Lag.Heard)
	}
	return text
}
