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
	"zeyrho/harness/crash"
)

// crashConfig is what the flags of crash say, beside -what, -seed and -story.
type crashConfig struct {
	sync   string
	states int
	shrink bool
	plan   string
}

func (c *crashConfig) register(fs *flag.FlagSet) {
	fs.StringVar(&c.sync, "sync", crash.Batchwise, "crash: when the store syncs: batch, interval or never")
	fs.IntVar(&c.states, "states", 2000, "crash: about how many crash states are tried")
	fs.BoolVar(&c.shrink, "shrink", false, "crash, sim: cut a plan that fails down to what is needed to fail")
	fs.StringVar(&c.plan, "plan", "", "crash, sim: only this one, a file with the plan of an earlier report")
}

// runCrash takes the power from step 04 at every moment, or breaks its disk.
func runCrash(c config, out io.Writer) error {
	debug.SetGCPercent(1000) // little is alive at any time, and very much is made
	r, err := crashes(c)
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	if c.story {
		writeCrashes(out, r)
	} else if err := json.NewEncoder(out).Encode(r); err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	if r.Verdict == check.Violation {
		return violated("%s: %s", r.Checker, r.Reason)
	}
	return nil
}

func crashes(c config) (*crash.Report, error) {
	if c.crash.plan == "" {
		return crash.Run(crash.Options{What: c.what, Sync: c.crash.sync, Seed: c.seed, States: c.crash.states, Shrink: c.crash.shrink})
	}
	text, err := os.ReadFile(c.crash.plan)
	if err != nil {
		return nil, err
	}
	var p crash.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", c.crash.plan, err)
	}
	return crash.Replay(p)
}

// writeCrashes tells a report to people.
func writeCrashes(out io.Writer, r *crash.Report) {
	fmt.Fprint(out, r.Story)
	fmt.Fprintf(out, "%s: %d crash states in %d workloads", r.Verdict, r.States, r.Coverage.Workloads)
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(out, "; %d %s", r.Kinds[kind], kind)
	}
	fmt.Fprintln(out)
	if r.Verdict == check.Inconclusive {
		fmt.Fprintln(out, r.Reason)
	}
	if n := r.Coverage.Confessed; n > 0 {
		fmt.Fprintf(out, "%d times the end of the last file was damaged, and that looks like a commit that was never completed\n", n)
	}
}
