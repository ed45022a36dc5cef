package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// The scenarios of this file are about a server that keeps what it was told, in
// a directory: step 04 and those after it.

// killKept lets workers write while the server is killed and brought back, each
// time with another policy of syncing. What a process has written is in the
// memory of the operating system, which outlives it: so none of the policies
// may lose anything here. (A loss of power is another matter.)
func killKept(r *Run) error {
	const workers = 6
	times, each := 12, r.scaled(80)
	if r.lab.full {
		times = 100
	}
	var faults []Fault
	for i, at := range r.drawn(times, workers*each) {
		policy := []string{"never", "20ms", "batch"}[i%3]
		faults = append(faults, Fault{At: at, Node: "server", Text: "kill -9, and restart with -sync " + policy, Do: func() error {
			s := r.theServer()
			s.flags = append(slices.Clone(r.cell.Flags), "-sync", policy)
			s.server.Kill()
			return s.restart()
		}})
	}
	if err := r.contest(workers, 3, each, keys(4), faults...); err != nil {
		return err
	}
	return r.quiet(append(keys(4), "counter")...)
}

// contest lets every n-th worker add to a counter, whose total shows what was
// lost or applied twice, and the others fight over keys, while the faults
// happen. Then everybody has to be served again.
func (r *Run) contest(workers, n, each int, keys []string, faults ...Fault) error {
	fight, count := mixed(each, keys), increments(each, "counter")
	err := r.load("faults", workers, func(w *worker) error {
		if w.n%n == 0 {
			return count(w)
		}
		return fight(w)
	}, faults...)
	if err != nil {
		return err
	}
	return r.alive(workers)
}

// kept is what a server must pass that loses nothing and applies nothing twice.
func kept(workers int) []check.Checker {
	return []check.Checker{undisturbed, check.Durable, lin, check.Versions, check.Scans, check.Once, check.Counter("counter"), living(workers)}
}

// dropAndKillKept loses the replies to a client's write until the server has
// been killed. The client asks again, and it is another process that has to
// know the answer.
func dropAndKillKept(r *Run) error {
	const workers = 4
	each := r.scaled(50)
	var faults []Fault
	for _, at := range r.drawn(5, workers*each) {
		faults = append(faults, Fault{At: at, Node: "server", Text: "the replies to a client are lost; then kill -9, and restart", Do: r.dropUntilKilled})
	}
	if err := r.contest(workers, 2, each, keys(3), faults...); err != nil {
		return err
	}
	r.retried()
	return r.quiet(append(keys(3), "counter")...)
}

func (r *Run) dropUntilKilled() error {
	link, err := r.dropReply(1 << 20)
	if err != nil {
		return err
	}
	link.Freeze() // so that the client finds nobody before the restart
	from := r.rec.Now()
	if err := r.sys.kill(); err != nil {
		return err
	}
	err = r.sys.restart()
	r.restarts = append(r.restarts, window{from, r.rec.Now()})
	link.DropReply(0)
	return errors.Join(err, link.Pass())
}

// retried looks at the writes that were under way when the server was killed.
// They were asked again of another process, and that must know their sessions.
// A client that has lost patience before is no proof of anything.
func (r *Run) retried() {
	told := 0
	for _, op := range r.rec.History().Ops {
		across := slices.ContainsFunc(r.restarts, func(w window) bool { return op.Call < w.from && op.Return > w.to })
		switch {
		case !across || op.Kind == history.Get || op.Kind == history.Scan:
		case op.Outcome == history.OK:
			told++
		case strings.Contains(op.Error, "forgotten"):
			r.expect("retried", false, "a write that was sent again after the restart got the answer: %s", op.Error)
		}
	}
	if told > 0 {
		r.expect("retried", true, "%d writes were sent before the server was killed and sent again after its restart, and their clients were told what became of them", told)
	}
}

func diskGone() Scenario {
	return Scenario{
		Name:     "disk-gone",
		Question: "The machine burns, and its disk with it: is everything still somewhere that was acknowledged?",
		Cells: append([]Cell{{
			Column: "04", World: Real, Expect: Fails, FixedBy: "05", Checker: "durability", Run: burn,
			Checkers: []check.Checker{undisturbed, check.Durable, living(4), check.Coverage(check.Need{OK: 150, Faults: []string{"the server is killed"}})},
			Why:      "There is one copy, on one disk. When the disk is gone, everything is.",
		}}, each(clustered, Cell{
			World: Real, Expect: Pass, Run: burnLeader, Acks: "2",
			Checkers: with(with(kept(4), replicated...), check.Coverage(check.Need{OK: 200, Faults: []string{"the leader is killed"}})),
		})...),
	}
}

// burn kills the server and takes its directory away, for good. A new one is
// put in its place.
func burn(r *Run) error {
	const workers, n = 4, 200
	each := r.scaled(60)
	err := r.load("faults", workers, mixed(each, keys(n)), Fault{
		At: r.midway(workers * each), Node: "server", Text: "the server is killed, and its directory is gone; a new one starts", Do: func() error {
			s := r.theServer()
			s.server.Kill()
			return errors.Join(os.RemoveAll(s.dir), s.restart())
		},
	})
	if err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	return r.quiet(keys(n)...)
}

