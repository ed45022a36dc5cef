package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"zeyrho/harness/history"
	"zeyrho/harness/sim"
)

// ShrinkCluster tries seeds of a simulated cluster until one breaks a promise, and
// cuts its plan down to what is needed. If none does, it returns the last run.
func (l *Lab) ShrinkCluster(ctx context.Context, scenario, column string, seed uint64, seeds int) (sim.Report, error) {
	return l.simulate(ctx, "-column", column, "-scenario", scenario, "-seed", fmt.Sprint(seed), "-seeds", fmt.Sprint(seeds), "-shrink")
}

// SimulatePlan carries out the plan in a file, to the letter, and returns all that
// happened.
func (l *Lab) SimulatePlan(ctx context.Context, file string) (got sim.Report, h history.History, err error) {
	out := filepath.Join(l.dir, "cluster.jsonl")
	if got, err = l.simulate(ctx, "-plan", file, "-events", "-out", out); err != nil {
		return got, h, err
	}
	f, err := os.Open(out)
	if err != nil {
		return got, h, err
	}
	defer f.Close()
	h, err = history.Read(f)
	return got, h, err
}
