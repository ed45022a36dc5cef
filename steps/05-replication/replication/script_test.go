package replication_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/store"
)

// The scripts in testdata are conversations between nodes: what is done stands
// above the line, what comes of it below. Time stands still, and no message
// arrives, unless the script says so. To write the answers anew, after a change:
//
//	go test ./steps/05-replication/replication -run Conversations -rewrite
//
// and then read what has changed. The verbs:
//
//	cluster nodes=3 acks=2          start three nodes, of which n1 leads a new history; cold: show how they meet
//	write n1 put k v                a client writes; several, if they stand in the lines below
//	read n2 k level=stale           a client reads; level=session seen=4@1.n1
//	promote n2                      an operator makes n2 the leader
//	deliver n1 n2                   the oldest message from n1 to n2 arrives, or the last; once, or twice,
//	                                or as a copy while the message itself is still under way
//	drop n1 n2                      it is lost; or all of them
//	stabilize                       messages arrive, until none is under way; quietly: only tell how many
//	pass 50ms                       time passes
//	settle                          messages arrive and time passes, until nobody has any news; then status
//	cut n1 n2, cut n1, heal         a link loses what is sent, or all links of a node do
//	crash n1, power-loss n1         its process ends; with power-loss, what was not synced is gone
//	restart n1                      it starts again; new: with a new history
//	wipe n1                         its process ends, and its disk is a new one
//	disk n1 full, disk n1 free      there is no room on it, or there is again
//	sync n1                         ends a turn that was begun with "unsynced": write n1 put k v unsynced
//	status, log n1                  what there is to see
type script struct {
	*cluster
	*datadriven.TestData
}

func TestConversations(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var c *cluster
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" {
				c = newCluster(number(d, "nodes"), store.Config{})
				c.config.Replication.Acks = number(d, "acks")
			}
			c.text.Reset()
			err := script{c, d}.run()
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			if c.text.Len() == 0 {
				return "(nothing)\n"
			}
			return c.text.String()
		})
	})
}

func number(d *datadriven.TestData, arg string) (n int) {
	if d.HasArg(arg) && !slices.Equal(values(d, arg), []string{"majority"}) {
		n, _ = strconv.Atoi(values(d, arg)[0])
	}
	return n
}

func values(d *datadriven.TestData, arg string) []string {
	a, _ := d.Arg(arg)
	return a.Vals
}

// run does what one command of the script says.
func (s script) run() error {
	verbs := map[string]func(m *member) error{
		"write": s.writeVerb, "read": s.readVerb, "promote": s.promoteVerb, "sync": s.syncVerb,
		"deliver": s.deliverVerb, "drop": s.dropVerb, "cut": s.cutVerb,
		"crash": s.endVerb, "power-loss": s.endVerb, "wipe": s.endVerb, "restart": s.restartVerb,
		"disk": s.diskVerb, "log": s.logVerb,
	}
	switch s.Cmd {
	case "cluster":
		err := s.startAll()
		if !s.HasArg("cold") {
			s.settleVerb()
		}
		return err
	case "settle":
		s.settleVerb()
		return nil
	case "stabilize":
		return s.stabilizeVerb()
	case "pass":
		d, err := time.ParseDuration(s.word(0))
		s.pass(d)
		return err
	case "heal":
		s.cuts = nil
		return nil
	case "status":
		s.statusVerb()
		return nil
	}
	verb, m := verbs[s.Cmd], s.member(0)
	if verb == nil || m == nil {
		return errors.New("nobody knows what that means")
	}
	return verb(m)
}

// word returns the word at a place after the verb, or "".
func (s script) word(at int) string {
	if at < len(s.CmdArgs) {
		return s.CmdArgs[at].Key
	}
	return ""
}

// member returns the node that is named by the word at a place, or nil.
func (s script) member(at int) *member {
	id, err := node.ParseID(s.word(at))
	if err != nil || int(id) > len(s.members) {
		return nil
	}
	return s.members[id-1]
}

// begin has a turn with inputs, or only the first half of one.
func (s script) begin(m *member, in ...node.Input) error {
	if m.node == nil {
		return fmt.Errorf("%v is down", m.id)
	}
	if s.HasArg("unsynced") {
		s.handle(m, in...)
		s.say("%v: has written up to %v, and has not synced", m.id, m.log().Last())
		return nil
	}
	s.turn(m, in...)
	return nil
}

