package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// catchHolder stops a process of step 02 while it holds the writer's lock, and
// returns its worker.
func (r *Run) catchHolder() (*worker, error) {
	file := r.sys.(*sharedFile).file
	for range 40 {
		w, err := r.someWorker()
		if err != nil {
			return nil, err
		}
		p := w.current()
		if p == nil {
			continue
		}
		held, err := p.StopHolding(r.ctx, file, 200)
		if held || err != nil {
			return w, err
		}
	}
	return nil, fmt.Errorf("no client could be stopped while it held the lock of %s", file)
}

// scrambled takes the power from step 02. Its file was filled with zeros when
// it was made, and nothing was synced since. So after a power loss each of its
// pages may be in any state that it ever had.
func scrambled(r *Run) error {
	file := r.sys.(*sharedFile).file
	var film real.Film
	shoot := func() error { return film.Shoot(file) }
	if err := shoot(); err != nil {
		return err
	}
	const workers = 3
	each := r.scaled(100)
	var faults []Fault
	for _, at := range r.drawn(10, workers*each) {
		faults = append(faults, Fault{At: at, Node: "disk", Text: "the kernel may write any page back", Do: shoot})
	}
	if err := r.load("faults", workers, filling(each), faults...); err != nil {
		return err
	}
	if err := shoot(); err != nil {
		return err
	}
	r.note("disk", "the power fails; %d pages of the file may be old or new", film.Changed())
	return r.develop(&film)
}

// filling writes values large enough that the log soon spans many pages.
func filling(n int) func(*worker) error {
	names := keys(8)
	return func(w *worker) error {
		for i := 0; w.more(i, n); i++ {
			w.asks++
			w.put(names[w.rng.IntN(len(names))], check.MakeValue(w.n, w.asks, 400), nil)
		}
		return w.ctx.Err()
	}
}

// develop starts the store on images of the file that the contract allows, and
// counts what becomes of what was acknowledged.
func (r *Run) develop(film *real.Film) error {
	const images = 12
	acked := r.rec.History()
	var refused, lost, whole int
	example := ""
	for i := range images {
		dir := filepath.Join(r.dir, fmt.Sprintf("image-%d", i))
		if err := film.Develop(r.rng, dir); err != nil {
			return err
		}
		found, err := r.readImage(filepath.Join(dir, "store.kv"), acked)
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			return err
		}
		if found == nil {
			refused++
			continue
		}
		f := check.Durable(found)
		switch f.Verdict {
		case check.Violation:
			lost++
			example = "For one, opened again: " + f.Reason
		case check.Pass:
			whole++
		default:
			return fmt.Errorf("judge an image: %s", f.Reason)
		}
	}
	r.expect("durability", whole == images,
		"of %d states that the file may be in, %d are refused as damaged, %d open without writes that were acknowledged, %d are whole. %s",
		images, refused, lost, whole, example)
	return nil
}

// readImage starts the store on an image and reads everything. It returns the
// history of the load with these reads at its end, or nil if the store refuses
// to open and says that the file is damaged.
func (r *Run) readImage(file string, acked history.History) (*history.History, error) {
	c, err := r.launchClient(real.Spec{Name: "after the power loss", Path: r.lab.bin["02-concurrency"], Args: []string{"-file", file}})
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	h := acked
	h.Ops = append([]history.Op(nil), acked.Ops...)
	last := int64(0) // of everything that went before
	for _, op := range h.Ops {
		last = max(last, op.Call, op.Return)
	}
	for i, key := range keys(8) {
		a, err := c.Get(r.ctx, key)
		if err != nil {
			return nil, err
		}
		if a.Outcome != history.OK {
			return nil, r.refusedAsDamaged(c)
		}
		h.Ops = append(h.Ops, history.Op{
			ID: len(h.Ops), Phase: check.Quiet, Kind: history.Get, Key: key,
			Call: last + int64(2*i+1), Return: last + int64(2*i+2),
			Outcome: a.Outcome, Status: a.Status, Version: a.Version, Value: a.Value,
		})
	}
	return &h, nil
}

// refusedAsDamaged returns nil if the program has ended by itself and said that
// its file is damaged, or an error: anything else is no proof of anything.
func (r *Run) refusedAsDamaged(c *real.Client) error {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	exit, err := c.Wait(ctx)
	if err == nil && exit.Code == 1 && strings.Contains(c.Stderr(), "damaged") {
		return nil
	}
	return fmt.Errorf("open an image: the program %v and said %q", exit, c.Stderr())
}
