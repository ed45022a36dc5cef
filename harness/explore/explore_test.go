package explore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/explore"
)

func exhaustive(t *testing.T, setup explore.Setup, b explore.Bounds) explore.Report {
	t.Helper()
	r, err := explore.Exhaustive(setup, b)
	require.NoError(t, err)
	require.True(t, r.Complete)
	return r
}

func want(got, want uint64) error {
	if got != want {
		return fmt.Errorf("it is %d and should be %d", got, want)
	}
	return nil
}

// increments is n tasks that add one to a counter, with a lock or without.
func increments(n int, locked bool) explore.Setup {
	return func(w *explore.World) func() error {
		mem, lock := w.NewMemory("counter", 8), w.NewRWMutex("lock")
		for i := range n {
			w.Go(string(rune('A'+i)), func(*explore.Task) {
				if locked {
					lock.Lock()
					defer lock.Unlock()
				}
				mem.Store(0, mem.Load(0)+1)
			})
		}
		return func() error { return want(mem.Load(0), uint64(n)) }
	}
}

func TestALostUpdateIsFoundInEveryScheduleThatHasOne(t *testing.T) {
	r := exhaustive(t, increments(2, false), explore.Bounds{})
	require.Equal(t, 6, r.Schedules, "two of a load and a store each: 4 over 2")
	require.Equal(t, 4, r.Failed, "all but one after the other")
	require.Equal(t, 1, r.First.Preemptions)
	require.Equal(t, "ABBA", r.First.Schedule.String())
	require.EqualError(t, r.First.Err, "it is 1 and should be 2")

	r = exhaustive(t, increments(3, false), explore.Bounds{})
	require.Equal(t, 90, r.Schedules, "6! / (2!)³")
	require.Equal(t, 84, r.Failed, "all but the 3! orders one after the other")
}

func TestALockedUpdateIsNeverLost(t *testing.T) {
	r := exhaustive(t, increments(2, true), explore.Bounds{})
	require.Zero(t, r.Failed)
	require.Nil(t, r.First)
	require.Equal(t, 30, r.Schedules, "lock, load, store and unlock, end; the second comes early in 2 ways and waits, or late: 2 (2·5 + 5)")
}

func TestTheStoryOfAFailureReadsFromTopToBottom(t *testing.T) {
	r := exhaustive(t, increments(2, false), explore.Bounds{})
	require.Equal(t, `A                 | B
------------------+------------------
load counter = 0  |
                  | load counter = 0
                  | store counter = 1
store counter = 1 |
=> it is 1 and should be 2
`, r.First.Story())
}

// withdraw checks the balance and takes what it saw; in one or in two holdings
// of the lock.
func withdraw(twice bool) explore.Setup {
	return func(w *explore.World) func() error {
		lock, balance := w.NewRWMutex("balance"), 1
		body := func(*explore.Task) {
			lock.Lock()
			enough := balance > 0
			if twice {
				lock.Unlock()
				lock.Lock()
			}
			if enough {
				balance--
			}
			lock.Unlock()
		}
		w.Go("A", body)
		w.Go("B", body)
		return func() error { return want(uint64(balance), 0) }
	}
}

func TestCheckThenActIsFoundAlthoughEveryAccessIsLocked(t *testing.T) {
	r := exhaustive(t, withdraw(true), explore.Bounds{})
	require.Equal(t, 70, r.Schedules, "8 over 4")
	require.Equal(t, 60, r.Failed, "all but the 2·5 in which one has taken before the other looks")
	require.Equal(t, 1, r.First.Preemptions)

	r = exhaustive(t, withdraw(false), explore.Bounds{})
	require.Equal(t, 6, r.Schedules)
	require.Zero(t, r.Failed)
}

// transfer locks two accounts each, in the same order or in opposite ones.
func transfer(opposite bool) explore.Setup {
	return func(w *explore.World) func() error {
		x, y, moved := w.NewRWMutex("x"), w.NewRWMutex("y"), 0
		both := func(first, second *explore.RWMutex) func(*explore.Task) {
			return func(*explore.Task) {
				first.Lock()
				second.Lock()
				moved++
				second.Unlock()
				first.Unlock()
			}
		}
		w.Go("A", both(x, y))
		if opposite {
			x, y = y, x
		}
		w.Go("B", both(x, y))
		return func() error { return want(uint64(moved), 2) }
	}
}

