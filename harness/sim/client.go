package sim

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
)

// client does one thing after another, and tries each for as long as it makes
// sense: whoever does not lead sends it to the one who does; a node that does
// not answer is left for the next one. What may have happened it never tries
// again, unless it is numbered.
type client struct {
	w      *world
	number int
	rec    *history.Client
	rng    *rand.Rand
	draw   drawer
	stop   bool

	op       Op
	i        int           // how many operations it has begun with
	began    time.Duration // with the last
	call     *history.Call // nil: it does nothing at the moment
	query    *node.Query   // what it asks instead of op
	then     func()        // what comes when that is answered
	at       *host         // who is asked, if nobody else may be
	deadline time.Duration // of the operation
	request  *request      // that it waits for
	try      int
	doubt    bool // an earlier try may have happened

	leader   int // who is thought to lead; an index
	seen     token
	versions map[string]uint64 // of keys, as it has seen them last
	numbered bool
	session  session.ID
	count    uint64 // numbered requests
}

// How long a client waits for one answer, and how long it goes on trying.
const (
	patience    = 700 * time.Millisecond
	persistence = 4 * time.Second
	clientsAKey = 10
	clientKeys  = 100 // at most
)

func newClient(w *world, number int) *client {
	return &client{
		w: w, number: number, rec: w.rec.Client(), rng: w.rng(forClients, number), draw: newDrawer(w.plan, number),
		versions: map[string]uint64{}, numbered: number >= 0 && (number*100+50)/w.plan.Work.Clients < w.plan.Work.Numbered,
	}
}

// keys returns those that the client uses.
func (c *client) keys() (keys []string) {
	for k := range c.w.plan.Work.Keys {
		keys = append(keys, keyName(c.number, k))
	}
	return keys
}

func keyName(client, k int) string { return "k" + strconv.Itoa(client/clientsAKey*clientKeys+k+1) }

// next begins with the next operation, when it is time for it.
func (c *client) next() {
	op, ok := c.draw.op(c.i)
	if c.stop || !ok {
		return
	}
	pause := op.Pause.time()
	if c.w.rush && c.w.plan.Work.Rush > 1 {
		pause /= time.Duration(c.w.plan.Work.Rush)
	}
	c.w.agenda.add(max(c.w.now, c.began+pause), func() { c.begin(op) })
}

func (c *client) begin(op Op) {
	if c.stop {
		return
	}
	c.began = c.w.now
	if c.numbered && op.Do != string(history.Get) && c.session == "" {
		c.openSession()
		return
	}
	c.i++
	c.op, c.query = op, nil
	h := history.Op{Kind: history.Kind(op.Do), Key: op.Key}
	if op.Do == string(history.Get) {
		h.Level = levelName(op.Level)
	} else {
		h.Value = op.Value
		h.If = c.condition(op)
	}
	if c.numbered {
		c.count++
	}
	c.call = c.rec.Begin(h)
	c.first()
}

// only asks q, as an operation of its own, and goes on with then.
func (c *client) only(q node.Query, then func()) {
	c.query, c.then = &q, then
	h := history.Op{Kind: history.Get, Key: q.Key, Level: levelName(q.Level)}
	if q.Range != nil {
		h.Kind, h.Key = history.Scan, q.Range.Prefix
	}
	c.call = c.rec.Begin(h)
	c.first()
}

// levelName is how histories call a level: the freshest has no name.
func levelName(l node.Level) string {
	if l == node.Leader {
		return ""
	}
	return string(l)
}

func (c *client) condition(op Op) *uint64 {
	var v uint64
	switch op.If {
	case "":
		return nil
	case "now":
		v = c.versions[op.Key]
	}
	return &v
}

// first tries the operation for the first time.
func (c *client) first() {
	c.doubt = false
	c.deadline = c.w.now + persistence
	c.send()
}

// openSession asks for a session, and comes back to the operation then.
func (c *client) openSession() {
	c.op = Op{Do: "session"}
	c.query = nil
	c.first()
}

// send tries.
func (c *client) send() {
	c.try++
	r := &request{client: c, try: c.try, host: c.w.hosts[c.target()], input: c.input()}
	c.request = r
	c.w.ask(r)
	c.w.after(patience, func() {
		if c.try == r.try && c.request == r {
			c.timeout(r)
		}
	})
}

// target returns who is asked: the leader, or whoever the operation names; and
// later somebody else.
func (c *client) target() int {
	switch {
	case c.at != nil:
		return int(c.at.id) - 1
	case c.query == nil && c.op.Node > 0:
		return (c.op.Node - 1) % len(c.w.hosts)
	}
	return c.leader
}

func (c *client) input() node.Input {
	if c.query != nil {
		return node.Read{Query: *c.query}
	}
	switch c.op.Do {
	case "session":
		return node.Write{Request: machine.Request{OpenSession: true}}
	case string(history.Get):
		q := node.Query{Key: c.op.Key, Level: c.op.Level}
		if q.Level == node.Session {
			q.Seen = c.seen.next()
		}
		return node.Read{Query: q}
	}
	cmd := kv.Put(c.op.Key, []byte(c.op.Value))
	if c.op.Do == string(history.Delete) {
		cmd = kv.Delete(c.op.Key)
	}
	if v := c.condition(c.op); v != nil {
		cmd = cmd.IfVersion(kv.Version(*v))
	}
	q := machine.Request{Command: cmd}
	if c.numbered {
		q.Identity = session.Identity{Session: c.session, Number: c.count}
	}
	return node.Write{Request: q}
}

