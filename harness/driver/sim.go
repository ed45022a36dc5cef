package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/sim"
)

// simConfig is what the flags of sim say, beside -seed, -out, -plan and -shrink.
type simConfig struct {
	column   string
	scenario string
	seeds    int
	json     bool
	events   bool
}

func (c *simConfig) register(fs *flag.FlagSet) {
	fs.StringVar(&c.column, "column", "05", "sim: the step, as a column of the matrix")
	fs.StringVar(&c.scenario, "scenario", "baseline", "sim: what goes wrong")
	fs.IntVar(&c.seeds, "seeds", 1, "sim: how many seeds are tried, beginning with -seed, until one breaks a promise")
	fs.BoolVar(&c.json, "json", false, "sim: print a report as JSON")
	fs.BoolVar(&c.events, "events", false, "sim: the history has every message and every step of a node, too")
}

// runSim lets a cluster live in a simulated world. The history goes to -out; on
// standard output there is a report.
func runSim(c config, out io.Writer) error {
	debug.SetGCPercent(400)
	r, err := simulate(c)
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	if c.out != "" {
		if err := history.Write(out, *r.History); err != nil {
			return err
		}
	}
	if c.sim.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		writeSim(os.Stdout, r)
	}
	if err == nil && r.Verdict == check.Violation {
		return violated("%s: %s", r.Checker, r.Reason)
	}
	return err
}

func simulate(c config) (r *sim.Report, err error) {
	if file := c.crash.plan; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p, err := sim.ReadPlan(text)
		if err != nil {
			return nil, err
		}
		return sim.Run(p, c.sim.events)
	}
	r, err = sim.Seeds(c.sim.scenario, c.sim.column, c.seed, c.sim.seeds, c.sim.events)
	if err != nil || !c.crash.shrink {
		return r, err
	}
	if r = sim.Shrink(r); c.sim.events {
		return sim.Run(*r.Plan, true)
	}
	return r, nil
}

// writeSim tells a report to people.
func writeSim(out io.Writer, r *sim.Report) {
	if r.Verdict != check.Pass {
		fmt.Fprint(out, r.Story)
	}
	fmt.Fprintf(out, "%s: %s × %s, seed %d: %.1f simulated seconds, %s\n", r.Verdict, r.Scenario, r.Column, r.Seed, r.Seconds, r.Hash)
	for _, name := range slices.Sorted(maps.Keys(r.Coverage)) {
		fmt.Fprintf(out, "%7d  %s\n", r.Coverage[name], name)
	}
	if r.Verdict != check.Pass {
		fmt.Fprintf(out, "%s: %s\n", r.Checker, r.Reason)
	}
}