// fullDisk lets workers write until the server's files may not grow any more: a
// limit of the operating system, which is to the server as if its disk were full.
// Then it is killed, and started again where there is room.
func fullDisk(r *Run) error {
	const workers = 3
	if err := r.load("warm-up", workers, mixed(20, keys(4))); err != nil {
		return err
	}
	s := r.theServer()
	r.rec.Event(faultEvent("disk", "no file may grow beyond 100 KiB"))
	s.blocks = 200
	if err := errors.Join(r.sys.kill(), r.sys.restart()); err != nil {
		return err
	}
	err := r.load("faults", workers, func(w *worker) error {
		w.pad = 4 << 10
		return mixed(r.scaled(60), keys(4))(w)
	})
	r.refusals()
	if err != nil {
		return err
	}
	s.blocks = 0
	if err := errors.Join(r.sys.kill(), r.sys.restart()); err != nil {
		return err
	}
	if err := r.alive(workers); err != nil {
		return err
	}
	return r.quiet(keys(4)...)
}

// refusals looks at what clients of a full store were told: of a write, that it
// was done or that it failed, and reads were answered. What is open is for other
// checkers. The store itself has to live on.
func (r *Run) refusals() {
	if s := r.theServer().server; s.Ended() {
		r.expect("full", false, "its file was full, and the server %v", s.Exit())
		return
	}
	refused, other, example := 0, 0, ""
	for _, op := range r.rec.History().Ops {
		write := op.Kind == history.Put || op.Kind == history.Delete
		switch {
		case op.Phase != "faults" || op.Outcome != history.Fail:
		case write && strings.Contains(op.Error, "too large"):
			refused++
		default:
			other++
			example = fmt.Sprintf("; a %s: %s", op.Kind, op.Error)
		}
	}
	r.expect("full", refused > 0 && other == 0, "%d writes were refused because the file is full, and %d operations for another reason%s", refused, other, example)
}

// together4 adds the accidents of step 04's own, in the middle of the load: a
// second server on the address of the first, and one on its directory.
func together4(r *Run) error {
	return togetherWith(r, Fault{At: 60, Node: "second server", Text: "a second server comes to the address, and to the directory", Do: func() error {
		s := r.theServer()
		return errors.Join(
			r.refused("one-owner", 1, "in use", s.args(s.addr, filepath.Join(r.dir, "another"))...),
			r.refused("one-owner", 1, "another process", s.args("127.0.0.1:0", s.dir)...),
		)
	}})
}

// writeForMonths uses the store as a library, because that is faster, and then
// looks at what is on the disk.
func writeForMonths(r *Run) error {
	ops := 100_000
	if r.lab.full {
		ops *= 100
	}
	dir := filepath.Join(r.dir, "months")
	var got struct {
		Writes  int   `json:"writes"`
		Keys    int   `json:"keys"`
		Live    int64 `json:"live"`
		Entries int   `json:"entries"`
	}
	broken, err := r.ask(&got, "fill", "-dir", dir, "-ops", fmt.Sprint(ops), "-clients", "250")
	if err != nil && broken == "" { // what is broken may have kept it from counting
		return err
	}
	r.expect("kept", broken == "", "%d writes to %d keys, and all of the last ones are there when the store is opened again %s", got.Writes, got.Keys, broken)
	if broken != "" {
		return nil
	}
	used, err := sizeOf(dir)
	if err != nil {
		return err
	}
	r.rec.Sample("disk", "bytes", float64(used))
	r.expect("bounds", used <= 10*got.Live+4<<20 && got.Entries <= 20*got.Keys,
		"after %d writes to %d keys there are %d KiB on the disk for %d KiB that are stored, and a restart reads %d entries: %.0f for each key. At most 10 times the bytes, and 4 MiB, and 20 entries a key are asked",
		got.Writes, got.Keys, used>>10, got.Live>>10, got.Entries, float64(got.Entries)/float64(got.Keys))
	return nil
}

// sizeOf adds up the files below a directory.
func sizeOf(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

// look lets the driver look at the store, and notes each promise that it has
// something to say about, as what the checker of that name has seen.
func (r *Run) look(args ...string) error {
	var got struct {
		Findings []struct {
			Checker string `json:"checker"`
			OK      bool   `json:"ok"`
			Text    string `json:"text"`
		} `json:"findings"`
		Doubt string `json:"doubt"`
	}
	if _, err := r.ask(&got, args...); err != nil {
		return err
	}
	for _, f := range got.Findings {
		r.expect(f.Checker, f.OK, "%s", f.Text)
	}
	if got.Doubt != "" {
		return fmt.Errorf("driver %s: %s", args[0], got.Doubt)
	}
	return nil
}
