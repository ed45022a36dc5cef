package catchup_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/06-catchup/catchup"
)

// conversation returns the messages of this package, as nodes really send them.
func conversation(t *testing.T) (all []node.Message) {
	w := behind(t, 2, 1)
	for range 4 {
		w.Pass(50 * time.Millisecond)
		for len(w.InFlight) > 0 {
			m := w.InFlight[0]
			w.InFlight = w.InFlight[1:]
			if catchup.Describe(m) != "" {
				all = append(all, m)
			}
			w.Arrive(m)
		}
	}
	return all
}

func TestEveryMessageIsDescribedAndNothingElse(t *testing.T) {
	words := map[string]bool{}
	for _, m := range conversation(t) {
		text := catchup.Describe(m)
		for _, phrase := range []string{"which have you got?", "bytes 0 to", "I have 0 of", "I have everything up to"} {
			if strings.Contains(text, phrase) {
				words[phrase] = true
			}
		}
		for n := range 40 { // shorter than any of them
			cut := m
			cut.Data = m.Data[:n]
			require.Empty(t, catchup.Describe(cut))
		}
		m.Kind = "unheard of"
		require.Empty(t, catchup.Describe(m))
	}
	require.Len(t, words, 4)
}

// A chunk of an old leader, or of another cluster, is nothing to anybody. Nor is any
// to a node that leads itself.
func TestAChunkIsTakenFromOnesLeaderOnly(t *testing.T) {
	w := behind(t, 3, 1)
	w.Pass(50 * time.Millisecond)
	var late node.Message
	for late.Data == nil {
		if m := w.InFlight[0]; strings.Contains(catchup.Describe(m), "bytes 0 to") {
			late = m
			break
		}
		w.arrives(t)
	}
	other := newCluster(3, small(1))
	other.Members[0].Random = rand.New(rand.NewPCG(99, 99))
	require.NoError(t, other.StartAll())
	other.Settle()
	other.Members[2].Hold = true
	other.Arrive(late)
	require.Nil(t, other.parts[3].Status().Incoming, "another history")

	w.Cuts, w.InFlight = [][2]node.ID{{1, 0}, {2, 3}}, nil
	w.Turn(w.Members[1], w.Promote(w.Members[1]))
	toLeader := late
	toLeader.To = 2
	w.Arrive(toLeader)
	require.Nil(t, w.parts[2].Status().Incoming, "it leads")

	w.Cuts = [][2]node.ID{{1, 0}}
	w.Pass(50 * time.Millisecond)
	w.arrives(t)
	e, _ := w.Members[2].Epoch()
	require.EqualValues(t, 2, e.Leader())
	w.Members[2].Hold = true
	w.Arrive(late)
	require.Zero(t, w.parts[3].Status().Incoming.Bytes, "an old leader")
}

// What comes from the network is checked by its transport. Even so: whatever is
// in a message, nobody falls over it, and the nodes come to hold the same.
func FuzzAnyMessageIsSurvived(f *testing.F) {
	for _, kind := range []string{"chunk", "got"} {
		f.Add(kind == "chunk", []byte{})
		f.Add(kind == "chunk", make([]byte, 60))
	}
	f.Fuzz(func(t *testing.T, isChunk bool, data []byte) {
		for _, from := range conversation(t) { // those that are there, with the beginning of something else
			if isChunk == (from.Kind == "chunk") {
				m := from
				m.Data = append(append([]byte{}, data...), from.Data[min(len(data), len(from.Data)):]...)
				survives(t, m)
			}
		}
	})
}

func survives(t *testing.T, m node.Message) {
	w := behind(t, 2, 1)
	w.Pass(50 * time.Millisecond)
	catchup.Describe(m)
	for range 3 {
		w.Arrive(m)
		w.Stabilize()
		w.Pass(50 * time.Millisecond)
	}
	for _, m := range w.Members {
		if m.Node == nil { // it was sent what is no snapshot of anything
			require.NoError(t, m.Failed)
		}
	}
	if e, _ := w.Members[0].Epoch(); e != node.NewEpoch(1, 1) {
		return // it was told that it had been replaced
	}
	converge(t, w, false)
	w.Stop(w.Members[1], script.Lost)
	require.NoError(t, w.Start(w.Members[1], false), "the disk is as it should be")
}
