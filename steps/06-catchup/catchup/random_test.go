package catchup_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

// chaos does to a cluster whatever may happen to one, and looks after every step
// whether what must hold always still holds. If it is wild, anybody is made leader
// at any time. Else n1 leads for ever, and what it has acknowledged stays, though it
// may lose its power, and others their disks.
type chaos struct {
	*cluster
	t    *testing.T
	r    *rand.Rand
	wild bool

	entries map[node.Position]entry  // that were on a disk
	shown   map[node.Position]string // what the map was there
	settled map[uint64]node.Position // what was committed, if not wild
	clients []*client
	looked  map[node.ID]node.Figures // when its log and its map were looked at
	replied int
	jobs    int // that were done later than in the turn that began them
}

// entry is an entry, and the position before it.
type entry struct {
	before node.Position
	record string
}

// client is somebody with a session, who repeats a request until it is answered,
// and so knows what the value of its key must be.
type client struct {
	session session.ID
	number  uint64
	asked   map[uint64]bool // inputs
	done    uint64          // number of the last request that was answered
}

func newChaos(t *testing.T, seed uint64) *chaos {
	r := rand.New(rand.NewPCG(seed, 7))
	c := small(1 + r.IntN(3))
	c.Catchup.Every, c.Catchup.Keep = int64(200+r.IntN(2000)), uint64(1+r.IntN(20))
	x := &chaos{
		cluster: newCluster(3, c), t: t, r: r, wild: seed%2 == 1,
		entries: map[node.Position]entry{}, shown: map[node.Position]string{}, settled: map[uint64]node.Position{}, looked: map[node.ID]node.Figures{},
	}
	require.NoError(t, x.StartAll())
	x.Settle()
	for range 2 {
		x.Turn(x.Members[0], x.Write(machine.Request{OpenSession: true}))
		x.Settle()
		x.clients = append(x.clients, &client{session: session.ID(x.Replies[len(x.Replies)-1].Opened), asked: map[uint64]bool{}})
	}
	return x
}

func (c *chaos) one() *script.Member { return c.Members[c.r.IntN(len(c.Members))] }

func (c *chaos) fate() script.Fate {
	return []script.Fate{script.Lost, script.Torn, script.Kept}[c.r.IntN(3)]
}

// step does something, and returns what it was.
func (c *chaos) step() string {
	m := c.one()
	switch n := c.r.IntN(40); {
	case n < 18 && len(c.InFlight) > 0:
		return c.network()
	case n < 24:
		return c.write()
	case n < 28:
		d := time.Duration(c.r.IntN(80)) * time.Millisecond
		if c.r.IntN(20) == 0 {
			d = 11 * time.Second // and somebody is gone
		}
		c.Pass(d)
		return fmt.Sprintf("%v pass", d)
	case n < 32:
		return c.work(m)
	case n < 33:
		return c.power(m)
	case n < 35:
		return c.restart(m)
	case n < 36:
		return c.full(m)
	case n < 37:
		return c.cutOff(m)
	case n < 38:
		c.Cuts = nil
		return "all links work"
	case n < 39 && c.wild && m.Node != nil && m.ID <= 3 && m.Log().Last().Index > 0:
		c.Turn(m, c.Promote(m))
		return fmt.Sprintf("%v is promoted", m.ID)
	}
	return c.join()
}

func (c *chaos) network() string {
	at := 0
	if c.r.IntN(3) == 0 {
		at = c.r.IntN(len(c.InFlight))
	}
	m := c.InFlight[at]
	if c.r.IntN(8) != 0 { // otherwise a copy stays
		c.InFlight = slices.Delete(c.InFlight, at, at+1)
	}
	if c.r.IntN(12) == 0 {
		return fmt.Sprintf("%v → %v is lost", m.From, m.To)
	}
	c.Arrive(m)
	return fmt.Sprintf("%v → %v arrives", m.From, m.To)
}

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

// write lets clients write, one of them with a request that was not answered yet.
func (c *chaos) write() string {
	m := c.leader()
	if m == nil {
		return ""
	}
	in := fill(c.r.IntN(6), c.r.IntN(300))
	who := c.r.IntN(len(c.clients))
	w := c.request(who)
	c.Turn(m, append(in, w)...)
	return fmt.Sprintf("%v writes %d entries, and one of client %d", m.ID, len(in), who)
}

