package replication_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/store"
)

// chaos does to a cluster whatever may happen to one, and looks after every step
// whether what must hold always still holds.
type chaos struct {
	*cluster
	t       *testing.T
	r       *rand.Rand
	careful bool                     // the operator is, and no disk is lost
	reigns  []node.Epoch             // that somebody was promoted to
	led     [3]bool                  // who has ever been promoted, or was the first leader
	wiped   [3]bool                  // who has lost a disk, and with it which epochs it has led
	said    map[node.Position]uint64 // hash of the log up to a position that was on a disk
	shown   map[node.Position]string // what the map was there
	checked [3]node.Position         // up to where a log was looked at
	replied int                      // how many of the replies were looked at
	acked   map[node.Position]string // writes that were acknowledged
	seen    [3]node.Position         // what each of three clients has seen
	reads   map[uint64]reading       // by ID
}

// reading is a read of a client that had seen something.
type reading struct {
	client int
	seen   node.Position
}

func newChaos(t *testing.T, seed uint64, acks int, careful bool) *chaos {
	c := &chaos{
		cluster: newCluster(3, store.Config{}), t: t, r: rand.New(rand.NewPCG(seed, 6)), careful: careful,
		reigns: []node.Epoch{node.NewEpoch(1, 1)}, led: [3]bool{true},
		said: map[node.Position]uint64{}, shown: map[node.Position]string{},
		acked: map[node.Position]string{}, reads: map[uint64]reading{},
	}
	c.config.SegmentSize = 512
	c.config.Replication.Acks = acks
	require.NoError(t, c.startAll())
	return c
}

// any returns a member that is up, or nil.
func (c *chaos) any() *member {
	m := c.members[c.r.IntN(len(c.members))]
	if m.node == nil {
		return nil
	}
	return m
}

// step does something, and returns what it was.
func (c *chaos) step() string {
	switch n := c.r.IntN(20); {
	case n < 11 && len(c.inFlight) > 0:
		return c.network()
	case n < 14:
		return c.client()
	case n < 16:
		c.cluster.pass(time.Duration(c.r.IntN(80)) * time.Millisecond)
		return "time passes"
	case n < 17:
		return c.power()
	case n < 18:
		return c.full()
	case n < 19:
		return c.operator()
	default:
		return c.again(c.members[c.r.IntN(len(c.members))])
	}
}

func (c *chaos) network() string {
	at := 0
	if c.r.IntN(3) == 0 {
		at = c.r.IntN(len(c.inFlight))
	}
	m := c.inFlight[at]
	if c.r.IntN(8) != 0 { // otherwise a copy stays
		c.inFlight = append(c.inFlight[:at:at], c.inFlight[at+1:]...)
	}
	if c.r.IntN(10) == 0 {
		return fmt.Sprintf("%v → %v is lost", m.From, m.To)
	}
	c.arrive(m)
	return fmt.Sprintf("%v → %v arrives", m.From, m.To)
}

func (c *chaos) client() string {
	m := c.any()
	if m == nil {
		return ""
	}
	if _, leads := m.epoch(); leads && c.r.IntN(4) > 0 {
		var in []node.Input
		for range 1 + c.r.IntN(3) {
			key, value := fmt.Sprint("k", c.r.IntN(3)), fmt.Sprint(len(c.asked))
			in = append(in, c.write(machine.Request{Command: kv.Put(key, []byte(value))}))
		}
		c.turn(m, in...)
		return fmt.Sprintf("%v writes", m.id)
	}
	who := c.r.IntN(len(c.seen))
	c.reads[uint64(len(c.asked)+1)] = reading{who, c.seen[who]}
	c.read(m, node.Query{Key: "k0", Level: node.Session, Seen: c.seen[who]})
	return fmt.Sprintf("client %d reads at %v", who, m.id)
}

// power takes a node's power, now or in the middle of what it does next.
func (c *chaos) power() string {
	m := c.any()
	if m == nil {
		return ""
	}
	if c.r.IntN(2) == 0 {
		m.disk.dieAt(1+c.r.IntN(6), errPower)
		return fmt.Sprintf("%v will lose its power", m.id)
	}
	c.stop(m, c.fate())
	return fmt.Sprintf("%v loses its power", m.id)
}

func (c *chaos) fate() fate { return []fate{lost, torn, kept}[c.r.IntN(3)] }