func TestADeadlockSaysWhoWaitsForWhom(t *testing.T) {
	r := exhaustive(t, transfer(true), explore.Bounds{})
	require.Equal(t, 30, r.Schedules)
	require.Equal(t, 4, r.Failed, "each has its first lock: 2 orders, and 2 in which they ask for the second")
	require.ErrorIs(t, r.First.Err, explore.ErrDeadlock)
	require.EqualError(t, r.First.Err, "deadlock: A waits for y (B has it), B waits for x (A has it)")

	r = exhaustive(t, transfer(false), explore.Bounds{})
	require.Zero(t, r.Failed)
}

func TestNoDeathComesToTheRescueOfADeadlock(t *testing.T) {
	r := exhaustive(t, func(w *explore.World) func() error {
		lock := w.NewRWMutex("lock")
		w.Process("A", func(*explore.Task) {
			lock.Lock()
			lock.Lock()
		})
		return nil
	}, explore.Bounds{Deaths: 1})
	require.Equal(t, 2, r.Schedules, "A dies between the two, or not")
	require.Equal(t, 1, r.Failed)
	require.EqualError(t, r.First.Err, "deadlock: A waits for lock (A has it)")
}

func TestAReaderWhoReadsTwiceIsStoppedByAWriterInBetween(t *testing.T) {
	r := exhaustive(t, func(w *explore.World) func() error {
		lock := w.NewRWMutex("lock")
		w.Go("reader", func(*explore.Task) {
			lock.RLock()
			defer lock.RUnlock()
			lock.RLock() // what sync.RWMutex forbids
			defer lock.RUnlock()
		})
		w.Go("writer", func(*explore.Task) {
			lock.Lock()
			defer lock.Unlock()
		})
		return nil
	}, explore.Bounds{})
	require.NotZero(t, r.Failed)
	require.EqualError(t, r.First.Err, "deadlock: reader waits for lock (reader reads it, writer is next), writer waits for lock (reader reads it)")
}

// publish writes two words of text and a flag, in the right order or not; the
// reader looks at the text if the flag is up.
func publish(flagFirst bool) explore.Setup {
	return func(w *explore.World) func() error {
		mem := w.NewMemory("page", 24)
		text := []byte("sixteen letters!")
		w.Process("writer", func(*explore.Task) {
			if flagFirst {
				mem.Store(16, 1)
			}
			mem.Write(0, text)
			mem.Store(16, 1)
		})
		w.Process("reader", func(*explore.Task) {
			got := make([]byte, len(text))
			if mem.Load(16) == 0 {
				return
			}
			if mem.Read(0, got); string(got) != string(text) {
				panic(fmt.Sprintf("read %q", got))
			}
		})
		return nil
	}
}

func TestWhatIsPublishedBeforeItIsWrittenIsSeenHalfWritten(t *testing.T) {
	r := exhaustive(t, publish(true), explore.Bounds{})
	require.Equal(t, 21, r.Schedules, "the reader comes first, or 6 over 3")
	require.Equal(t, 6, r.Failed, "of these 14 find each word in its place in time")

	r = exhaustive(t, publish(false), explore.Bounds{})
	require.Zero(t, r.Failed)
}

func TestADeathIsOneMoreChoiceAtEveryStep(t *testing.T) {
	halves := 0
	setup := func(w *explore.World) func() error {
		mem, lock := w.NewMemory("page", 24), w.NewRWMutex("lock")
		w.Process("A", func(*explore.Task) {
			lock.Lock()
			defer lock.Unlock()
			defer mem.Store(16, 1) // the dead do nothing
			mem.Store(0, 1)
			mem.Store(8, 1)
		})
		w.Go("B", func(*explore.Task) {
			lock.Lock() // the kernel has freed it
			defer lock.Unlock()
			if mem.Load(0) != mem.Load(8) {
				halves++
				if mem.Load(16) != 0 {
					panic("A did something after its death")
				}
			}
		})
		return nil
	}
	alive := exhaustive(t, setup, explore.Bounds{})
	require.Zero(t, alive.Failed)
	require.Zero(t, halves)
	dying := exhaustive(t, setup, explore.Bounds{Deaths: 1})
	require.Zero(t, dying.Failed, "nobody waits for the dead")
	require.Greater(t, dying.Schedules, alive.Schedules)
	require.NotZero(t, halves, "but what they left behind is seen")
}

