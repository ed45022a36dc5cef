package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/sim"
)

// How long does a simulated second take? Five nodes, 25 clients, 500 operations a
// second, with journal, disks, history, all that is watched inside, and checkers:
//
//	go test -bench . -cpu 1 ./harness/sim
func BenchmarkSimulatedSecond(b *testing.B) {
	for _, column := range []string{"05", "06"} {
		for _, name := range []string{"baseline", "everything"} {
			b.Run(name+"/"+column, func(b *testing.B) {
				s := find(b, name)
				var simulated time.Duration
				ops := 0
				for seed := uint64(0); b.Loop(); seed++ {
					p, err := s.Draw(column, seed)
					require.NoError(b, err)
					p.Nodes, p.Acks, p.Work.Clients, p.Work.Rate = 5, 3, 25, 500
					r, err := sim.Run(p, false)
					require.NoError(b, err)
					require.Equal(b, check.Pass, r.Verdict, "seed %d: %s: %s", seed, r.Checker, r.Reason)
					simulated += time.Duration(r.Seconds * float64(time.Second))
					ops += len(r.History.Ops)
				}
				b.ReportMetric(simulated.Seconds()/b.Elapsed().Seconds(), "simulated-s/s")
				b.ReportMetric(float64(ops)/simulated.Seconds(), "ops/simulated-s")
			})
		}
	}
}