func (c *chaos) request(who int) node.Write {
	x := c.clients[who]
	if x.done == x.number {
		x.number++
	}
	w := c.Write(machine.Request{
		Identity: session.Identity{Session: x.session, Number: x.number},
		Command:  kv.Put(fmt.Sprint("client", who), fmt.Append(nil, x.number)),
	})
	x.asked[w.ID] = true
	return w
}

// work does work that was held, or lets work be held from now on.
func (c *chaos) work(m *script.Member) string {
	if m.Node == nil {
		return ""
	}
	m.Hold = c.r.IntN(3) > 0
	if len(m.Work) == 0 {
		return ""
	}
	at := c.r.IntN(len(m.Work))
	if work := &m.Work[at]; work.Do != nil && c.r.IntN(2) == 0 {
		work.Do()
		work.Do = nil
		return fmt.Sprintf("%v has work done, and is not told", m.ID)
	}
	work := m.Work[at]
	m.Work = slices.Delete(m.Work, at, at+1)
	c.End(m, work)
	c.jobs++
	return fmt.Sprintf("%v is told that work is done", m.ID)
}

// power takes a node's power, now or in the middle of what it does next.
func (c *chaos) power(m *script.Member) string {
	if m.Node == nil {
		return ""
	}
	if c.r.IntN(2) == 0 {
		m.Disk.DieAt(1+c.r.IntN(12), script.ErrPower)
		return fmt.Sprintf("%v will lose its power", m.ID)
	}
	c.Stop(m, c.fate())
	return fmt.Sprintf("%v loses its power", m.ID)
}

// restart starts a node that is down, perhaps with an empty disk.
func (c *chaos) restart(m *script.Member) string {
	if m.Node != nil {
		return ""
	}
	if m.Failed != nil {
		c.Stop(m, c.fate())
	}
	what := fmt.Sprintf("%v starts again", m.ID)
	if m.ID != 1 && !c.wild && c.r.IntN(6) == 0 {
		m.Disk = script.NewMemory()
		what += ", empty"
	}
	require.NoError(c.t, c.Start(m, false))
	return what
}

func (c *chaos) full(m *script.Member) string {
	if m.Node == nil || m.Disk.Fail != nil {
		return ""
	}
	m.Disk.FailOn(script.ErrFull, "create", "append")
	c.Turn(m)
	for range c.r.IntN(4) {
		if len(c.InFlight) > 0 {
			c.network()
		}
	}
	m.Disk.Fail = nil
	return fmt.Sprintf("the disk of %v was full for a while", m.ID)
}

func (c *chaos) cutOff(m *script.Member) string {
	c.Cuts = [][2]node.ID{{m.ID, 0}}
	return fmt.Sprintf("%v is cut off", m.ID)
}

// join adds a learner, once, or tells whoever leads of it again.
func (c *chaos) join() string {
	if len(c.Members) == 3 {
		require.NoError(c.t, c.Start(c.Add(), false))
	}
	leader := c.leader()
	if leader == nil {
		return ""
	}
	c.Turn(leader, c.add(leader, 4, fmt.Sprint("host4:", c.r.IntN(9000))))
	return fmt.Sprintf("%v is told of n4", leader.ID)
}

// look checks what must hold after every step.
func (c *chaos) look() {
	for _, m := range c.Members {
		if m.Node == nil {
			require.True(c.t, m.Failed == nil || errors.Is(m.Failed, script.ErrPower) || errors.Is(m.Failed, script.ErrFull), "%v: %v", m.ID, m.Failed)
			continue
		}
		f, s := m.Figures(), c.parts[m.ID].Status()
		require.LessOrEqual(c.t, f.Applied, f.Committed)
		require.LessOrEqual(c.t, f.Committed, f.Last)
		require.LessOrEqual(c.t, f.Applied, f.Synced)
		require.LessOrEqual(c.t, f.First, s.Saved.Index+1, "the log begins where the snapshot ends, or before")
		require.LessOrEqual(c.t, s.Saved.Index, f.Last)
		if had := c.looked[m.ID]; had.Last == f.Last && had.Synced == f.Synced && had.Applied == f.Applied && had.Epoch == f.Epoch {
			continue
		}
		c.looked[m.ID] = f
		c.lookAtLog(m)
		at, text := m.Node.Replica().Applied(), holds(m)
		if had, ok := c.shown[at]; ok {
			require.Equal(c.t, had, text, "%v shows something else at %v", m.ID, at)
		}
		c.shown[at] = text
	}
	for ; c.replied < len(c.Replies); c.replied++ {
		c.lookAtReply(c.Replies[c.replied])
	}
}

