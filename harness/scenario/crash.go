package scenario

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// The scenarios of this file kill and stop processes.

func killRestart() Scenario {
	return Scenario{
		Name:     "kill-restart",
		Question: "kill -9 under load, then a restart: is everything still there that was acknowledged?",
		Cells: append([]Cell{
			{
				Column: "01", World: Real, Expect: Fails, FixedBy: "04", Checker: "durability",
				Run: func(r *Run) error { return r.killed(1, 1, 200) }, Checkers: []check.Checker{undisturbed, check.Durable, living(1)},
				Why: "The map lived in the memory of a process, and died with it.",
			},
			{
				Column: "02", World: Real, Expect: Pass, Run: func(r *Run) error { return r.killed(4, 3, 5) },
				Checkers: []check.Checker{undisturbed, check.Durable, living(4), lin, check.Versions, check.Coverage(check.Need{OK: 150, Faults: []string{"kill -9"}})},
			},
			{
				Column: "03", World: Real, Expect: Fails, FixedBy: "04", Checker: "durability",
				Run: func(r *Run) error { return r.killed(4, 1, 200) }, Checkers: []check.Checker{undisturbed, check.Durable, living(4)},
				Why: "The server kept everything in memory: an acknowledged write is gone after kill -9. Step 02's file would have kept it.",
			},
			{
				Column: "04", World: Real, Expect: Pass, Run: killKept, Flags: []string{"-segment", "8192"},
				Checkers: with(kept(6), check.Coverage(check.Need{OK: 250, Faults: []string{"kill -9"}})),
			},
		}, each(clustered, Cell{
			World: Real, Expect: Pass, Run: killNodes, Flags: []string{"-segment", "8192"},
			Checkers: with(with(kept(6), replicated...), check.Coverage(check.Need{OK: 250, Faults: []string{"kill -9"}})),
		})...),
	}
}

// killed lets workers write n keys while whatever holds the data is killed and
// brought back, several times. With many keys, some of what is lost is not
// written again, so that a reader misses it in the end.
func (r *Run) killed(workers, times, n int) error {
	each := r.scaled(60)
	places := []int{r.midway(workers * each)}
	if times > 1 {
		places = r.drawn(times, workers*each)
	}
	var faults []Fault
	for _, at := range places {
		faults = append(faults, Fault{At: at, Node: "store", Text: "kill -9, and restart", Do: func() error {
			if err := r.sys.kill(); err != nil {
				return err
			}
			return r.sys.restart()
		}})
	}
	if err := r.load("faults", workers, mixed(each, keys(n)), faults...); err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	return r.quiet(keys(n)...)
}

func powerLoss() Scenario {
	why := "Nothing was ever synced to a disk, so nothing that was acknowledged has to be there when the power comes back."
	memory := func(r *Run) error {
		r.note("", "the disk after a power loss holds what was synced: of this step, nothing")
		return r.killed(1, 1, 200)
	}
	durable := []check.Checker{check.Durable}
	return Scenario{
		Name:     "power-loss",
		Question: "The power fails: is everything still there that was acknowledged?",
		Cells: []Cell{
			{Column: "01", World: Sim, Expect: Fails, FixedBy: "04", Checker: "durability", Why: why, Run: memory, Checkers: durable},
			{
				Column: "02", World: Sim, Expect: Fails, FixedBy: "04", Checker: "durability", Run: scrambled, Flags: []string{"-size", fmt.Sprint(4 << 20)}, Checkers: []check.Checker{check.Witness("durability")},
				Why: "A mapped file outlives its processes, but not the power: each of its pages may be new, old or somewhere between.",
			},
			{Column: "03", World: Sim, Expect: Fails, FixedBy: "04", Checker: "durability", Why: why, Run: memory, Checkers: durable},
			journalCell("power-loss", Pass, "durability"),
		},
	}
}

func holderKilled() Scenario {
	return Scenario{
		Name:     "holder-killed",
		Question: "A process is killed while it holds the lock and writes: do the others go on, and see no half of what it wrote?",
		Cells: []Cell{{
			Column: "02", World: Real, Expect: Pass, Run: killHolders, Flags: roomy,
			Checkers: []check.Checker{
				undisturbed, lin, check.Versions, living(4), check.Torn("k"), check.Counter("counter"),
				check.Gap("faults", 2*time.Second), check.Coverage(check.Need{OK: 200, Faults: []string{"a client is stopped"}}), check.Witness("holder"),
			},
		}},
	}
}

// roomy is a file for large values. On a busy machine it may take many tries
// to catch a holder, and the others write on meanwhile.
var roomy = []string{"-size", fmt.Sprint(128 << 20)}

