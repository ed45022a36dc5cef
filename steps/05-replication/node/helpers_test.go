package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

// part is a module that remembers what it is told, and does what a test wants.
type part struct {
	name  string
	told  *[]string // shared by all parts of a node
	tick  func()
	write func(node.Write)
	after func() // in Synced
	wake  time.Duration
}

func (p *part) hears(format string, args ...any) {
	*p.told = append(*p.told, p.name+" "+fmt.Sprintf(format, args...))
}

func (p *part) Receive(m node.Message) { p.hears("receives %s", m.Kind) }
func (p *part) Unwritten(err error)    { p.hears("is told: unwritten: %v", err) }
func (p *part) Wake() time.Duration    { return p.wake }
func (p *part) Wait(r node.Read)       { p.hears("lets %d wait", r.ID) }
func (p *part) GiveUp(id uint64)       { p.hears("gives up %d", id) }

func (p *part) Tick() {
	p.hears("ticks")
	if p.tick != nil {
		p.tick()
	}
}

func (p *part) Synced() {
	p.hears("is told: synced")
	if p.after != nil {
		p.after()
	}
}

func (p *part) Write(w node.Write) {
	p.hears("writes %d", w.ID)
	if p.write != nil {
		p.write(w)
	}
}

func (p *part) Read(q node.Query) (node.Reply, bool) { return node.Reply{At: q.Seen}, true }

// world is a node with two modules that do nothing of their own accord.
type world struct {
	disk          *script.Memory
	replica       *node.Replica
	log           *node.Log
	out           *node.Outbox
	node          *node.Node
	front, second *part
	told          []string
}

// config makes journals with small files.
func config() node.ReplicaConfig {
	return node.ReplicaConfig{
		Journal: journal.Config{SegmentSize: 400, ID: 1},
		NewMap:  func() machine.Map { return kv.NewMap() },
	}
}

func open(t testing.TB, d *script.Memory, c node.ReplicaConfig) *world {
	t.Helper()
	replica, err := node.OpenReplica(1, d, c)
	require.NoError(t, err)
	w := &world{disk: d, replica: replica, log: replica.Log(), out: new(node.Outbox)}
	w.front, w.second = &part{name: "front", told: &w.told}, &part{name: "second", told: &w.told}
	w.node = node.New(nil, replica, w.out, w.front, w.second) // the node itself has no use for its Env
	return w
}

// reopen opens what is left of the disk after its power is gone.
func (w *world) reopen(t testing.TB, f script.Fate, c node.ReplicaConfig) *world {
	t.Helper()
	return open(t, w.disk.After(f), c)
}

// calls returns where the operations that change the disk are gathered from now on.
func (w *world) calls() *[]string {
	all := new([]string)
	w.disk.Fail = func(op, name string) error {
		*all = append(*all, op+" "+name)
		return nil
	}
	return all
}

// turn is a whole turn in which f is called.
func (w *world) turn(f func()) (node.Outbox, error) {
	w.node.Handle([]node.Input{node.Call{Run: func() error { f(); return nil }}})
	return w.node.Synced(w.node.Sync())
}

// turns makes it a test's error if the turn fails.
func (w *world) turns(t testing.TB, f func()) node.Outbox {
	t.Helper()
	out, err := w.turn(f)
	require.NoError(t, err)
	return out
}

// first is the first epoch of node 1.
var first = node.NewEpoch(1, 1)

// settings is the record that a history begins with.
func settings(incarnation string) []byte {
	return machine.AppendSettings(nil, machine.Settings{Sessions: 10, Incarnation: incarnation})
}

// put is the record of a command.
func put(key, value string) []byte {
	return machine.AppendRequest(nil, machine.Request{Command: kv.Put(key, []byte(value))})
}

// fill appends the settings and then n commands, in one turn, and commits them.
func (w *world) fill(t testing.TB, n int) {
	t.Helper()
	w.turns(t, func() {
		w.replica.Enter(first, true)
		w.replica.Append(first, settings("inc"))
		for i := range n {
			w.replica.Append(first, put(fmt.Sprint("k", i), strings.Repeat("v", i)))
		}
		w.replica.Commit(uint64(n) + 1)
	})
}

// eachMoment lets the power go at every operation on the disk that happens in
// run, with every fate of what is not synced, and opens what is left with c.
func eachMoment(t *testing.T, c node.ReplicaConfig, prepare func() *world, run func(*world), check func(t *testing.T, w *world, done bool)) {
	t.Helper()
	w := prepare()
	operations := w.disk.DieAt(1<<30, nil)
	run(w)
	require.Positive(t, *operations)
	for n := 1; n <= *operations+1; n++ {
		for name, f := range map[string]script.Fate{"lost": script.Lost, "torn": script.Torn, "kept": script.Kept} {
			t.Run(fmt.Sprintf("operation %d, %s", n, name), func(t *testing.T) {
				w := prepare()
				w.disk.DieAt(n, script.ErrPower)
				run(w)
				check(t, w.reopen(t, f, c), n > *operations)
			})
		}
	}
}