func (c *chaos) full() string {
	m := c.any()
	if m == nil || m.disk.fail != nil {
		return ""
	}
	m.disk.failOn(errFull, "create", "append")
	c.turn(m)
	for range c.r.IntN(3) {
		if len(c.inFlight) > 0 {
			c.network()
		}
	}
	m.disk.fail = nil
	return fmt.Sprintf("the disk of %v was full for a while", m.id)
}

// operator promotes a node. If careful, nobody leads any more, and of the logs
// that were looked at, more than those that might be missing, it has the best.
func (c *chaos) operator() string {
	m := c.any()
	if m == nil || c.wiped[m.id-1] || c.careful && (c.leader() != nil || c.up() < 2) {
		return ""
	}
	if c.careful {
		m = c.best()
	}
	c.promoteTo(m)
	return fmt.Sprintf("%v is promoted", m.id)
}

func (c *chaos) promoteTo(m *member) {
	epoch, _ := m.epoch()
	c.reigns, c.led[m.id-1] = append(c.reigns, epoch.Next(m.id)), true
	c.turn(m, c.promote(m))
	c.forget(m)
}

// forget drops reigns of m that never began.
func (c *chaos) forget(m *member) {
	if m.node == nil {
		return // nobody knows
	}
	epoch, _ := m.epoch()
	c.reigns = slices.DeleteFunc(c.reigns, func(e node.Epoch) bool { return e.Leader() == m.id && e > epoch })
}

func (c *chaos) latest() node.Epoch { return slices.Max(c.reigns) }

// leader returns a member that believes that it leads, the one in the latest
// epoch.
func (c *chaos) leader() (best *member) {
	at := node.Epoch(0)
	for _, m := range c.members {
		if m.node == nil {
			continue
		}
		if e, leads := m.epoch(); leads && e > at {
			best, at = m, e
		}
	}
	return best
}

// best returns the member whose log is worth most.
func (c *chaos) best() (best *member) {
	for _, m := range c.members {
		if m.node != nil && !c.wiped[m.id-1] && (best == nil || best.log().Last().Before(m.log().Last())) {
			best = m
		}
	}
	return best
}

func (c *chaos) up() (n int) {
	for _, m := range c.members {
		if m.node != nil {
			n++
		}
	}
	return n
}

// again starts a node that is down.
func (c *chaos) again(m *member) string {
	leader := c.leader()
	old := c.careful && c.led[m.id-1] && c.latest().Leader() != m.id
	if m.node != nil || old && (leader == nil || c.latest().Leader() != leader.id) {
		return ""
	}
	if m.failed != nil {
		c.stop(m, c.fate())
	}
	what := fmt.Sprintf("%v starts again", m.id)
	if c.careful { // connections do not outlive a process
		c.inFlight = slices.DeleteFunc(c.inFlight, func(msg node.Message) bool { return msg.To == m.id })
	} else if c.r.IntN(8) == 0 && c.spareable(m) {
		m.disk = newMemory()
		c.checked[m.id-1], c.wiped[m.id-1] = node.Position{}, true
		what += ", empty"
	}
	require.NoError(c.t, c.start(m, false))
	if old {
		c.introduce(m, leader)
	}
	c.forget(m)
	return what
}

// spareable says whether a disk may be lost: not all of them, and never the only
// one with something on it.
func (c *chaos) spareable(m *member) bool {
	for i, wiped := range c.wiped {
		if i != int(m.id-1) && !wiped && c.checked[i].Index > 0 {
			return true
		}
	}
	return false
}

// introduce lets an old leader meet the new one before anybody else: that is
// what a careful operator sees to. If it does not work, it is stopped again.
func (c *chaos) introduce(m, leader *member) {
	for range 2 {
		c.inFlight = slices.DeleteFunc(c.inFlight, func(msg node.Message) bool { return msg.From == m.id })
		c.pass(50 * time.Millisecond)
		for m.node != nil && leader.node != nil {
			msg, ok := c.take(leader.id, m.id, false)
			if !ok {
				break
			}
			c.arrive(msg)
		}
	}
	c.inFlight = slices.DeleteFunc(c.inFlight, func(msg node.Message) bool { return msg.From == m.id })
	if m.node == nil {
		return
	}
	if _, leads := m.epoch(); leads {
		c.stop(m, c.fate())
	}
}