func (s script) writeVerb(m *member) error {
	lines := strings.Split(s.Input, "\n")
	if s.Input == "" {
		lines = []string{strings.Join([]string{s.word(1), s.word(2), s.word(3)}, " ")}
	}
	var in []node.Input
	for _, line := range lines {
		c, err := command(strings.Fields(line))
		if err != nil {
			return err
		}
		in = append(in, s.write(machine.Request{Command: c}))
	}
	return s.begin(m, in...)
}

func command(words []string) (kv.Command, error) {
	switch {
	case len(words) == 3 && words[0] == "put":
		return kv.Put(words[1], []byte(words[2])), nil
	case len(words) == 2 && words[0] == "delete":
		return kv.Delete(words[1]), nil
	}
	return kv.Command{}, fmt.Errorf("not a write: %q", words)
}

func (s script) readVerb(m *member) error {
	q := node.Query{Key: s.word(1), Level: node.Leader}
	if s.HasArg("level") {
		q.Level = node.Level(values(s.TestData, "level")[0])
	}
	if s.HasArg("seen") {
		seen, err := node.ParsePosition(values(s.TestData, "seen")[0])
		if err != nil {
			return err
		}
		q.Seen = seen
	}
	s.read(m, q)
	return nil
}

func (s script) promoteVerb(m *member) error { return s.begin(m, s.promote(m)) }

func (s script) syncVerb(m *member) error {
	s.sync(m)
	return nil
}

func (s script) deliverVerb(from *member) error {
	to := s.member(1)
	m, ok := s.take(from.id, to.id, s.HasArg("last"))
	if !ok {
		return errors.New("there is no such message")
	}
	messages := []node.Message{m}
	if s.HasArg("twice") {
		messages = append(messages, m)
	}
	if s.HasArg("copy") {
		s.inFlight = append(s.inFlight, m)
	}
	s.arrive(messages...)
	return nil
}

func (s script) dropVerb(from *member) error {
	to, n := s.member(1), 0
	for ok := true; ok && (n == 0 || s.HasArg("all")); n++ {
		if _, ok = s.take(from.id, to.id, s.HasArg("last")); !ok && n == 0 {
			return errors.New("there is no such message")
		}
	}
	return nil
}

func (s script) stabilizeVerb() error {
	n := s.stabilize()
	if s.HasArg("quietly") {
		s.text.Reset()
		s.say("(%d messages)", n)
	}
	return nil
}

func (s script) settleVerb() {
	s.settle()
	s.text.Reset()
	s.statusVerb()
}

func (s script) cutVerb(m *member) error {
	link := [2]node.ID{m.id}
	if other := s.member(1); other != nil {
		link[1] = other.id
	}
	s.cuts = append(s.cuts, link)
	return nil
}

func (s script) endVerb(m *member) error {
	f := kept
	if s.Cmd == "power-loss" {
		f = lost
	}
	s.stop(m, f)
	if s.Cmd == "wipe" {
		m.disk = newMemory()
	}
	return nil
}

func (s script) restartVerb(m *member) error {
	if m.node != nil {
		return fmt.Errorf("%v is up", m.id)
	}
	if err := s.start(m, s.HasArg("new")); err != nil {
		s.say("%v: does not start: %v", m.id, err)
	}
	return nil
}

func (s script) diskVerb(m *member) error {
	m.disk.fail = nil
	if s.HasArg("full") {
		m.disk.failOn(errFull, "create", "append")
	}
	return nil
}

func (s script) logVerb(m *member) error {
	log := m.log()
	entries, err := log.Fetch(log.First(), log.Last().Index, 1<<20)()
	for _, e := range entries {
		what := machine.Describe(e.Index, e.Record)
		switch {
		case e.Index == 1:
			what = "settings"
		case len(e.Record) == 0:
			what = "the reign begins"
		}
		s.say("%-8v %s", e.Position, what)
	}
	return err
}

func (s script) statusVerb() {
	s.say("node  role      epoch  log      synced  committed  applied")
	for _, m := range s.members {
		if m.node == nil {
			s.say("%-5v down", m.id)
			continue
		}
		st, f := m.node.Replication.Status(), m.figures()
		s.say("%-5v %-9s %-6v %-8v %-7d %-10d %d", m.id, st.Role, st.Epoch, m.log().Last(), f.Synced, f.Committed, f.Applied)
		if st.Alarm != "" {
			s.say("      ALARM: %s", st.Alarm)
		}
	}
}