// killHolders kills processes of step 02, each while it holds the lock.
func killHolders(r *Run) error {
	each := r.scaled(80)
	var faults []Fault
	for _, at := range r.drawn(4, 4*each) {
		faults = append(faults, Fault{At: at, Text: "a client is stopped while it holds the lock, and killed", Do: func() error {
			w, err := r.catchHolder()
			if err != nil {
				return err
			}
			r.expect("holder", true, "client %d held the lock when it was killed", w.n)
			w.close()
			return nil
		}})
	}
	// Large values: most of a holder's time goes into its write.
	write, count := checksummed(each, 8<<10, keys(3)), increments(each, "counter")
	err := r.load("faults", 4, func(w *worker) error {
		if w.n%2 == 0 {
			return count(w)
		}
		return write(w)
	}, faults...)
	if err != nil {
		return err
	}
	if err := r.alive(4); err != nil {
		return err
	}
	return r.quiet(append(keys(3), "counter")...)
}

func clientPaused() Scenario {
	checkers := []check.Checker{undisturbed, lin, check.Versions, check.Gap("faults", time.Second), living(4), check.Witness("paused")}
	return Scenario{
		Name:     "client-paused",
		Question: "One client is stopped at its worst moment: do the others wait for it?",
		Cells: append([]Cell{
			{
				Column: "02", World: Real, Expect: Fails, FixedBy: "03", Checker: "gap", Run: pauseHolder, Flags: roomy, Checkers: checkers,
				Why: "A process that was stopped, not killed, keeps the lock: no other can write until it goes on.",
			},
		}, each(append([]string{"03", "04"}, clustered...), Cell{World: Real, Expect: Pass, Run: pauseAsker, Links: true, Checkers: checkers})...),
	}
}

// pause is how long a client stands still.
func (r *Run) pause() time.Duration {
	if r.lab.full {
		return 5 * time.Second
	}
	return 1500 * time.Millisecond
}

// pauseHolder stops a process of step 02 while it holds the lock: once for long,
// and several times for as long as somebody impatient might wait.
func pauseHolder(r *Run) error {
	each := r.scaled(100)
	body := func(w *worker) error {
		w.pad = 8 << 10 // so that most of a holder's time goes into its write
		return mixed(each, keys(4))(w)
	}
	var faults []Fault
	for i, at := range r.drawn(5, 4*each) {
		d := 200 * time.Millisecond
		if i == 0 {
			d = r.pause()
		}
		faults = append(faults, Fault{At: at, Text: fmt.Sprintf("a client is stopped for %v while it holds the lock", d), Do: func() error {
			w, err := r.catchHolder()
			if err != nil {
				return err
			}
			r.expect("paused", true, "client %d held the lock while it stood still", w.n)
			return r.pauseFor(w, d)
		}})
	}
	if err := r.load("faults", 4, body, faults...); err != nil {
		return err
	}
	return r.alive(4)
}

// pauseFor leaves a stopped client alone for a while and lets it go on. The
// wait is the fault, so it is measured by the clock.
func (r *Run) pauseFor(w *worker, d time.Duration) error {
	r.idle(d)
	p := w.current()
	if p == nil {
		return nil
	}
	return p.Continue()
}

