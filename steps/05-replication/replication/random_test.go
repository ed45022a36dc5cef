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
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/store"
)

// chaos does to a cluster whatever may happen to one, and looks after every step
// whether what must hold always still holds.
type chaos struct {
	*script.World
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
	config := store.Config{SegmentSize: 512}
	config.Replication.Acks = acks
	c := &chaos{
		World: newCluster(3, config), t: t, r: rand.New(rand.NewPCG(seed, 6)), careful: careful,
		reigns: []node.Epoch{node.NewEpoch(1, 1)}, led: [3]bool{true},
		said: map[node.Position]uint64{}, shown: map[node.Position]string{},
		acked: map[node.Position]string{}, reads: map[uint64]reading{},
	}
	require.NoError(t, c.StartAll())
	return c
}

// any returns a member that is up, or nil.
func (c *chaos) any() *script.Member {
	m := c.Members[c.r.IntN(len(c.Members))]
	if m.Node == nil {
		return nil
	}
	return m
}

// step does something, and returns what it was.
func (c *chaos) step() string {
	switch n := c.r.IntN(20); {
	case n < 11 && len(c.InFlight) > 0:
		return c.network()
	case n < 14:
		return c.client()
	case n < 16:
		c.Pass(time.Duration(c.r.IntN(80)) * time.Millisecond)
		return "time passes"
	case n < 17:
		return c.power()
	case n < 18:
		return c.full()
	case n < 19:
		return c.operator()
	default:
		return c.again(c.Members[c.r.IntN(len(c.Members))])
	}
}

func (c *chaos) network() string {
	at := 0
	if c.r.IntN(3) == 0 {
		at = c.r.IntN(len(c.InFlight))
	}
	m := c.InFlight[at]
	if c.r.IntN(8) != 0 { // otherwise a copy stays
		c.InFlight = append(c.InFlight[:at:at], c.InFlight[at+1:]...)
	}
	if c.r.IntN(10) == 0 {
		return fmt.Sprintf("%v → %v is lost", m.From, m.To)
	}
	c.Arrive(m)
	return fmt.Sprintf("%v → %v arrives", m.From, m.To)
}

func (c *chaos) client() string {
	m := c.any()
	if m == nil {
		return ""
	}
	if _, leads := m.Epoch(); leads && c.r.IntN(4) > 0 {
		var in []node.Input
		for range 1 + c.r.IntN(3) {
			key, value := fmt.Sprint("k", c.r.IntN(3)), fmt.Sprint(len(c.Asked))
			in = append(in, c.Write(machine.Request{Command: kv.Put(key, []byte(value))}))
		}
		c.Turn(m, in...)
		return fmt.Sprintf("%v writes", m.ID)
	}
	who := c.r.IntN(len(c.seen))
	c.reads[uint64(len(c.Asked)+1)] = reading{who, c.seen[who]}
	c.Read(m, node.Query{Key: "k0", Level: node.Session, Seen: c.seen[who]})
	return fmt.Sprintf("client %d reads at %v", who, m.ID)
}

// power takes a node's power, now or in the middle of what it does next.
func (c *chaos) power() string {
	m := c.any()
	if m == nil {
		return ""
	}
	if c.r.IntN(2) == 0 {
		m.Disk.DieAt(1+c.r.IntN(6), script.ErrPower)
		return fmt.Sprintf("%v will lose its power", m.ID)
	}
	c.Stop(m, c.fate())
	return fmt.Sprintf("%v loses its power", m.ID)
}

func (c *chaos) fate() script.Fate {
	return []script.Fate{script.Lost, script.Torn, script.Kept}[c.r.IntN(3)]
}

func (c *chaos) full() string {
	m := c.any()
	if m == nil || m.Disk.Fail != nil {
		return ""
	}
	m.Disk.FailOn(script.ErrFull, "create", "append")
	c.Turn(m)
	for range c.r.IntN(3) {
		if len(c.InFlight) > 0 {
			c.network()
		}
	}
	m.Disk.Fail = nil
	return fmt.Sprintf("the disk of %v was full for a while", m.ID)
}

