package machine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
)

func newMachine() *machine.Machine {
	return machine.New(machine.Settings{Sessions: 3, Incarnation: "inc"}, kv.NewMap())
}

func TestACopyIsAnsweredAndNotApplied(t *testing.T) {
	m := newMachine()
	require.Equal(t, machine.Answer{Session: "inc-1"}, m.Apply(2, machine.Request{OpenSession: true}))
	id := session.Identity{Session: "inc-1", Number: 1}
	_, fresh, err := m.Answer(id)
	require.NoError(t, err)
	require.True(t, fresh)

	once := machine.Request{Identity: id, Command: kv.Put("k", nil).IfAbsent()}
	want := machine.Answer{Result: kv.Result{Status: kv.Done, Version: 3}}
	require.Equal(t, want, m.Apply(3, once))
	require.Equal(t, want, m.Apply(4, once), "a copy gets the answer that the first one got")
	require.EqualValues(t, 3, m.Get("k").Version)
	r, fresh, err := m.Answer(id)
	require.NoError(t, err)
	require.False(t, fresh)
	require.Equal(t, want.Result, r)
}

func TestARequestOfAForgottenSessionIsNotApplied(t *testing.T) {
	m := newMachine()
	for i := range m.Room() + 1 {
		m.Apply(uint64(2+i), machine.Request{OpenSession: true})
	}
	require.Equal(t, 3, m.Sessions())
	id := session.Identity{Session: "inc-1", Number: 1}
	a := m.Apply(9, machine.Request{Identity: id, Command: kv.Put("k", nil)})
	require.ErrorIs(t, a.Err, session.ErrForgotten)
	require.ErrorIs(t, a.Err, kv.ErrUnknown)
	require.Zero(t, m.Len())
}

func TestTheVersionOfACommandIsItsIndex(t *testing.T) {
	m := newMachine()
	a := m.Apply(7, machine.Request{Command: kv.Put("k", []byte("v"))})
	require.Equal(t, machine.Answer{Result: kv.Result{Status: kv.Done, Version: 7}}, a)
	require.Equal(t, kv.Item{Key: "k", Value: []byte("v"), Version: 7}, m.Get("k"))
}

// someRequest draws one: sessions that are known, forgotten or never were,
// numbers that are fresh, kept or late.
func someRequest(r *rand.Rand) machine.Request {
	if r.IntN(8) == 0 {
		return machine.Request{OpenSession: true}
	}
	c := kv.Put(fmt.Sprint("k", r.IntN(3)), []byte(fmt.Sprint(r.IntN(100))))
	if r.IntN(3) == 0 {
		c = kv.Delete(c.Key)
	}
	if r.IntN(3) == 0 {
		c = c.IfAbsent()
	}
	if r.IntN(3) == 0 {
		return machine.Request{Command: c}
	}
	id := session.Identity{Session: session.ID(fmt.Sprint("inc-", r.IntN(8))), Number: 1 + r.Uint64N(4)}
	return machine.Request{Identity: id, Command: c}
}

func TestMachinesThatAreToldTheSameAreTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	one, two := newMachine(), newMachine()
	for index := uint64(2); index < 500; index++ {
		told := someRequest(r)
		again, err := machine.ReadRequest(machine.AppendRequest(nil, told))
		require.NoError(t, err)
		require.Equal(t, one.Apply(index, told), two.Apply(index, again), "entry %d: %v", index, told)
	}
	require.Equal(t, one.Scan(kv.Range{}), two.Scan(kv.Range{}))
	require.Equal(t, one.Sessions(), two.Sessions())
}
