package catchup_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

// months writes for long, and always to the same keys.
func (w *cluster) months(r *rand.Rand, entries int) {
	n1 := w.Members[0]
	for ; entries > 0; entries -= 5 {
		var in []node.Input
		for range 5 {
			c := kv.Put(fmt.Sprint("key", r.IntN(50)), make([]byte, r.IntN(100)))
			if r.IntN(4) == 0 {
				c = kv.Delete(c.Key)
			}
			in = append(in, node.Write{Request: machine.Request{Command: c}})
		}
		w.Turn(n1, in...)
		w.Stabilize()
		w.Pass(50 * time.Millisecond)
	}
	w.Stabilize()
}

// A store of 50 keys is written to 30,000 times. What its nodes have on their disks,
// and what they read when they start, does not grow with that, whether a follower is
// there, was away, or does not come back.
func TestDisksAndStartsAreBoundedByWhatIsInTheStore(t *testing.T) {
	const (
		every, keep, segment = 5000, 20, 1000
		gone                 = 500 * time.Millisecond // in which 50 entries are written
		entry                = 90                     // bytes, on average and with what is around it
		snapshots            = 2 * 50 * entry         // the one before and the next
		log                  = every + (keep+50)*entry + 2*segment
		bound                = snapshots + log
	)
	c := small(1)
	c.SegmentSize, c.Catchup.Every, c.Catchup.Keep, c.Catchup.Gone = segment, every, keep, gone
	w := started(t, 3, c)
	r := rand.New(rand.NewPCG(6, 6))
	most := map[node.ID]int{}
	for round := range 60 {
		switch {
		case round%20 == 5:
			w.Stop(w.Members[1], script.Kept)
		case round%20 == 10:
			require.NoError(t, w.Start(w.Members[1], false))
		}
		w.months(r, 500)
		for _, m := range w.Members {
			if m.Node == nil {
				continue
			}
			most[m.ID] = max(most[m.ID], m.Disk.Bytes())
			require.LessOrEqual(t, m.Disk.Bytes(), bound, "round %d, %v", round, m.ID)
			if round%7 == int(m.ID) {
				w.Stop(m, script.Lost)
				require.NoError(t, w.Start(m, false))
				found := m.Node.Replica().Found()
				require.LessOrEqual(t, found.Bytes, int64(log), "round %d, %v", round, m.ID)
				w.Settle()
			}
		}
	}
	require.Greater(t, w.Members[0].Log().Last().Index, uint64(30_000))
	converges(t, w)
	t.Logf("at most %v bytes, of %d that were written", most, w.Members[0].Log().Last().Index*100)
}