// operator promotes a node. If careful, nobody leads any more, and of the logs
// that were looked at, more than those that might be missing, it has the best.
func (c *chaos) operator() string {
	m := c.any()
	if m == nil || c.wiped[m.ID-1] || c.careful && (c.leader() != nil || c.up() < 2) {
		return ""
	}
	if c.careful {
		m = c.best()
	}
	c.promoteTo(m)
	return fmt.Sprintf("%v is promoted", m.ID)
}

func (c *chaos) promoteTo(m *script.Member) {
	epoch, _ := m.Epoch()
	c.reigns, c.led[m.ID-1] = append(c.reigns, epoch.Next(m.ID)), true
	c.Turn(m, c.Promote(m))
	c.forget(m)
}

// forget drops reigns of m that never began.
func (c *chaos) forget(m *script.Member) {
	if m.Node == nil {
		return // nobody knows
	}
	epoch, _ := m.Epoch()
	c.reigns = slices.DeleteFunc(c.reigns, func(e node.Epoch) bool { return e.Leader() == m.ID && e > epoch })
}

func (c *chaos) latest() node.Epoch { return slices.Max(c.reigns) }

// leader returns a member that believes that it leads, the one in the latest
// epoch.
func (c *chaos) leader() (best *script.Member) {
	at := node.Epoch(0)
	for _, m := range c.Members {
		if m.Node == nil {
			continue
		}
		if e, leads := m.Epoch(); leads && e > at {
			best, at = m, e
		}
	}
	return best
}

// best returns the member whose log is worth most.
func (c *chaos) best() (best *script.Member) {
	for _, m := range c.Members {
		if m.Node != nil && !c.wiped[m.ID-1] && (best == nil || best.Log().Last().Before(m.Log().Last())) {
			best = m
		}
	}
	return best
}

func (c *chaos) up() (n int) {
	for _, m := range c.Members {
		if m.Node != nil {
			n++
		}
	}
	return n
}

// again starts a node that is down.
func (c *chaos) again(m *script.Member) string {
	leader := c.leader()
	old := c.careful && c.led[m.ID-1] && c.latest().Leader() != m.ID
	if m.Node != nil || old && (leader == nil || c.latest().Leader() != leader.ID) {
		return ""
	}
	if m.Failed != nil {
		c.Stop(m, c.fate())
	}
	what := fmt.Sprintf("%v starts again", m.ID)
	if c.careful { // connections do not outlive a process
		c.InFlight = slices.DeleteFunc(c.InFlight, func(msg node.Message) bool { return msg.To == m.ID })
	} else if c.r.IntN(8) == 0 && c.spareable(m) {
		m.Disk = script.NewMemory()
		c.checked[m.ID-1], c.wiped[m.ID-1] = node.Position{}, true
		what += ", empty"
	}
	require.NoError(c.t, c.Start(m, false))
	if old {
		c.introduce(m, leader)
	}
	c.forget(m)
	return what
}

// spareable says whether a disk may be lost: not all of them, and never the only
// one with something on it.
func (c *chaos) spareable(m *script.Member) bool {
	for i, wiped := range c.wiped {
		if i != int(m.ID-1) && !wiped && c.checked[i].Index > 0 {
			return true
		}
	}
	return false
}

// introduce lets an old leader meet the new one before anybody else: that is
// what a careful operator sees to. If it does not work, it is stopped again.
func (c *chaos) introduce(m, leader *script.Member) {
	for range 2 {
		c.InFlight = slices.DeleteFunc(c.InFlight, func(msg node.Message) bool { return msg.From == m.ID })
		c.Pass(50 * time.Millisecond)
		for m.Node != nil && leader.Node != nil {
			msg, ok := c.Take(leader.ID, m.ID, false)
			if !ok {
				break
			}
			c.Arrive(msg)
		}
	}
	c.InFlight = slices.DeleteFunc(c.InFlight, func(msg node.Message) bool { return msg.From == m.ID })
	if m.Node == nil {
		return
	}
	if _, leads := m.Epoch(); leads {
		c.Stop(m, c.fate())
	}
}

