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

func done(v kv.Version) kv.Result { return kv.Result{Status: kv.Done, Version: v} }

func TestARecordedRequestIsNeverFreshAgain(t *testing.T) {
	table := session.NewTable("inc", 10)
	first := session.Identity{Session: table.Open(), Number: 1}
	_, fresh, err := table.Answer(first)
	require.NoError(t, err)
	require.True(t, fresh)

	table.Record(first, done(7))
	r, fresh, err := table.Answer(first)
	require.NoError(t, err)
	require.False(t, fresh)
	require.Equal(t, done(7), r, "the answer that was given the first time")

	third := session.Identity{Session: first.Session, Number: 3} // numbers may have gaps
	table.Record(third, done(8))
	for _, old := range []uint64{1, 2} {
		_, fresh, err = table.Answer(session.Identity{Session: first.Session, Number: old})
		require.ErrorIs(t, err, session.ErrSuperseded)
		require.ErrorIs(t, err, kv.ErrUnknown)
		require.False(t, fresh)
	}
	table.Record(first, done(9)) // too late, and without effect
	r, _, err = table.Answer(third)
	require.NoError(t, err)
	require.Equal(t, done(8), r)
}

func TestAFateThatNobodyKnowsStaysUnknown(t *testing.T) {
	table := session.NewTable("inc", 10)
	id := session.Identity{Session: table.Open(), Number: 1}
	table.Record(id, kv.Result{})
	_, fresh, err := table.Answer(id)
	require.False(t, fresh)
	require.ErrorIs(t, err, kv.ErrUnknown)
	require.NotErrorIs(t, err, session.ErrForgotten)
}

func TestTheStillestSessionIsForgottenFirst(t *testing.T) {
	table := session.NewTable("inc", 3)
	a, b, c := table.Open(), table.Open(), table.Open()
	table.Record(session.Identity{Session: a, Number: 1}, done(1))
	table.Answer(session.Identity{Session: b, Number: 1}) // asking leaves no trace
	d := table.Open()
	require.Equal(t, 3, table.Len())
	_, _, err := table.Answer(session.Identity{Session: b, Number: 1})
	require.ErrorIs(t, err, session.ErrForgotten)
	require.ErrorIs(t, err, kv.ErrUnknown)
	for _, id := range []session.ID{a, c, d} {
		_, fresh, err := table.Answer(session.Identity{Session: id, Number: 2})
		require.NoError(t, err)
		require.True(t, fresh)
	}
}

func TestNamesOfTwoIncarnationsNeverMeet(t *testing.T) {
	old := session.NewTable(session.NewIncarnation(), 10)
	again := session.NewTable(session.NewIncarnation(), 10)
	require.NotEqual(t, old.Open(), again.Open())
	_, _, err := again.Answer(session.Identity{Session: old.Open(), Number: 1})
	require.ErrorIs(t, err, session.ErrForgotten)
}

func TestAnIdentityIsReadAsItIsWritten(t *testing.T) {
	id := session.Identity{Session: "ABC-12", Number: 34}
	require.Equal(t, "ABC-12/34", id.String())
	back, err := session.ParseIdentity(id.String())
	require.NoError(t, err)
	require.Equal(t, id, back)
	for _, bad := range []string{"", "/", "a", "a/", "/1", "a/0", "a/-1", "a/+1", "a/1/2", "a/x", "a/18446744073709551616",
		string(slices.Repeat([]byte("a"), 100)) + "/1"} {
		_, err := session.ParseIdentity(bad)
		require.ErrorIs(t, err, kv.ErrInvalid, bad)
	}
}

// naive is a Table as one would write it without a thought for speed: the list
// of everything that was ever recorded, and a search through it.
type naive struct {
	limit   int
	history []event // in order
}

type event struct {
	id     session.Identity // Number 0: the session was opened
	result kv.Result
}

func (n *naive) last(id session.ID) (at int, e event) {
	at = -1
	for i, x := range n.history {
		if x.id.Session == id {
			at, e = i, x
		}
	}
	return at, e
}

func (n *naive) answer(id session.Identity) (kv.Result, string) {
	at, e := n.last(id.Session)
	switch {
	case at < 0:
		return kv.Result{}, "forgotten"
	case id.Number > e.id.Number:
		return kv.Result{}, "fresh"
	case id.Number < e.id.Number:
		return kv.Result{}, "superseded"
	}
	return e.result, "kept"
}

func (n *naive) open(id session.ID) {
	var alive []session.ID // the stillest first
	for i, e := range n.history {
		if at, _ := n.last(e.id.Session); at == i {
			alive = append(alive, e.id.Session)
		}
	}
	if len(alive) == n.limit {
		n.history = slices.DeleteFunc(n.history, func(e event) bool { return e.id.Session == alive[0] })
	}
	n.history = append(n.history, event{id: session.Identity{Session: id}})
}

func (n *naive) record(id session.Identity, r kv.Result) {
	if _, what := n.answer(id); what == "fresh" {
		n.history = append(n.history, event{id, r})
	}
}

func ask(table *session.Table, id session.Identity) (kv.Result, string) {
	r, fresh, err := table.Answer(id)
	switch {
	case fresh:
		return r, "fresh"
	case err == nil:
		return r, "kept"
	case fmt.Sprint(err) == fmt.Sprintf("request %s: %v", id, session.ErrForgotten):
		return r, "forgotten"
	}
	return r, "superseded"
}

func TestTheTableDoesWhatANaiveOneDoes(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		limit := 1 + rnd.IntN(4)
		table, model := session.NewTable("inc", limit), &naive{limit: limit}
		ids := []session.ID{"stranger-1"}
		for step := range 100 {
			id := session.Identity{Session: ids[rnd.IntN(len(ids))], Number: 1 + rnd.Uint64N(6)}
			switch rnd.IntN(4) {
			case 0:
				name := table.Open()
				require.NotContains(t, ids, name)
				ids = append(ids, name)
				model.open(name)
			default:
				r := done(kv.Version(step + 1))
				table.Record(id, r)
				model.record(id, r)
			}
			for _, name := range ids {
				id := session.Identity{Session: name, Number: 1 + rnd.Uint64N(6)}
				wantR, want := model.answer(id)
				gotR, got := ask(table, id)
				require.Equal(t, want, got, "seed %d, step %d, request %s", seed, step, id)
				require.Equal(t, wantR, gotR, "seed %d, step %d, request %s", seed, step, id)
			}
			require.LessOrEqual(t, table.Len(), limit)
		}
	}
}
