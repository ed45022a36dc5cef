package rush_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/rush"
)

func TestABoundedQueueKeepsItsPromises(t *testing.T) {
	for seed := range uint64(10) {
		r := rush.Run(rush.Drawn(seed))
		require.Empty(t, r.Doubt, "seed %d", seed)
		for _, f := range r.Findings {
			require.True(t, f.OK, "seed %d: %s: %s", seed, f.Checker, f.Text)
		}
	}
}

func TestAnUnboundedQueueServesNobody(t *testing.T) {
	c := rush.Plain(1)
	c.Unbounded = true
	broken := map[string]bool{}
	for _, f := range rush.Run(c).Findings {
		broken[f.Checker] = !f.OK
	}
	require.True(t, broken["goodput"])
	require.True(t, broken["recovery"])
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	require.Equal(t, rush.Run(rush.Drawn(7)), rush.Run(rush.Drawn(7)))
	require.NotEqual(t, rush.Run(rush.Plain(7)).Samples, rush.Run(rush.Plain(8)).Samples)
}
