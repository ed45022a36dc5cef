package node_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
)

func TestANameIsReadAsItIsWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 1000 {
		id := node.ID(1 + r.IntN(1<<16-1))
		e := node.NewEpoch(r.Uint64N(1<<uint(r.IntN(49))), id)
		p := node.Position{Index: r.Uint64(), Epoch: e}
		gotID, err := node.ParseID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, gotID)
		gotEpoch, err := node.ParseEpoch(e.String())
		require.NoError(t, err)
		require.Equal(t, e, gotEpoch)
		gotPosition, err := node.ParsePosition(p.String())
		require.NoError(t, err)
		require.Equal(t, p, gotPosition)
	}
	require.Equal(t, "n7", node.ID(7).String())
	require.Equal(t, "2.n3", node.NewEpoch(2, 3).String())
	require.Equal(t, "41@2.n3", node.Position{Index: 41, Epoch: node.NewEpoch(2, 3)}.String())
	require.Equal(t, "0@0", node.Position{}.String())
	nothing, err := node.ParsePosition("0@0")
	require.NoError(t, err)
	require.Zero(t, nothing)
	id, err := node.ParseID("3")
	require.NoError(t, err, "the number alone will do")
	require.EqualValues(t, 3, id)
}

func TestWhatIsNoNameIsRefused(t *testing.T) {
	for _, text := range []string{"", "n", "0", "n0", "-1", "n-1", "+1", "65536", "nn1", " n1", "n1 ", "x", "1.5"} {
		_, err := node.ParseID(text)
		require.ErrorContains(t, err, "is not the number of a node", text)
	}
	for _, text := range []string{"", "1", "1.", ".n1", "n1.1", "-1.n1", "1.n0", "1.n1.n1", "281474976710656.n1", "0.", "00"} {
		_, err := node.ParseEpoch(text)
		require.ErrorContains(t, err, "is not an epoch, such as 2.n3", text)
	}
	for _, text := range []string{"", "@", "1", "1@", "@1.n1", "x@1.n1", "1@x", "1@1.n1@", "18446744073709551616@0", "-1@0"} {
		_, err := node.ParsePosition(text)
		require.ErrorContains(t, err, "is not a position, such as 41@2.n3", text)
	}
}

func FuzzPositionsAreReadOrRefused(f *testing.F) {
	for _, seed := range []string{"41@2.n3", "0@0", "1@1.1", "@", "1@", "9999999999999999999999@1.n1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := node.ParsePosition(text)
		if err != nil {
			require.Less(t, len(err.Error()), 400)
			return
		}
		again, err := node.ParsePosition(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func TestTwoNodesNeverLeadTheSameEpoch(t *testing.T) {
	e := node.NewEpoch(4, 2)
	require.EqualValues(t, 4, e.Number())
	require.EqualValues(t, 2, e.Leader())
	a, b := e.Next(1), e.Next(3)
	require.NotEqual(t, a, b)
	require.Greater(t, a, e, "also if the leader has a smaller number")
	require.Greater(t, b, a, "one of the two is later")
	require.Greater(t, a.Next(1), b)
	require.Equal(t, node.NewEpoch(5, 1), a)
}

func TestALogIsWorthMoreIfItsEpochIsLaterAndThenIfItIsLonger(t *testing.T) {
	ordered := []node.Position{
		{}, {Index: 1, Epoch: first}, {Index: 9, Epoch: first}, {Index: 2, Epoch: node.NewEpoch(1, 2)},
		{Index: 2, Epoch: node.NewEpoch(2, 1)}, {Index: 3, Epoch: node.NewEpoch(2, 1)},
	}
	for i, p := range ordered {
		for j, q := range ordered {
			require.Equal(t, i < j, p.Before(q), "%v before %v", p, q)
		}
	}
}