// pauseAsker stops a client of step 03 in the middle of its request: half of a
// large value has been sent.
func pauseAsker(r *Run) error {
	asking := make(chan *worker, 1)
	paused := make(chan struct{})
	err := r.load("faults", 5, func(w *worker) error {
		select {
		case asking <- w: // the first of them is the one that will be stopped
			return w.hang(paused)
		default:
		}
		each := r.scaled(100)
		if err := mixed(each, keys(4))(w); err != nil {
			return err
		}
		// Others go on for as long as the one stands still.
		for !closed(paused) && w.ctx.Err() == nil {
			if err := mixed(1, keys(4))(w); err != nil {
				return err
			}
		}
		return nil
	}, Fault{At: 20, Text: fmt.Sprintf("a client is stopped for %v in the middle of a large put", r.pause()), Do: func() error {
		defer close(paused)
		w := <-asking
		link, err := r.stopMidRequest(w)
		if err != nil {
			return err
		}
		return errors.Join(r.pauseFor(w, r.pause()), link.Pass())
	}})
	if err != nil {
		return err
	}
	return r.alive(4)
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// hang puts large values, of which one will be cut in two by the stop.
func (w *worker) hang(until chan struct{}) error {
	for !closed(until) && w.ctx.Err() == nil {
		w.put("large", check.MakeValue(w.n, w.asks, 256<<10), nil)
		w.asks++
	}
	return w.ctx.Err()
}

func lostReplyAndKill() Scenario {
	return Scenario{
		Name:     "lost-reply-and-kill",
		Question: "The reply is lost, the server is killed, the client tries again: is the command applied once, and kept?",
		Cells: append([]Cell{
			{
				Column: "03", World: Real, Expect: Fails, FixedBy: "04", Checker: "durability", Run: dropAndKill,
				Checkers: []check.Checker{check.Durable, check.Coverage(check.Need{Unknown: 1, Faults: []string{"a reply is lost"}})},
				Why:      "The restarted server knows neither the write nor who asked for it. It says so (‘it may have happened’), but what it had acknowledged is gone.",
			},
			{
				Column: "04", World: Real, Expect: Pass, Run: dropAndKillKept,
				Checkers: with(kept(4), check.Witness("retried"), check.Coverage(check.Need{OK: 200, Faults: []string{"the replies to a client are lost"}})),
			},
		}, each(clustered, Cell{
			World: Real, Expect: Pass, Run: dropAndPromote,
			Checkers: with(with(kept(4), replicated...), check.Witness("retried"), check.Coverage(check.Need{OK: 200, Faults: []string{"the leader's replies are lost; then kill -9, and restart", "the leader's replies are lost; then kill -9, and another"}})),
		})...),
	}
}

// dropAndKill loses a reply, and kills the server while the client still waits.
func dropAndKill(r *Run) error {
	each := r.scaled(60)
	err := r.load("faults", 3, mixed(each, keys(60)), Fault{At: 2 * each, Node: "server", Text: "a reply is lost; then kill -9, and restart", Do: func() error {
		link, err := r.dropReply(1)
		if err != nil {
			return err
		}
		link.DropReply(1<<20, "PUT", "DELETE") // what is sent again gets no answer either
		link.Freeze()                          // so that the client finds nobody before the restart
		if err := r.sys.kill(); err != nil {
			return err
		}
		return errors.Join(r.sys.restart(), link.Pass())
	}})
	if err != nil {
		return err
	}
	return r.quiet(keys(60)...)
}

func monthsOfWrites() Scenario {
	return Scenario{
		Name:     "months-of-writes",
		Question: "The same few keys are written for months: does the space in use stay in proportion to what is stored?",
		Cells: []Cell{
			{
				Column: "02", World: Real, Expect: Fails, FixedBy: "06", Checker: "bounds", Run: fillUp, Flags: []string{"-size", fmt.Sprint(smallFile)}, Checkers: []check.Checker{check.Witness("bounds"), check.Witness("full"), undisturbed, check.Durable},
				Why: "The log keeps every write for ever: the file fills up although a few keys are all that is in it.",
			},
			{
				Column: "04", World: Real, Expect: Fails, FixedBy: "06", Checker: "bounds", Run: writeForMonths, Checkers: []check.Checker{check.Witness("bounds"), check.Witness("kept")},
				Why: "The journal keeps every write for ever: the disk fills up, and every restart reads all of it, although a thousand keys are all that is in it.",
			},
			{
				Column: "05", World: Real, Expect: Fails, FixedBy: "06", Checker: "bounds", Run: clusterForMonths, Flags: []string{"-segment", "16384"}, Checkers: bounded(),
				Why: "Every node keeps every entry for ever: all disks fill up together, and every restart reads all of it.",
			},
			{Column: "06", World: Real, Expect: Pass, Run: clusterForMonths, Checkers: bounded()},
		},
	}
}

const smallFile = 1 << 20

// fillUp writes twenty keys over and over until the file is full.
func fillUp(r *Run) error {
	live, writes, refused := map[string]int{}, 0, ""
	err := r.load("faults", 1, func(w *worker) error {
		for writes < 100_000 {
			key := fmt.Sprintf("k%d", writes%20)
			op := w.put(key, w.value(), nil)
			if op.Outcome != history.OK {
				refused = op.Error
				again := w.put(key, w.value(), nil)
				r.expect("full", again.Outcome == history.Fail && strings.Contains(again.Error, "full"), "asked again, the full store says: %s", again.Error)
				return w.ctx.Err()
			}
			live[key] = len(key) + len(op.Value)
			writes++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if refused != "" && !strings.Contains(refused, "full") {
		return fmt.Errorf("a put was refused for another reason than a full file: %s", refused)
	}
	bytes := 0
	for _, n := range live {
		bytes += n
	}
	r.expect("bounds", refused == "", "after %d writes to %d keys the file of %d bytes is full, though what is stored is %d bytes: %s",
		writes, len(live), smallFile, bytes, refused)
	return r.quiet()
}