// look checks what must hold after every step.
func (c *chaos) look() {
	for _, m := range c.Members {
		if m.Node == nil {
			require.True(c.t, m.Failed == nil || errors.Is(m.Failed, script.ErrPower) || errors.Is(m.Failed, script.ErrFull), "%v: %v", m.ID, m.Failed)
			continue
		}
		f := m.Figures()
		require.LessOrEqual(c.t, f.Applied, f.Committed)
		require.LessOrEqual(c.t, f.Committed, f.Last)
		require.LessOrEqual(c.t, f.Applied, f.Synced)
		c.lookAtLog(m)
		if machine := m.Node.Replica().Machine(); machine != nil {
			at, text := m.Node.Replica().Applied(), fmt.Sprint(machine.Scan(kv.Range{}))
			if had, ok := c.shown[at]; ok {
				require.Equal(c.t, had, text, "%v shows something else at %v", m.ID, at)
			}
			c.shown[at] = text
		}
	}
	for ; c.replied < len(c.Replies); c.replied++ {
		c.lookAtReply(c.Replies[c.replied])
	}
}

// lookAtLog checks that no two logs hold the same position and differ below it.
func (c *chaos) lookAtLog(m *script.Member) {
	last := m.Log().Last()
	if c.checked[m.ID-1] == last {
		return
	}
	c.checked[m.ID-1] = last
	entries, ok := m.Log().Read(1, m.Log().Synced(), 1<<30)
	require.True(c.t, ok)
	hash := fnv.New64a()
	for i, e := range entries {
		require.EqualValues(c.t, i+1, e.Index)
		fmt.Fprintf(hash, "%v %q\n", e.Position, e.Record)
		if had, ok := c.said[e.Position]; ok {
			require.Equal(c.t, had, hash.Sum64(), "%v has another history up to %v", m.ID, e.Position)
		}
		c.said[e.Position] = hash.Sum64()
	}
}

func (c *chaos) lookAtReply(r node.Reply) {
	read, isRead := c.reads[r.ID]
	switch {
	case !isRead && r.Err == nil && r.At.Index > 0:
		c.acked[r.At] = c.Asked[r.ID-1].What
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
		for _, m := range c.Members {
			m.Disk.Fail = nil
			c.again(m)
			c.look()
		}
		if c.leader() == nil {
			c.promoteTo(c.best())
		}
		c.Settle()
		c.look()
	}
	leader := c.leader()
	require.Equal(c.t, 3, c.up())
	require.NotNil(c.t, leader)
	before := len(c.acked)
	c.Put(leader, "k0", "the end")
	c.Settle()
	c.look()
	require.Len(c.t, c.acked, before+1, "a write is acknowledged")
	for _, m := range c.Members {
		f, all := m.Figures(), leader.Figures()
		require.Equal(c.t, leader.Log().Last(), m.Log().Last())
		require.Equal(c.t, all.Applied, f.Applied, "%v", m.ID)
		require.Equal(c.t, f.Last, f.Applied, "%v", m.ID)
	}
	if c.careful {
		for at, what := range c.acked {
			has, _ := leader.Log().Holds(at)
			require.True(c.t, has, "%s at %v was acknowledged, and is lost", what, at)
		}
	}
}

// live lets a cluster live through what chance brings, and returns the story.
func live(t *testing.T, seed int) string {
	acks, careful := 1+seed%3, seed%2 == 0
	if careful {
		acks = 2
	}
	c := newChaos(t, uint64(seed), acks, careful)
	var story strings.Builder
	defer func() {
		if t.Failed() {
			t.Log(story.String())
		}
	}()
	for range 400 {
		c.Text.Reset()
		what := c.step()
		fmt.Fprintf(&story, "%s\n\t%s\n", what, strings.ReplaceAll(c.Text.String(), "\n", "\n\t"))
		c.look()
	}
	c.Text.Reset()
	c.mend()
	return story.String() + c.Text.String()
}

func TestWhateverHappensLogsAgreeAndTimeDoesNotRunBackwards(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { live(t, seed) })
	}
}

// Nodes to which the same happens do and say the same.
func TestTheSameChancesMakeTheSameStory(t *testing.T) {
	for seed := range 6 {
		require.Equal(t, live(t, seed), live(t, seed))
	}
}
