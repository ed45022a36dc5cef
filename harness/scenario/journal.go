package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"zeyrho/harness/check"
)

// The scenarios of this file are about disks. Step 04 is run on a simulated
// one, by the driver; see package crash.

// trial is a number of crash states that the driver tries, with one policy of
// syncing.
type trial struct {
	what   string // as the driver's crash calls it
	sync   string
	states int
}

// flag is the policy as step 04 knows it. In the simulation, where there is no
// clock, an interval is three batches.
func (t trial) flag() string {
	if t.sync == "interval" {
		return "20ms"
	}
	return t.sync
}

// trials returns what the cell of a scenario against step 04 consists of. Every
// policy of syncing is judged by what it promises.
func trials(scenario string) []trial {
	switch scenario {
	case "power-loss":
		return []trial{{"power", "batch", 6000}, {"power", "interval", 2000}, {"power", "never", 2000}}
	case "disk-errors":
		return []trial{{"errors", "batch", 5000}, {"errors", "interval", 2000}}
	case "bit-rot":
		return []trial{{"rot", "batch", 10_000}}
	}
	return nil
}

// journalCell is the cell of a scenario that consists of trials. What they come
// to is recorded as seen by the given checker.
func journalCell(scenario string, e Expect, checker string) Cell {
	return Cell{Column: "04", World: Sim, Expect: e, Checkers: []check.Checker{check.Witness(checker)}, Run: func(r *Run) error {
		for _, t := range trials(scenario) {
			if err := r.try(t, checker); err != nil {
				return err
			}
		}
		return nil
	}}
}

func diskErrors() Scenario {
	return Scenario{
		Name:     "disk-errors",
		Question: "The disk fails, or is full: is anybody told that something was written which was not?",
		Cells: append([]Cell{
			{
				Column: "04", World: Real, Expect: Safe,
				Run: func(r *Run) error { return errors.Join(r.look("held", "-what", "errors"), fullDisk(r)) },
				Checkers: []check.Checker{
					undisturbed, check.Witness("acknowledged"), check.Witness("told"), check.Witness("full"), check.Durable, lin, check.Versions, check.Once, living(3),
					check.Coverage(check.Need{OK: 100, Faults: []string{"no file may grow"}}),
				},
			},
			journalCell("disk-errors", Safe, "errors"),
		}, each(clustered, Cell{
			World: Real, Expect: Safe, Run: fullNodes, Lazy: true,
			Checkers: with([]check.Checker{
				undisturbed, check.Answered("full follower"), check.Witness("full"), check.Durable, lin, check.Versions, check.Once, living(3),
				check.Coverage(check.Need{OK: 200, Faults: []string{"no file may grow"}}),
			}, replicated...),
		})...),
	}
}

func bitRot() Scenario {
	return Scenario{
		Name:     "bit-rot",
		Question: "A bit flips, or a file is gone, in what was safely written: does the store say so, and touch nothing?",
		Cells: append([]Cell{
			{
				Column: "04", World: Real, Expect: Safe, Run: rottenFiles, Flags: []string{"-segment", "8192"},
				Checkers: []check.Checker{undisturbed, check.Witness("refusal"), check.Durable, check.Versions},
			},
			journalCell("bit-rot", Safe, "refusal"),
		}, each(clustered, Cell{
			World: Real, Expect: Safe, Run: rottenNodes, Flags: []string{"-segment", "8192"}, Acks: "2",
			Checkers: with([]check.Checker{undisturbed, check.Witness("refusal"), check.Durable, check.Versions, living(2)}, replicated...),
		})...),
	}
}

// rottenFiles damages copies of the files of a real server in many ways, and
// starts the program on each. The good ones are read again in the end.
func rottenFiles(r *Run) error {
	if err := r.load("warm-up", 2, filling(r.scaled(60))); err != nil {
		return err
	}
	if err := r.sys.kill(); err != nil {
		return err
	}
	r.rec.Event(faultEvent("disk", "files of the journal are damaged, in copies"))
	if err := errors.Join(r.damagedJournals(), r.sys.restart()); err != nil {
		return err
	}
	return r.quiet(keys(8)...)
}

