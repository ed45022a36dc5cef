package machine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
)

// replayed returns a map after the same commands, of a machine that was told
// what m was told.
func replayed(told []machine.Request) *kv.Map {
	m := kv.NewMap()
	replay := machine.New(machine.Settings{Sessions: 3, Incarnation: "inc"}, m)
	for i, r := range told {
		replay.Apply(uint64(2+i), r)
	}
	return m
}

func TestARestoredMachineGoesOnAsTheOriginal(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		original := newMachine()
		var told []machine.Request
		for i := range r.IntN(100) {
			told = append(told, someRequest(r))
			original.Apply(uint64(2+i), told[i])
		}
		sessions, err := session.Import(original.Export())
		require.NoError(t, err)
		restored := machine.Restore(sessions, replayed(told))
		for i := range uint64(100) {
			request := someRequest(r)
			index := uint64(2+len(told)) + i
			require.Equal(t, original.Apply(index, request), restored.Apply(index, request), "seed %d, entry %d", seed, index)
		}
		require.Equal(t, original.Scan(kv.Range{}), restored.Scan(kv.Range{}))
		require.Equal(t, original.Export(), restored.Export())
	}
}
