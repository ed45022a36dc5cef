package replication_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/store"
)

// conversation returns messages as nodes really send them: first words, entries,
// refusals, acknowledgements, of several epochs.
func conversation(tb testing.TB) (all []node.Message) {
	c := store.Config{}
	c.Replication.Acks = 2
	w := newCluster(3, c)
	require.NoError(tb, w.StartAll())
	gather := func() {
		for len(w.InFlight) > 0 {
			m := w.InFlight[0]
			all = append(all, m)
			w.InFlight = w.InFlight[1:]
			w.Arrive(m)
		}
	}
	gather()
	w.Put(w.Members[0], "k", "v")
	gather()
	w.Pass(w.Now)
	gather()
	w.Put(w.Members[0], "l", "v")
	w.InFlight = nil
	w.Put(w.Members[0], "m", "v")
	gather()
	w.Turn(w.Members[1], w.Promote(w.Members[1]))
	gather()
	return all
}

func TestEveryMessageIsDescribedAndNothingElse(t *testing.T) {
	all := conversation(t)
	require.NotEmpty(t, all)
	words := map[string]bool{}
	for _, m := range all {
		text := replication.Describe(m)
		require.NotEmpty(t, text, "%x", m.Data)
		words[strings.Fields(text)[0]] = true
		require.NotContains(t, text, "\n")
		for n := range m.Data {
			cut := m
			cut.Data = m.Data[:n]
			require.Empty(t, replication.Describe(cut), "%d of %d bytes of %q", n, len(m.Data), text)
		}
		m.Data = append(m.Data, 0)
		require.Empty(t, replication.Describe(m), "a byte too many")
		m.Kind = "unheard of"
		require.Empty(t, replication.Describe(m))
	}
	require.Equal(t, map[string]bool{"append": true, "ack": true, "refused": true}, words)
}

// What comes from the network is checked by its transport. Even so: whatever is
// in a message, nobody falls over it, and what must hold of a node holds.
func FuzzAnyMessageIsSurvived(f *testing.F) {
	all := conversation(f)
	for i, m := range all {
		f.Add(m.Kind == "append", i%2 == 0, m.Data)
	}
	f.Add(true, true, []byte{})
	f.Fuzz(func(t *testing.T, isAppend, toLeader bool, data []byte) {
		c := store.Config{}
		c.Replication.Acks = 2
		w := newCluster(2, c)
		require.NoError(t, w.StartAll())
		w.Settle()
		m := node.Message{From: 2, To: 1, Kind: "ack", Data: data}
		if isAppend {
			m.Kind = "append"
		}
		if !toLeader {
			m.From, m.To = 1, 2
		}
		replication.Describe(m)
		w.Arrive(m, m)
		w.Settle()
		for _, m := range w.Members {
			if m.Node == nil { // what it was told to write is no record
				continue
			}
			figures := m.Figures()
			require.LessOrEqual(t, figures.Applied, figures.Committed)
			require.LessOrEqual(t, figures.Committed, figures.Last)
			last := m.Log().Last()
			w.Stop(m, script.Lost)
			require.NoError(t, w.Start(m, false), "the disk is as it should be")
			require.Equal(t, fmt.Sprint(last), fmt.Sprint(m.Log().Last()))
		}
	})
}