func TestAPanicIsAFailureLikeAnyOther(t *testing.T) {
	r := exhaustive(t, func(w *explore.World) func() error {
		w.Go("A", func(t *explore.Task) { t.Yield(); panic("no") })
		return nil
	}, explore.Bounds{})
	require.EqualError(t, r.First.Err, "A panicked: no")
}

func TestALockThatIsNeverReleasedIsNoticedAfterTheEnd(t *testing.T) {
	r := exhaustive(t, func(w *explore.World) func() error {
		lock := w.NewRWMutex("lock")
		w.Go("A", func(*explore.Task) { lock.Lock() })
		return func() error { lock.RLock(); return nil }
	}, explore.Bounds{})
	require.EqualError(t, r.First.Err, "after the end: waits for ever: waits for lock (A has it)")
}

func TestAProgramThatSpinsIsEnded(t *testing.T) {
	r, err := explore.Exhaustive(func(w *explore.World) func() error {
		mem := w.NewMemory("flag", 8)
		w.Go("A", func(*explore.Task) {
			for mem.Load(0) == 0 {
			}
		})
		return nil
	}, explore.Bounds{Schedules: 1})
	require.NoError(t, err)
	require.EqualError(t, r.First.Err, "no end in sight after 10000 steps")
}

func TestFewPreemptionsFindMostAndCostLittle(t *testing.T) {
	for preemptions, schedules := range map[int]int{0: 6, 1: 24, 2: 60, 3: 90} {
		r := exhaustive(t, increments(3, false), explore.Bounds{Preempt: true, Preemptions: preemptions})
		require.Equal(t, schedules, r.Schedules, preemptions)
		require.Equal(t, schedules-6, r.Failed, preemptions)
	}
}

func TestABoundThatCutsTheSearchShortIsConfessed(t *testing.T) {
	r, err := explore.Exhaustive(increments(3, false), explore.Bounds{Schedules: 89})
	require.NoError(t, err)
	require.Equal(t, 89, r.Schedules)
	require.False(t, r.Complete)
}

func TestAScheduleReplaysExactly(t *testing.T) {
	for _, setup := range []explore.Setup{increments(3, false), transfer(true), publish(true)} {
		first := exhaustive(t, setup, explore.Bounds{Deaths: 1}).First
		s, err := explore.ParseSchedule(first.Schedule.String())
		require.NoError(t, err)
		require.Equal(t, first.Schedule, s)
		again, err := explore.Replay(setup, s)
		require.NoError(t, err)
		require.Equal(t, first.Trace, again.Trace)
		require.Equal(t, first.Err, again.Err)
		require.Equal(t, first.Preemptions, again.Preemptions)
	}
}

func TestAScheduleOfAnotherProgramIsRefused(t *testing.T) {
	_, err := explore.Replay(increments(2, false), explore.Schedule{{Task: 7}})
	require.Error(t, err)
	_, err = explore.ParseSchedule("AB?")
	require.Error(t, err)
}

func TestAProgramThatDoesNotRepeatItselfIsRefused(t *testing.T) {
	runs := 0
	_, err := explore.Exhaustive(func(w *explore.World) func() error {
		runs++
		for range 4 - min(runs, 3) {
			w.Go("A", func(t *explore.Task) { t.Yield() })
		}
		return nil
	}, explore.Bounds{})
	require.ErrorContains(t, err, "does not repeat itself")
}

func BenchmarkSchedule(b *testing.B) {
	for b.Loop() {
		if _, err := explore.Replay(increments(2, true), nil); err != nil {
			b.Fatal(err)
		}
	}
}
