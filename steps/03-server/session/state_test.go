package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
)

func TestTheStateOfATableIsInTheOrderOfForgetting(t *testing.T) {
	table := session.NewTable("inc", 3)
	for range 4 { // so inc-1 is forgotten
		table.Open()
	}
	table.Record(session.Identity{Session: "inc-2", Number: 5}, done(9))
	table.Record(session.Identity{Session: "inc-3", Number: 1}, kv.Result{})
	require.Equal(t, session.State{Incarnation: "inc", Limit: 3, Issued: 4, Slots: []session.Slot{
		{ID: "inc-4"},
		{ID: "inc-2", Number: 5, Result: done(9)},
		{ID: "inc-3", Number: 1},
	}}, table.Export())
}

// use makes a call that changes the table, or not, and returns what was said.
func use(table *session.Table, r *rand.Rand, ids []session.ID) string {
	id := session.Identity{Session: ids[r.IntN(len(ids))], Number: 1 + r.Uint64N(6)}
	switch r.IntN(4) {
	case 0:
		return string(table.Open())
	case 1:
		table.Record(id, kv.Result{})
	default:
		table.Record(id, done(1+kv.Version(r.IntN(100))))
	}
	return said(table, id)
}

// said is the answer to a request, to the letter.
func said(table *session.Table, id session.Identity) string {
	return fmt.Sprint(table.Answer(id))
}

func TestAnImportedTableGoesOnAsTheOriginal(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		limit := 1 + r.IntN(4)
		ids := []session.ID{"stranger-1"}
		for n := range 30 {
			ids = append(ids, session.ID(fmt.Sprint("inc-", n)))
		}
		original := session.NewTable("inc", limit)
		for range r.IntN(40) {
			use(original, r, ids)
		}
		state := original.Export()
		imported, err := session.Import(state)
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, state, imported.Export())
		require.Equal(t, original.Len(), imported.Len())
		require.Equal(t, original.Limit(), imported.Limit())

		one, two := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 1))
		for step := range 60 {
			require.Equal(t, use(original, one, ids), use(imported, two, ids), "seed %d, step %d", seed, step)
			for _, name := range ids {
				id := session.Identity{Session: name, Number: 1 + r.Uint64N(6)}
				require.Equal(t, said(original, id), said(imported, id), "seed %d, step %d, request %s", seed, step, id)
			}
		}
		require.Equal(t, original.Export(), imported.Export(), "seed %d", seed)
	}
}

func TestTwoTablesFromOneStateGoTheirOwnWays(t *testing.T) {
	table := session.NewTable("inc", 3)
	id := session.Identity{Session: table.Open(), Number: 1}
	state := table.Export()
	copied, err := session.Import(state)
	require.NoError(t, err)
	table.Record(id, done(7))
	table.Open()
	require.Len(t, state.Slots, 1)
	require.Zero(t, state.Slots[0].Number)
	require.Equal(t, state, copied.Export())
}

func TestAStateThatNoTableCanBeInIsRefused(t *testing.T) {
	good := session.State{Incarnation: "inc", Limit: 2, Issued: 12, Slots: []session.Slot{
		{ID: "inc-12"}, {ID: "inc-3", Number: 4, Result: done(5)},
	}}
	_, err := session.Import(good)
	require.NoError(t, err)
	for name, spoil := range map[string]func(*session.State){
		"no room":                 func(s *session.State) { s.Limit, s.Slots = 0, nil },
		"too little room":         func(s *session.State) { s.Limit = 1 },
		"twice":                   func(s *session.State) { s.Slots[1].ID = "inc-12" },
		"will be issued":          func(s *session.State) { s.Issued = 11 },
		"never issued":            func(s *session.State) { s.Slots[1].ID = "inc-0" },
		"another incarnation":     func(s *session.State) { s.Slots[1].ID = "other-1" },
		"no number":               func(s *session.State) { s.Slots[1].ID = "inc-" },
		"a number in other words": func(s *session.State) { s.Slots[1].ID = "inc-03" },
		"an answer to nothing":    func(s *session.State) { s.Slots[1].Number = 0 },
	} {
		bad := good
		bad.Slots = slices.Clone(good.Slots)
		spoil(&bad)
		table, err := session.Import(bad)
		require.Error(t, err, name)
		require.Nil(t, table, name)
	}
}
