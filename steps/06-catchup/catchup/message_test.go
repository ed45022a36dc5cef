package catchup_test

import (
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
