package durable_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
)

func TestACopyInTheSameBatchIsAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		id := session.Identity{Session: openSession(t, s), Number: 1}
		fate := d.hold("sync")
		first := laterPut(t.Context(), s, "first")
		synctest.Wait()
		before := d.count("append")
		var copies []<-chan outcome
		for range 3 {
			copies = append(copies, later(func() (kv.Result, error) {
				return s.DoOnce(t.Context(), id, kv.Put("k", nil).IfAbsent())
			}))
		}
		synctest.Wait()
		fate <- nil
		fate <- nil
		require.NoError(t, (<-first).err)
		want := <-copies[0]
		require.NoError(t, want.err)
		require.Equal(t, kv.Done, want.Status)
		for _, answer := range copies[1:] {
			require.Equal(t, want, <-answer)
		}
		require.Equal(t, before+1, d.count("append"), "they were one batch")
		it, err := s.Get(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, want.Version, it.Version)
	})
}

func TestACopyThatComesWhileTheFirstIsSyncedIsAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemory()
		s := open(t, d, durable.StoreConfig{})
		id := session.Identity{Session: openSession(t, s), Number: 1}
		fate := d.hold("sync")
		once := func() (kv.Result, error) { return s.DoOnce(t.Context(), id, kv.Put("k", nil).IfAbsent()) }
		first := later(once)
		synctest.Wait()
		second := later(once)
		synctest.Wait()
		fate <- nil
		want := <-first
		require.NoError(t, want.err)
		fate <- nil
		require.Equal(t, want, <-second)
	})
}

func TestACopyAfterARestartGetsTheFirstAnswer(t *testing.T) {
	d := newMemory()
	s := open(t, d, durable.StoreConfig{})
	name := openSession(t, s)
	id := session.Identity{Session: name, Number: 1}
	command := kv.Put("k", []byte("mine"))
	first, err := s.DoOnce(t.Context(), id, command)
	require.NoError(t, err)
	put(t, s, "k", "of another")
	for _, d := range []*memory{d.killed(), d.powerless()} {
		s := open(t, d, durable.StoreConfig{})
		before := d.count("append")
		again, err := s.DoOnce(t.Context(), id, command)
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, "of another", get(t, s, "k"), "what came later is not undone")
		require.Equal(t, before, d.count("append"), "nothing had to be written down")

		next, err := s.DoOnce(t.Context(), session.Identity{Session: name, Number: 2}, kv.Put("l", nil))
		require.NoError(t, err)
		require.Greater(t, next.Version, first.Version)
		_, err = s.DoOnce(t.Context(), id, command)
		require.ErrorIs(t, err, session.ErrSuperseded)
	}
}

func TestAConflictIsRememberedToo(t *testing.T) {
	d := newMemory()
	s := open(t, d, durable.StoreConfig{})
	id := session.Identity{Session: openSession(t, s), Number: 1}
	command := kv.Put("k", nil).IfVersion(77)
	first, err := s.DoOnce(t.Context(), id, command)
	require.NoError(t, err)
	require.Equal(t, kv.Result{Status: kv.Conflict}, first)
	put(t, s, "k", "v")
	again, err := open(t, d.killed(), durable.StoreConfig{}).DoOnce(t.Context(), id, command)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func TestNamesOfSessionsAreNotIssuedAgain(t *testing.T) {
	d := newMemory()
	issued := map[session.ID]bool{}
	for range 3 {
		s := open(t, d, durable.StoreConfig{})
		for range 3 {
			issued[openSession(t, s)] = true
		}
		require.NoError(t, s.Close())
	}
	require.Len(t, issued, 9)
	require.Contains(t, issued, session.ID("inc-9"))
}

func TestAForgottenSessionIsRefusedWithoutTroublingTheDisk(t *testing.T) {
	d := newMemory()
	s := open(t, d, durable.StoreConfig{})
	before := d.count("append")
	_, err := s.DoOnce(t.Context(), session.Identity{Session: "nobody-1", Number: 1}, kv.Put("k", nil))
	require.ErrorIs(t, err, session.ErrForgotten)
	require.Equal(t, before, d.count("append"))
	require.Empty(t, get(t, s, "k"))
}

// someRequests draws requests, few enough of each kind for them to meet.
func someRequests(r *rand.Rand, n int) (batch []machine.Request) {
	for range n {
		key := fmt.Sprint("k", r.IntN(4))
		c := []kv.Command{
			kv.Put(key, fmt.Append(nil, r.Int())), kv.Delete(key), kv.Put(key, nil).IfAbsent(),
		}[r.IntN(3)]
		switch r.IntN(4) {
		case 0:
			batch = append(batch, machine.Request{OpenSession: true})
		case 1:
			batch = append(batch, machine.Request{Command: c})
		default:
			id := session.Identity{Session: session.ID(fmt.Sprint("inc-", 1+r.IntN(12))), Number: uint64(1 + r.IntN(5))}
			batch = append(batch, machine.Request{Identity: id, Command: c})
		}
	}
	return batch
}

// answers asks an engine everything that can be asked of it.
func answers(e *durable.Engine) []string {
	stats := e.Stats()
	all := []string{fmt.Sprint(e.Scan(kv.Range{}), stats.Keys, stats.Sessions, stats.Last)}
	for i := range 30 {
		for number := range 6 {
			id := session.Identity{Session: session.ID(fmt.Sprint("inc-", i+1)), Number: uint64(number)}
			r, fresh, err := e.Answer(id)
			all = append(all, fmt.Sprint(id, r, fresh, err))
		}
	}
	return all
}

// Also whom the table has forgotten, and what is in the slots of the others.
func TestReplayGivesTheSameStore(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 4))
		d := newMemory()
		c := durable.Config{Sessions: 4, Incarnation: "inc", Journal: journal.Config{SegmentSize: 2000}}
		e := openEngine(t, d, c)
		for range 20 {
			batch := someRequests(r, 1+r.IntN(8))
			got, err := e.Commit(batch)
			require.NoError(t, err)
			require.Len(t, got, len(batch))
		}
		require.Equal(t, 4, e.Stats().Sessions)
		want := answers(e)
		require.NoError(t, e.Close())
		for range 2 {
			e := openEngine(t, d, durable.Config{})
			require.Equal(t, want, answers(e), "seed %d", seed)
			require.NoError(t, e.Close())
		}
	}
}
