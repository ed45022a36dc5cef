package sim_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/sim"
)

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	for _, name := range []string{"baseline", "bad-network", "kill-restart", "everything"} {
		for seed := range uint64(10) {
			p, err := find(t, name).Draw("05", seed)
			require.NoError(t, err)
			r, err := sim.Run(p, false)
			require.NoError(t, err)
			fmt.Println(name, seed, r.Verdict, r.Checker, r.Reason, r.Seconds, len(r.History.Ops), r.Coverage)
			if r.Verdict != check.Pass {
				fmt.Println(r.Story)
				continue
			}
			again, err := sim.Run(p, false)
			require.NoError(t, err)
			require.Equal(t, r.Hash, again.Hash)
		}
	}
}

func find(t testing.TB, name string) sim.Scenario {
	s, err := sim.Find(name)
	require.NoError(t, err)
	return s
}