// writes says whether what is asked changes anything.
func (c *client) writes() bool { return c.query == nil && c.op.Do != string(history.Get) }

// safe says whether it may be asked again although it may have happened.
func (c *client) safe() bool { return !c.writes() || c.numbered }

// hear is told what came back.
func (c *client) hear(r *request, a answer) {
	if c.request != r {
		return // of a try that was given up
	}
	c.request = nil
	switch {
	case a.refused:
		c.elsewhere()
	case a.broken:
		c.uncertain("the connection broke")
	case a.reply.Err != nil:
		c.failed(a.reply.Err)
	default:
		c.done(r, a.reply)
	}
}

// timeout is the end of the patience with a try.
func (c *client) timeout(r *request) {
	c.request = nil
	c.w.after(c.w.net.delay(0), func() { r.host.giveUp(r) })
	c.uncertain("time-out")
}

// uncertain is told that nobody knows what became of the last try.
func (c *client) uncertain(why string) {
	if c.writes() {
		c.doubt = true
	}
	if !c.safe() && c.op.Do != "session" {
		c.end(history.Answer{Outcome: history.Unknown, Error: why})
		return
	}
	c.elsewhere()
}

// elsewhere tries another node.
func (c *client) elsewhere() {
	c.op.Node = 0
	c.leader = (c.leader + 1) % len(c.w.hosts)
	c.again(errors.New("nobody answers"))
}

// again tries again, after a pause.
func (c *client) again(why error) {
	pause := 5*time.Millisecond + time.Duration(c.rng.Int64N(int64(50*time.Millisecond)))
	if c.w.now+pause < c.deadline || c.query != nil && c.w.now < c.deadline+time.Minute {
		c.w.after(pause, c.send)
		return
	}
	o := history.Fail
	if c.doubt || !c.writes() {
		o = history.Unknown
	}
	c.end(history.Answer{Outcome: o, Error: why.Error()})
}

// failed is told why the last try failed.
func (c *client) failed(err error) {
	if e, ok := errors.AsType[*node.NotLeaderError](err); ok {
		c.op.Node = 0
		if e.Leader == 0 || int(e.Leader-1) == c.leader {
			c.elsewhere()
			return
		}
		c.leader = int(e.Leader - 1)
		c.again(err)
		return
	}
	switch {
	case errors.Is(err, session.ErrForgotten), errors.Is(err, session.ErrSuperseded):
		c.session = ""
		c.end(history.Answer{Outcome: history.Unknown, Error: err.Error()})
	case errors.Is(err, kv.ErrUnknown):
		c.uncertain(err.Error())
	case errors.Is(err, node.ErrVanished):
		c.w.count("clients told that what they saw has vanished", 1)
		c.seen = nil
		c.end(history.Answer{Outcome: history.Fail, Error: err.Error()})
		c.rec = c.w.rec.Client() // whoever knows that starts anew
	default:
		c.again(err)
	}
}

// done is told the answer.
func (c *client) done(r *request, reply node.Reply) {
	if c.op.Do == "session" && c.query == nil {
		c.session, c.count = session.ID(reply.Opened), 0
		c.next()
		return
	}
	if in, reads := r.input.(node.Read); !reads || in.Query.Level != node.Session {
		c.seen.add(reply.At)
	} else if !c.seen.shown(in.Query.Seen, reply.At) {
		c.again(errBehind)
		return
	}
	c.w.trace.add(uint64(c.w.now))
	a := history.Answer{Outcome: history.OK, Status: history.Done, Node: r.host.id.String()}
	switch in := r.input.(type) {
	case node.Write:
		a.Status, a.Version = status(reply.Result.Status), uint64(reply.Result.Version)
	case node.Read:
		if in.Query.Range != nil {
			for _, it := range reply.Page.Items {
				a.Items = append(a.Items, history.Item{Key: it.Key, Value: string(it.Value), Version: uint64(it.Version)})
			}
			break
		}
		a.Value, a.Version = string(reply.Item.Value), uint64(reply.Item.Version)
		if !reply.Item.Exists() {
			a.Status = history.Absent
		}
	}
	c.w.trace.add(a.Version)
	c.learn(a)
	c.end(a)
}

var errBehind = errors.New("what is shown is not known to include all that this client has seen")

// learn remembers the version of the key.
func (c *client) learn(a history.Answer) {
	if c.query != nil {
		return
	}
	if v := a.Version; c.op.Do == string(history.Delete) && a.Status == history.Done {
		delete(c.versions, c.op.Key)
	} else {
		c.versions[c.op.Key] = v
	}
}

func status(s kv.Status) history.Status {
	switch s {
	case kv.Done:
		return history.Done
	case kv.Conflict:
		return history.Conflict
	}
	return history.Absent
}

// end ends the operation.
func (c *client) end(a history.Answer) {
	if c.op.Do == "session" && c.query == nil {
		c.next() // and ask for one once more
		return
	}
	c.call.End(a)
	c.call = nil
	if c.query != nil {
		c.query = nil
		c.then()
		return
	}
	c.next()
}
