package script

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"zeyrho/steps/05-replication/node"
)

// Line is a command of a script, in a world. The verbs are:
//
//	cluster nodes=3 acks=2          start three nodes, of which n1 leads a new history; cold: show how they meet
//	write n1 put k v                a client writes; several, if they stand in the lines below
//	open n1 s                       a client opens a session, which the script calls s
//	write n1 put k v as=s/1         it writes, and that is its first request
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
//	hold n1, work n1                work that n1 starts elsewhere waits; the oldest is done, or the last. With
//	                                "begun", it is done, and n1 is told only by the next "work n1"
//	status, log n1                  what there is to see
type Line struct {
	*World
	*datadriven.TestData
}

// Run runs the scripts in a directory: what is done stands above the line, what
// comes of it below. Begin makes the world that the verb "cluster" of a script
// asks for. To write the answers anew, after a change, and then to read what has
// changed:
//
//	go test ./steps/NN-name/package -run Conversations -rewrite
func Run(t *testing.T, dir string, begin func(*datadriven.TestData) *World) {
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		var w *World
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" {
				w = begin(d)
			}
			w.Text.Reset()
			if err := (Line{w, d}).run(); err != nil {
				d.Fatalf(t, "%v", err)
			}
			if w.Text.Len() == 0 {
				return "(nothing)\n"
			}
			return w.Text.String()
		})
	})
}

// Number returns the number that an argument has, or 0. A word is 0, too.
func Number(d *datadriven.TestData, arg string) int {
	n, err := strconv.Atoi(Value(d, arg))
	if err != nil {
		return 0
	}
	return n
}

// Value returns what an argument has, or "".
func Value(d *datadriven.TestData, arg string) string {
	for _, a := range d.CmdArgs {
		if a.Key == arg && len(a.Vals) > 0 {
			return a.Vals[0]
		}
	}
	return ""
}

// run does what one command of the script says.
func (s Line) run() error {
	verbs := map[string]func(m *Member) error{
		"write": s.write, "open": s.open, "read": s.read, "promote": s.promote, "sync": s.sync,
		"deliver": s.deliver, "drop": s.drop, "cut": s.cut, "hold": s.hold, "work": s.work,
		"crash": s.end, "power-loss": s.end, "wipe": s.end, "restart": s.restart,
		"disk": s.disk, "log": s.log,
	}
	switch s.Cmd {
	case "cluster":
		err := s.StartAll()
		if !s.HasArg("cold") {
			s.settle()
		}
		return err
	case "settle":
		s.settle()
		return nil
	case "stabilize":
		return s.stabilize()
	case "pass":
		d, err := time.ParseDuration(s.Word(0))
		s.Pass(d)
		return err
	case "heal":
		s.Cuts = nil
		return nil
	case "status":
		s.status()
		return nil
	}
	m := s.Member(0)
	if verb := s.recipe.Verbs[s.Cmd]; verb != nil {
		return verb(s, m)
	}
	verb := verbs[s.Cmd]
	if verb == nil || m == nil {
		return errors.New("nobody knows what that means")
	}
	return verb(m)
}

// Word returns the word at a place after the verb, or "".
func (s Line) Word(at int) string {
	if at < len(s.CmdArgs) {
		return s.CmdArgs[at].Key
	}
	return ""
}

// Member returns the node that is named by the word at a place, or nil.
func (s Line) Member(at int) *Member {
	id, err := node.ParseID(s.Word(at))
	if err != nil || int(id) > len(s.Members) {
		return nil
	}
	return s.Members[id-1]
}
