// Package scenario answers: what does each step promise when something goes
// wrong, and how do we know?
//
// A scenario is a question put to every step: a workload, faults, and the
// checkers that judge what came out. A cell is one scenario against one step,
// in one world, with the answer that the course expects. Some cells are
// expected to fail: they are the reason for the next step.
//
// Running a cell gives a history; judging is a function of that history and of
// nothing else, so that a recorded run can be judged again. What the harness
// saw beside the operations (how a program ended, what a driver came to) is in
// it as an observation, with its verdict: that is read back, not found anew.
package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// Expect is the verdict that a cell ought to have.
type Expect string

// What can be expected of a cell.
const (
	Pass  Expect = "pass"  // the step must survive
	Safe  Expect = "safe"  // it may refuse, it may never lie or lose
	Fails Expect = "fails" // the named checker must see the violation
	NA    Expect = "n/a"   // the question makes no sense for the step
)

// The two worlds.
const (
	Real = "real" // processes, signals, sockets
	Sim  = "sim"  // a world that the harness makes up: schedules, crash images
)

// Cell is one square of the matrix.
type Cell struct {
	Column  string // "01", "02", …
	World   string // Real or Sim
	Expect  Expect
	FixedBy string // if Fails: the column that turns the cell green
	Checker string // if Fails: the checker that must see it
	Why     string // if Fails: what the red cell means, in one sentence

	Flags []string // for the step's program, beside those that it always gets
	// Acks is how many disks acknowledge a write: see the flag -acks of step 05.
	Acks string
	// Links gives every client a link of its own, to the leader, and no other way.
	// Without it, clients of a cluster know all nodes, and are sent from one to
	// another.
	Links bool
	// Lazy nodes make no snapshots in so short a run; those of step 06 do so
	// otherwise.
	Lazy     bool
	Patience time.Duration // of client programs, for a request; 2 s

	// Run makes the history. The store has been started and is empty. An error means that the harness could not do its
	// work; the verdict is then inconclusive.
	Run func(*Run) error
	// Checkers judge the history.
	Checkers []check.Checker
}

// Scenario is a row of the matrix.
type Scenario struct {
	Name     string
	Question string // what it asks, in one sentence
	Cells    []Cell
}

// Columns are the steps that the matrix knows, in order.
func Columns() []string { return []string{"01", "02", "03", "04", "05", "06"} }

// clustered are the columns whose step is a cluster.
var clustered = []string{"05", "06"}

// each returns the cell for each of some columns.
func each(columns []string, c Cell) []Cell {
	var cells []Cell
	for _, c.Column = range columns {
		cells = append(cells, c)
	}
	return cells
}

// replicated is what a cluster must pass in the end: all nodes hold the same.
var replicated = []check.Checker{check.Agree(nodes), check.Converge(nodes, patience)}

// order is that of the rows.
var order = strings.Fields(`baseline bad-input contention many-processes
	holder-killed client-paused slow-clients lost-reply lost-reply-and-kill
	kill-restart power-loss disk-gone wrong-promotion disk-errors bit-rot
	rolling-restart overload gray-node months-of-writes
	bad-network follower-reads late-joiner broken-transfer
	leader-dies leader-paused split one-way-split clock-jumps multi-key`)

// All returns the scenarios in the order of the matrix. Columns for which a
// scenario has no cell get one that says so.
func All() []Scenario {
	all := []Scenario{
		baseline(), badInput(), contention(), manyProcesses(), holderKilled(),
		clientPaused(), slowClients(), lostReply(), lostReplyAndKill(),
		killRestart(), powerLoss(), diskGone(), diskErrors(), bitRot(), rollingRestart(), overload(),
		monthsOfWrites(), badNetwork(), followerReads(), lateJoiner(), brokenTransfer(), leaderDies(), leaderPaused(), split(), oneWaySplit(), multiKey(),
	}
	all = withSimulated(all)
	slices.SortStableFunc(all, func(a, b Scenario) int {
		return cmp.Compare(slices.Index(order, a.Name), slices.Index(order, b.Name))
	})
	for i := range all {
		all[i].fill()
		slices.SortStableFunc(all[i].Cells, func(a, b Cell) int { return cmp.Compare(a.Column, b.Column) })
	}
	return all
}

// fill adds the cells that do not apply.
func (s *Scenario) fill() {
	has := map[string]bool{}
	for _, c := range s.Cells {
		has[c.Column] = true
	}
	for _, col := range Columns() {
		if !has[col] {
			s.Cells = append(s.Cells, Cell{Column: col, World: s.Cells[0].World, Expect: NA})
		}
	}
}

// Find returns the scenario with the given name.
func Find(name string) (Scenario, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// Cell returns the cell of a column and world.
func (s Scenario) Cell(column, world string) (Cell, bool) {
	for _, c := range s.Cells {
		if c.Column == column && c.World == world {
			return c, true
		}
	}
	return Cell{}, false
}

// undisturbed judges the phases in which nothing is broken.
var undisturbed = check.Answered("start", "warm-up", check.Liveness, check.Quiet)

// Judge lets the cell's checkers look at a history of it. A program that
// crashed by itself is a violation in every cell. Trouble that the harness had
// is a finding too: such a run is no proof of anything.
func (c Cell) Judge(h *history.History) []check.Finding {
	findings := check.Judge(h, c.Checkers...)
	for _, e := range h.Events {
		switch e.Kind {
		case "crash":
			findings = append(findings, check.Finding{Checker: "crash", Verdict: check.Violation, Reason: e.Node + " " + e.Text})
		case "trouble":
			findings = append(findings, check.Finding{Checker: "harness", Verdict: check.Inconclusive, Reason: e.Text})
		}
	}
	return findings
}

// AsExpected reports whether the findings of a run are what the cell ought to
// show. A cell that must fail has to fail by its own checker, and by no other:
// every other promise that is judged in the same run has to hold.
func (c Cell) AsExpected(findings []check.Finding) bool {
	seen := false
	for _, f := range findings {
		want := check.Pass
		if c.Expect == Fails && f.Checker == c.Checker {
			want = check.Violation
			seen = true
		}
		if f.Verdict != want {
			return false
		}
	}
	return c.Expect == NA || seen || (c.Expect != Fails && len(findings) > 0)
}

// lin judges single keys; see check.Linearizable. What it cannot decide in the
// time that it has is inconclusive.
var lin = check.Linearizable(20 * time.Second)
