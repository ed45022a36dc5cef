package scenario

import (
	"errors"
	"fmt"
	"slices"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// The scenarios of this file need no fault: users are enough.

func baseline() Scenario {
	run := func(r *Run) error { return r.load("warm-up", 1, everything(r.scaled(300))) }
	judges := []check.Checker{check.StartedEmpty, undisturbed, check.Model, check.Coverage(check.Need{OK: 250, Conflicts: 10})}
	return Scenario{
		Name:     "baseline",
		Question: "One user, no fault: does the store behave like a map with versions?",
		Cells: append([]Cell{
			{Column: "01", World: Real, Expect: Pass, Checkers: with(judges, check.Witness("api")), Run: func(r *Run) error {
				// The shell copies every value; only a caller of the API can
				// see whether the map keeps a slice of his.
				if err := r.api(); err != nil {
					return err
				}
				return run(r)
			}},
			{Column: "02", World: Real, Expect: Pass, Checkers: judges, Run: run},
			{Column: "03", World: Real, Expect: Pass, Checkers: judges, Run: run},
			{Column: "04", World: Real, Expect: Pass, Checkers: judges, Run: run},
		}, each(clustered, Cell{World: Real, Expect: Pass, Checkers: with(judges, replicated...), Run: func(r *Run) error {
			return errors.Join(run(r), r.quiet())
		}})...),
	}
}

// api drives step 01 as a library, with callers that reuse their buffers.
func (r *Run) api() error {
	h, exit, err := r.drive("model", "-ops", fmt.Sprint(r.scaled(2000)))
	if err != nil {
		return err
	}
	f := check.All(check.Judge(&h, check.Model))
	r.expect("api", f.Verdict == check.Pass && exit == "", "%d calls of the library, every buffer scribbled over after use: %s", len(h.Ops), told(f, exit))
	return nil
}

// told says in words what a driver's run came to.
func told(f check.Finding, exit string) string {
	switch {
	case exit != "":
		return "the process said: " + exit
	case f.Verdict == check.Pass:
		return "all as promised"
	}
	return f.Checker + ": " + f.Reason
}

// everything is mixed, and scans, empty values, conditions on an old version
// and keys that come back after they were deleted.
func everything(n int) func(*worker) error {
	return func(w *worker) error {
		names := append(keys(4), "k 5", "kä/6")
		old := map[string]uint64{}
		for range n {
			key := names[w.rng.IntN(len(names))]
			var op history.Op
			switch w.rng.IntN(12) {
			case 0, 1, 2:
				op = w.get(key)
			case 3, 4:
				op = w.put(key, w.value(), nil)
			case 5:
				op = w.put(key, "", nil)
			case 6, 7:
				v := old[key]
				op = w.put(key, w.value(), &v)
			case 8:
				op = w.delete(key, nil)
			case 9:
				v := old[key]
				op = w.delete(key, &v)
			default:
				w.scan([]string{"", "k", "k1", "x"}[w.rng.IntN(4)], []string{"", "k1", "zz"}[w.rng.IntN(3)], w.rng.IntN(5))
				continue
			}
			if w.rng.IntN(2) == 0 { // every other version is remembered too long
				old[key] = op.Version
			}
			if w.ctx.Err() != nil {
				return w.ctx.Err()
			}
		}
		return nil
	}
}

func contention() Scenario {
	return Scenario{
		Name:     "contention",
		Question: "Several users write the same keys at the same moment: is anything lost?",
		Cells: append([]Cell{
			{
				Column: "01", World: Real, Expect: Fails, FixedBy: "02", Checker: "goroutines",
				Why: "Two goroutines changed one map at once: updates were lost, or the process crashed.",
				Run: func(r *Run) error { return r.goroutines("map") }, Checkers: []check.Checker{check.Witness("goroutines")},
			},
			{
				Column: "02", World: Real, Expect: Pass, Checkers: []check.Checker{check.Witness("goroutines")},
				Run: func(r *Run) error { return r.goroutines("locked", "sharded", "mapped") },
			},
			{
				Column: "02", World: Sim, Expect: Pass, Checkers: []check.Checker{check.Witness("interleavings")},
				Run: func(r *Run) error { return r.interleavings("locked", "sharded", "mapped") },
			},
			{Column: "03", World: Real, Expect: Pass, Run: contended, Checkers: with(atomically(), check.Counter("counter"))},
			{
				Column: "04", World: Real, Expect: Pass, Checkers: with(atomically(), check.Counter("counter"), check.Witness("shared"), check.Witness("closed")),
				Run: func(r *Run) error { return errors.Join(r.look("held", "-what", "sharing"), contended(r)) },
			},
		}, each(clustered, Cell{World: Real, Expect: Pass, Run: contended, Checkers: with(atomically(), append(replicated, check.Counter("counter"))...)})...),
	}
}

// with returns more checkers.
func with(checkers []check.Checker, more ...check.Checker) []check.Checker {
	return slices.Concat(checkers, more)
}

// atomically is what a store with atomic operations on single keys must pass.
func atomically() []check.Checker {
	return []check.Checker{undisturbed, lin, check.Versions, check.Scans, check.Coverage(check.Need{OK: 200})}
}

// contended lets eight users fight over four keys and a counter.
func contended(r *Run) error {
	fight, count := mixed(r.scaled(40), keys(4)), increments(r.scaled(8), "counter")
	err := r.load("warm-up", 8, func(w *worker) error {
		if err := fight(w); err != nil {
			return err
		}
		w.scan("k", "", 0)
		return count(w)
	})
	if err != nil {
		return err
	}
	return r.quiet(append(keys(4), "counter")...)
}

// goroutines drives stores inside one process, from several goroutines.
func (r *Run) goroutines(stores ...string) error {
	for _, store := range stores {
		h, exit, err := r.drive("goroutines", "-store", store, "-clients", "8", "-ops", fmt.Sprint(r.scaled(2000)))
		if err != nil {
			return err
		}
		f := check.All(check.Judge(&h, lin, check.Versions, check.Scans))
		if f.Verdict == check.Inconclusive && exit == "" {
			return fmt.Errorf("%s: %s: %s", store, f.Checker, f.Reason)
		}
		r.adopt(h)
		r.expect("goroutines", f.Verdict == check.Pass && exit == "", "%s, %d operations by 8 goroutines: %s", store, len(h.Ops), told(f, exit))
		if f.Verdict != check.Pass || exit != "" {
			return nil
		}
	}
	return nil
}

// interleavings lets the explorer run the code of the stores in every order.
func (r *Run) interleavings(stores ...string) error {
	for _, store := range stores {
		got, err := r.explore(store)
		if err != nil {
			return err
		}
		r.expect("interleavings", got.Verdict == "pass", "%s, %d schedules: %s", store, got.Schedules, got.told())
	}
	return nil
}

func manyProcesses() Scenario {
	checkers := with(atomically(), check.Torn("k"), check.Counter("counter"))
	return Scenario{
		Name:     "many-processes",
		Question: "Several processes use one store: do they see the same one?",
		Cells: append([]Cell{
			{
				Column: "01", World: Real, Expect: Fails, FixedBy: "02", Checker: "linearizability", Run: together,
				Checkers: []check.Checker{lin},
				Why:      "Every process has a map of its own: what one writes, the others never see.",
			},
			{Column: "02", World: Real, Expect: Pass, Run: together2, Checkers: with(checkers, check.Witness("handles"))},
			{Column: "03", World: Real, Expect: Pass, Run: together3, Checkers: with(checkers, check.Witness("one-owner"))},
			{Column: "04", World: Real, Expect: Pass, Run: together4, Checkers: with(checkers, check.Witness("one-owner"))},
		}, each(clustered, Cell{World: Real, Expect: Pass, Run: together4, Checkers: with(checkers, append(replicated, check.Witness("one-owner"))...)})...),
	}
}

// together lets four processes count, and write values that carry a checksum.
func together(r *Run) error { return togetherWith(r) }

func togetherWith(r *Run, faults ...Fault) error {
	err := r.load("warm-up", 4, func(w *worker) error {
		if err := increments(r.scaled(15), "counter")(w); err != nil {
			return err
		}
		return checksummed(r.scaled(40), 64, keys(3))(w)
	}, faults...)
	if err != nil {
		return err
	}
	return r.quiet(append(keys(3), "counter")...)
}

// checksummed writes and reads values of so many bytes that show whether they
// were written whole.
func checksummed(n, size int, keys []string) func(*worker) error {
	return func(w *worker) error {
		for i := 0; w.more(i, n); i++ {
			key := keys[w.rng.IntN(len(keys))]
			if w.rng.IntN(2) == 0 {
				w.get(key)
				continue
			}
			w.asks++
			w.put(key, check.MakeValue(w.n, w.asks, size), nil)
		}
		return w.ctx.Err()
	}
}

// together2 adds the accident of step 02's own: a process that opens the file
// a second time and closes that again must keep its lock.
func together2(r *Run) error {
	h, exit, err := r.drive("handles", "-ops", fmt.Sprint(r.scaled(400)))
	if err != nil {
		return err
	}
	f := check.All(check.Judge(&h, lin, check.Versions))
	r.expect("handles", f.Verdict == check.Pass && exit == "", "one process opens the file twice and closes one of the two: %s", told(f, exit))
	return together(r)
}

// together3 adds the accident of step 03's own: a second server on the address
// of the first.
func together3(r *Run) error {
	if err := r.secondServer(); err != nil {
		return err
	}
	return together(r)
}

func multiKey() Scenario {
	const why = "Money moves from one key to another by two commands, and whoever looks between the two sees a wrong total."
	checkers := []check.Checker{undisturbed, check.Bank("acct-", accounts*opening, "liveness", "quiet"), check.Versions}
	return Scenario{
		Name:     "multi-key",
		Question: "Money moves between two keys while others look: is the total always right?",
		Cells: each(append([]string{"02", "03", "04"}, clustered...),
			Cell{World: Real, Expect: Fails, FixedBy: "08", Checker: "bank", Why: why, Run: transfers, Checkers: checkers}),
	}
}

const (
	accounts = 4
	opening  = 100
)

// transfers moves money between accounts with what the step has: conditional
// puts, one key at a time.
func transfers(r *Run) error {
	err := r.load("warm-up", 1, func(w *worker) error {
		for i := range accounts {
			w.put(account(i), fmt.Sprint(opening), nil)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = r.load("liveness", 5, func(w *worker) error {
		for range r.scaled(60) {
			if w.n%2 == 0 {
				w.scan("acct-", "", 0)
				continue
			}
			from := w.rng.IntN(accounts)
			amount := 1 + w.rng.IntN(5)
			w.add(account(from), -amount)
			w.add(account((from+1)%accounts), amount)
			if w.ctx.Err() != nil {
				return w.ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.rec.Phase("quiet")
	return r.together(1, func(w *worker) error { w.scan("acct-", "", 0); return nil })
}

func account(i int) string { return fmt.Sprintf("acct-%d", i) }

// add changes a number by conditional puts.
func (w *worker) add(key string, amount int) {
	for w.ctx.Err() == nil {
		got := w.get(key)
		n := 0
		fmt.Sscan(got.Value, &n)
		op := w.put(key, fmt.Sprint(n+amount), &got.Version)
		if op.Outcome != history.OK || op.Status == history.Done {
			return
		}
	}
}