// lookAtLog checks that no two logs hold the same position and differ there, or
// before it; nor, if n1 leads for ever, what was committed.
func (c *chaos) lookAtLog(m *script.Member) {
	log, before := m.Log(), m.Log().Base()
	all, ok := log.Read(log.First(), log.Synced(), 1<<30)
	require.True(c.t, ok)
	for _, e := range all {
		now := entry{before, string(e.Record)}
		if had, ok := c.entries[e.Position]; ok {
			require.Equal(c.t, had, now, "%v has something else at %v", m.ID, e.Position)
		}
		c.entries[e.Position] = now
		if !c.wild && e.Index <= m.Figures().Applied {
			if had, ok := c.settled[e.Index]; ok {
				require.Equal(c.t, had, e.Position, "%v has applied something else", m.ID)
			}
			c.settled[e.Index] = e.Position
		}
		before = e.Position
	}
}

func (c *chaos) lookAtReply(r node.Reply) {
	for _, x := range c.clients {
		if x.asked[r.ID] && r.Err == nil {
			x.done = x.number
		}
		require.False(c.t, x.asked[r.ID] && errors.Is(r.Err, session.ErrForgotten), "the sessions are known")
	}
}

// mend ends all trouble, and checks that the nodes come to hold the same.
func (c *chaos) mend() {
	for range 6 {
		c.Cuts = nil
		for _, m := range c.Members {
			if m.Disk.Fail != nil || m.Node == nil { // its power is about to go
				c.Stop(m, c.fate())
				require.NoError(c.t, c.Start(m, false))
			}
			for m.Hold = false; len(m.Work) > 0; m.Work = m.Work[1:] {
				c.End(m, m.Work[0])
			}
		}
		if c.leader() == nil {
			m := c.best()
			c.Turn(m, c.Promote(m))
		}
		c.join()
		c.look()
		c.Settle()
		c.Pass(time.Second)
	}
	for who := range c.clients {
		c.Turn(c.leader(), c.request(who))
	}
	c.Settle()
	c.look()
	converge(c.t, c.cluster, !c.wild)
	for who, x := range c.clients {
		require.Equal(c.t, x.number, x.done)
		if !c.wild {
			it := c.leader().Node.Replica().Machine().Get(fmt.Sprint("client", who))
			require.Equal(c.t, fmt.Sprint(x.done), string(it.Value))
		}
	}
}

// best returns the node whose log is worth most, of those that may lead.
func (c *chaos) best() (best *script.Member) {
	for _, m := range c.Members[:3] {
		if best == nil || best.Log().Last().Before(m.Log().Last()) {
			best = m
		}
	}
	return best
}

func TestWhateverHappensNodesComeToHoldTheSame(t *testing.T) {
	seeds, steps := 100, 500
	if testing.Short() {
		seeds = 20
	}
	fetched, written, jobs := 0, 0, 0
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := newChaos(t, uint64(seed))
			var story []string
			defer func() {
				if t.Failed() {
					t.Log(strings.Join(story, "\n"))
				}
			}()
			for range steps {
				c.Text.Reset()
				what := c.step()
				story = append(story, what+"\n\t"+strings.ReplaceAll(c.Text.String(), "\n", "\n\t"))
				c.look()
			}
			c.Text.Reset()
			c.mend()
			for _, p := range c.parts {
				fetched, written = fetched+p.Status().Fetched, written+p.Status().Written
			}
			jobs += c.jobs
		})
	}
	t.Logf("%d snapshots fetched, %d written, and %d times work ended later", fetched, written, jobs)
	require.Greater(t, fetched, seeds/2)
	require.Greater(t, written, seeds)
	require.Greater(t, jobs, seeds)
}