// look checks what must hold after every step.
func (c *chaos) look() {
	for _, m := range c.members {
		if m.node == nil {
			require.True(c.t, m.failed == nil || errors.Is(m.failed, errPower) || errors.Is(m.failed, errFull), "%v: %v", m.id, m.failed)
			continue
		}
		f := m.figures()
		require.LessOrEqual(c.t, f.Applied, f.Committed)
		require.LessOrEqual(c.t, f.Committed, f.Last)
		require.LessOrEqual(c.t, f.Applied, f.Synced)
		c.lookAtLog(m)
		if machine := m.node.Replica().Machine(); machine != nil {
			at, text := m.node.Replica().Applied(), fmt.Sprint(machine.Scan(kv.Range{}))
			if had, ok := c.shown[at]; ok {
				require.Equal(c.t, had, text, "%v shows something else at %v", m.id, at)
			}
			c.shown[at] = text
		}
	}
	for ; c.replied < len(c.replies); c.replied++ {
		c.lookAtReply(c.replies[c.replied])
	}
}

// lookAtLog checks that no two logs hold the same position and differ below it.
func (c *chaos) lookAtLog(m *member) {
	last := m.log().Last()
	if c.checked[m.id-1] == last {
		return
	}
	c.checked[m.id-1] = last
	entries, ok := m.log().Read(1, m.log().Synced(), 1<<30)
	require.True(c.t, ok)
	hash := fnv.New64a()
	for i, e := range entries {
		require.EqualValues(c.t, i+1, e.Index)
		fmt.Fprintf(hash, "%v %q\n", e.Position, e.Record)
		if had, ok := c.said[e.Position]; ok {
			require.Equal(c.t, had, hash.Sum64(), "%v has another history up to %v", m.id, e.Position)
		}
		c.said[e.Position] = hash.Sum64()
	}
}

func (c *chaos) lookAtReply(r node.Reply) {
	read, isRead := c.reads[r.ID]
	switch {
	case !isRead && r.Err == nil && r.At.Index > 0:
		c.acked[r.At] = c.asked[r.ID-1].what
	case isRead && errors.Is(r.Err, node.ErrVanished):
		require.False(c.t, c.careful, "nothing vanishes: %v", r.Err)
		c.seen[read.client] = node.Position{}
	case isRead && r.Err == nil:
		require.GreaterOrEqual(c.t, r.At.Index, read.seen.Index, "time ran backwards")
		require.GreaterOrEqual(c.t, r.At.Epoch, read.seen.Epoch, "time ran backwards")
		if c.seen[read.client].Before(r.At) {
			c.seen[read.client] = r.At
		}
	}
}

// mend ends all trouble, and checks that the cluster works and has what it must.
func (c *chaos) mend() {
	for range 10 {
		for _, m := range c.members {
			m.disk.fail = nil
			c.again(m)
			c.look()
		}
		if c.leader() == nil {
			c.promoteTo(c.best())
		}
		c.settle()
		c.look()
	}
	leader := c.leader()
	require.Equal(c.t, 3, c.up())
	require.NotNil(c.t, leader)
	before := len(c.acked)
	c.put(leader, "k0", "the end")
	c.settle()
	c.look()
	require.Len(c.t, c.acked, before+1, "a write is acknowledged")
	for _, m := range c.members {
		f, all := m.figures(), leader.figures()
		require.Equal(c.t, leader.log().Last(), m.log().Last())
		require.Equal(c.t, all.Applied, f.Applied, "%v", m.id)
		require.Equal(c.t, f.Last, f.Applied, "%v", m.id)
	}
	if c.careful {
		for at, what := range c.acked {
			has, _ := leader.log().Holds(at)
			require.True(c.t, has, "%s at %v was acknowledged, and is lost", what, at)
		}
	}
}

func TestWhateverHappensLogsAgreeAndTimeDoesNotRunBackwards(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		acks, careful := 1+seed%3, seed%2 == 0
		if careful {
			acks = 2
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := newChaos(t, uint64(seed), acks, careful)
			var story []string
			defer func() {
				if t.Failed() {
					t.Log(strings.Join(story, "\n"))
				}
			}()
			for range 400 {
				c.text.Reset()
				what := c.step()
				story = append(story, what+"\n\t"+strings.ReplaceAll(c.text.String(), "\n", "\n\t"))
				c.look()
			}
			c.text.Reset()
			c.mend()
		})
	}
}
