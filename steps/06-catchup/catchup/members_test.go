package catchup_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

// The mark that begins an epoch could not be written, because the disk was full.
// When there is room again, the first that n2 is asked for is to add a learner. The
// mark comes first all the same: behind it, all can be read that was there before.
func TestALearnerIsAddedBehindTheMarkOfTheEpoch(t *testing.T) {
	w := started(t, 2, small(1))
	n2 := w.Members[1]
	w.Put(w.Members[0], "k", "v")
	w.Settle()
	w.Stop(w.Members[0], script.Lost)
	n2.Disk.Fail = func(op, name string) error {
		if op == "append" && strings.HasSuffix(name, ".journal") {
			return script.ErrFull
		}
		return nil
	}
	w.Handle(n2, w.Promote(n2))
	n2.Disk.Fail = nil
	w.Sync(n2)
	require.EqualValues(t, 2, n2.Log().Last().Index, "there is no mark yet")
	w.Turn(n2, w.add(n2, 3, "host3:7000"))
	require.EqualValues(t, 4, n2.Log().Last().Index)
	r, ok := n2.Node.Read(node.Query{Key: "k", Level: node.Leader})
	require.True(t, ok)
	require.Equal(t, "v", string(r.Item.Value))
}

// Somebody starts n1 with a table in which the learner stands like all others. As
// soon as n1 knows what is in the log, the learner counts no more.
func TestALearnerCountsInNoMajorityWhateverTheTableSays(t *testing.T) {
	w := started(t, 3, small(0))
	n1 := w.Members[0]
	require.NoError(t, w.Start(w.Add(), false))
	w.Turn(n1, w.add(n1, 4, "host4:7000"))
	w.Settle()
	w.voters = 4
	w.Stop(n1, script.Lost)
	require.NoError(t, w.Start(n1, false))
	w.Settle()
	status := n1.Node.Replication.Status()
	require.Equal(t, 2, status.Acks, "of three")
	require.Len(t, status.Followers, 3)
	require.True(t, status.Followers[2].Learner)

	w.Cuts = [][2]node.ID{{2, 0}, {3, 0}}
	w.Put(n1, "k", "v")
	w.Settle()
	require.Equal(t, 1, n1.Node.Replication.Status().Pending, "n1 and the learner are no majority")
}

func TestWhatCannotBeALearnerIsRefused(t *testing.T) {
	w := started(t, 2, small(1))
	n1 := w.Members[0]
	for what, call := range map[string]node.Call{
		"in the cluster already": w.add(n1, 2, "host2:7000"),
		"n1 is in the cluster":   w.add(n1, 1, "host1:7000"),
		"a number":               w.add(n1, 0, "host:7000"),
		"an address":             w.add(n1, 3, ""),
		"does not lead":          w.add(w.Members[1], 3, "host3:7000"),
	} {
		require.ErrorContains(t, call.Run(), what)
	}
	require.EqualValues(t, 1, n1.Log().Last().Index, "nothing is in the log of what was refused")
}

// A follower that had much, and has lost its disk, gets on from less than it had.
// The log is kept for it as for others.
func TestTheLogIsKeptForAFollowerWithANewDisk(t *testing.T) {
	w := started(t, 2, small(1))
	n1, n2 := w.Members[0], w.Members[1]
	for range 9 {
		w.Turn(n1, fill(6, 100)...)
		w.Settle()
	}
	had := n2.Log().Last().Index
	w.Stop(n2, script.Lost)
	w.Pass(6 * time.Second)
	w.Pass(6 * time.Second)
	n2.Disk, w.InFlight = script.NewMemory(), nil
	require.NoError(t, w.Start(n2, false))
	for w.Pass(50 * time.Millisecond); w.parts[2].Status().Fetched == 0; w.Pass(50 * time.Millisecond) {
		w.arrives(t)
	}
	has := n2.Log().Last().Index
	require.Less(t, has, had)
	for w.parts[1].Status().Sending != nil {
		w.arrives(t)
	}

	w.Cuts, w.InFlight = [][2]node.ID{{1, 2}}, nil
	w.Turn(n1, fill(12, 100)...)
	w.Pass(50 * time.Millisecond)
	w.Pass(6 * time.Second)
	require.Greater(t, w.parts[1].Status().Saved.Index, has+3)
	require.Equal(t, has+1, n1.Log().First())
	w.Pass(6 * time.Second)
	require.Greater(t, n1.Log().First(), has+1, "and not for ever")
}

// A large store is not written down again for every small change.
func TestASnapshotIsWorthAsMuchLogAsItHasBytes(t *testing.T) {
	w := started(t, 1, small(1))
	n1 := w.Members[0]
	w.Turn(n1, fill(20, 2000)...)
	w.Turn(n1)
	require.Equal(t, 1, w.parts[1].Status().Written)
	for range 100 { // 15,000 bytes in all, and the snapshot has 40,000
		w.Put(n1, "small", strings.Repeat("x", 100))
	}
	w.Turn(n1)
	require.Equal(t, 1, w.parts[1].Status().Written)
	for range 200 {
		w.Put(n1, "small", strings.Repeat("x", 100))
	}
	w.Turn(n1)
	require.Equal(t, 2, w.parts[1].Status().Written, fmt.Sprint(w.parts[1].Status()))
}