// Crashes is what the driver has to say about crash states.
type Crashes struct {
	Verdict  check.Verdict `json:"verdict"`
	States   int           `json:"states"`
	Coverage struct {
		Faults    int `json:"faults"`
		LivedOn   int `json:"lived_on"`
		Stopped   int `json:"stopped"`
		TornTails int `json:"torn_tails"`
		Confessed int `json:"confessed"`
		Lossy     int `json:"lossy"`
		Lost      int `json:"lost"`
	} `json:"coverage"`
	Checker string          `json:"checker"`
	Reason  string          `json:"reason"`
	Story   string          `json:"story"`
	Plan    json.RawMessage `json:"plan"` // that shows it again
}

// crash runs the driver's verb crash.
func (l *Lab) crash(ctx context.Context, args ...string) (got Crashes, err error) {
	_, err = l.ask(ctx, &got, append([]string{"crash"}, args...)...)
	return got, err
}

// tried carries out a trial.
func (l *Lab) tried(ctx context.Context, t trial, seed uint64, more ...string) (Crashes, error) {
	states := t.states
	if l.full {
		states *= 40
	}
	return l.crash(ctx, append([]string{"-what", t.what, "-sync", t.sync, "-states", fmt.Sprint(states), "-seed", fmt.Sprint(seed)}, more...)...)
}

// Shrink looks for a crash state in which step 04 breaks the promise of a
// scenario, and cuts the plan that leads to it down to what is needed. If there
// is none, the verdict of what it returns is a pass.
func (l *Lab) Shrink(ctx context.Context, scenario string, seed uint64) (got Crashes, err error) {
	all := trials(scenario)
	if all == nil {
		return got, fmt.Errorf("%s is not made of plans that could be shrunken; power-loss, disk-errors and bit-rot are", scenario)
	}
	for _, t := range all {
		if got, err = l.tried(ctx, t, seed, "-shrink"); err != nil || got.Verdict != check.Pass {
			return got, err
		}
	}
	return got, nil
}

// ReplayPlan runs the plan in a file, which Shrink has returned, to the letter.
func (l *Lab) ReplayPlan(ctx context.Context, file string) (Crashes, error) {
	return l.crash(ctx, "-plan", file)
}

// try carries out a trial, and notes what came of it as what a checker has
// seen.
func (r *Run) try(t trial, checker string) error {
	got, err := r.lab.tried(r.ctx, t, r.seed)
	switch {
	case err != nil:
		return err
	case got.Verdict == check.Inconclusive:
		return fmt.Errorf("crash states with -sync %s: %s", t.flag(), got.Reason)
	case got.Verdict == check.Violation:
		for line := range strings.Lines(got.Story) {
			r.note("", "%s", strings.TrimRight(line, "\n"))
		}
		r.expect(checker, false, "with -sync %s (%s): %s", t.flag(), got.Checker, got.Reason)
	default:
		r.expect(checker, true, "-sync %s: %s", t.flag(), got)
	}
	return nil
}

// String says what was tried when nothing went wrong.
func (c Crashes) String() string {
	text := fmt.Sprintf("%d crash states", c.States)
	for _, n := range []struct {
		n    int
		what string
	}{
		{c.Coverage.Faults, "errors of the disk"},
		{c.Coverage.LivedOn, "times the store went on after one"},
		{c.Coverage.Stopped, "times it came to its end"},
		{c.Coverage.TornTails, "torn ends cut off"},
		{c.Coverage.Confessed, "times the end of the last file was damaged, which nothing can tell from a torn one"},
	} {
		if n.n > 0 {
			text += fmt.Sprintf("; %d %s", n.n, n.what)
		}
	}
	if c := c.Coverage; c.Lossy > 0 {
		text += fmt.Sprintf("; in %d of them acknowledged requests are gone, up to %d, as this policy allows", c.Lossy, c.Lost)
	}
	return text
}
