package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/queue"
)

// allTold lets a sync fail for which many wait.
func allTold() error {
	h, err := newHeld(patient)
	if err != nil {
		return err
	}
	first, fate, err := h.hold()
	if err != nil {
		return err
	}
	answers := h.crowd(context.Background(), 6)
	if err := h.queued(len(answers)); err != nil {
		return err
	}
	fate <- nil
	if fate, err = h.sync(); err != nil {
		return err
	}
	fate <- errGate
	h.gate.set(false) // whoever syncs again is told that all is well
	for i, a := range answers {
		err, silent := answered("somebody in the batch whose sync failed", a)
		if silent != nil || !errors.Is(err, kv.ErrUnknown) {
			return fmt.Errorf("write %d of the batch whose sync failed was told: %v", i+1, errors.Join(silent, err))
		}
	}
	select {
	case <-h.Ended():
	case <-time.After(vain):
		return errors.New("a sync has failed, and the store does not say that it has come to its end")
	}
	err, silent := answered("a write after the end", h.put(context.Background(), "after", 1))
	if silent != nil || err == nil {
		return fmt.Errorf("a sync has failed, and the next write was told: %v", errors.Join(silent, err))
	}
	if _, err := h.Get(context.Background(), "first"); err == nil {
		return errors.New("a sync has failed, and reads are still answered: they may show what is not safe")
	}
	return served(first)
}

// crowd lets n writers come.
func (h *held) crowd(ctx context.Context, n int) (answers []<-chan error) {
	for i := range n {
		answers = append(answers, h.put(ctx, fmt.Sprintf("crowd-%d", i), 1))
	}
	return answers
}

// release lets everything through that waits, or will.
func (h *held) release(fate chan<- error) {
	h.gate.set(false)
	fate <- nil
}

// notServed lets clients give up, in the queue and while their write is under
// way.
func notServed() error {
	h, err := newHeld(patient)
	if err != nil {
		return err
	}
	h.gate.set(true)
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	written := h.put(ctx, "written", 1)
	fate, err := h.sync()
	if err != nil {
		return err
	}
	gone := h.crowd(ctx, 5)
	if err := h.queued(len(gone)); err != nil {
		return err
	}
	giveUp()
	for i, a := range gone {
		err, silent := answered(fmt.Sprintf("client %d, who has given up,", i+1), a)
		if silent != nil || err == nil || errors.Is(err, kv.ErrUnknown) {
			return fmt.Errorf("client %d gave up in the queue, where nothing has happened yet, and was told: %v", i+1, errors.Join(silent, err))
		}
	}
	if err, silent := answered("who has given up while it was written", written); silent != nil || !errors.Is(err, kv.ErrUnknown) {
		return fmt.Errorf("a client gave up while its write was under way, which may have happened, and was told: %v", errors.Join(silent, err))
	}
	h.release(fate)
	if err := served(h.put(context.Background(), "last", 1)); err != nil {
		return err
	}
	if last := h.Stats().Last; h.has("crowd-0") || last != 3 {
		return fmt.Errorf("the journal has %d entries, where 3 ought to be: requests were carried out that had been given up in the queue", last)
	}
	return h.Close()
}

// refusedLate keeps a client waiting for longer than the queue allows.
func refusedLate() error {
	const wait = 50 * time.Millisecond
	h, err := newHeld(durable.StoreConfig{Queue: queue.Config{Wait: wait}})
	if err != nil {
		return err
	}
	first, fate, err := h.hold()
	if err != nil {
		return err
	}
	late := h.put(context.Background(), "late", 1)
	if err := h.queued(1); err != nil {
		return err
	}
	time.Sleep(2 * wait)
	if err := overloaded("who came when another had waited for too long", h.put(context.Background(), "newcomer", 1)); err != nil {
		return err
	}
	if err := overloaded("who has waited for too long", late); err != nil { // the disk still stands still
		return err
	}
	h.release(fate)
	if h.has("late") {
		return errors.New("a write was refused because it had waited for too long, and carried out all the same")
	}
	return errors.Join(served(first), h.Close())
}

// overloaded expects an answer that says that there is too much to do.
func overloaded(who string, answer <-chan error) error {
	if err, silent := answered(who, answer); silent != nil || !errors.Is(err, kv.ErrOverloaded) {
		return fmt.Errorf("%s was told: %v", who, errors.Join(silent, err))
	}
	return nil
}

// refusedAtOnce fills the queue.
func refusedAtOnce() error {
	const bound = 10 << 10
	h, err := newHeld(durable.StoreConfig{Queue: queue.Config{Bytes: bound, Wait: time.Minute}})
	if err != nil {
		return err
	}
	first, fate, err := h.hold()
	if err != nil {
		return err
	}
	let := []<-chan error{first}
	for i := range 9 { // and each takes a little more than its value
		let = append(let, h.put(context.Background(), fmt.Sprintf("large-%d", i), 1<<10))
	}
	if err := h.queued(9); err != nil {
		return err
	}
	if err := overloaded("who did not fit into the queue", h.put(context.Background(), "too much", 1<<10)); err != nil {
		return err
	}
	if _, bytes := h.Queued(); bytes > bound {
		return fmt.Errorf("there are %d bytes in a queue for %d", bytes, bound)
	}
	h.release(fate)
	return errors.Join(served(let...), h.Close())
}

// sharedSync counts the syncs of those who came while the disk was at work.
func sharedSync() error {
	for _, c := range []struct{ batch, syncs int }{{1000, 1}, {10, 5}} {
		h, err := newHeld(durable.StoreConfig{Batch: c.batch, Queue: patient.Queue})
		if err != nil {
			return err
		}
		first, fate, err := h.hold()
		if err != nil {
			return err
		}
		before := h.Stats().Syncs
		crowd := h.crowd(context.Background(), 50)
		if err := h.queued(len(crowd)); err != nil {
			return err
		}
		h.release(fate)
		if err := served(append(crowd, first)...); err != nil {
			return err
		}
		if n := h.Stats().Syncs - before; n != 1+c.syncs {
			return fmt.Errorf("50 writers who came while the disk synced, and the one before them, took %d syncs in all, and with batches of %d it should be %d", n, c.batch, 1+c.syncs)
		}
		if err := h.Close(); err != nil {
			return err
		}
	}
	return nil
}

// servedAtTheEnd closes a store while some are in its queue, several times: what
// happens first is a matter of chance.
func servedAtTheEnd() error {
	for range 20 {
		h, err := newHeld(patient)
		if err != nil {
			return err
		}
		if err := h.closeWithCrowd(5); err != nil {
			return err
		}
	}
	return nil
}

func (h *held) closeWithCrowd(n int) error {
	first, fate, err := h.hold()
	if err != nil {
		return err
	}
	crowd := h.crowd(context.Background(), n)
	if err := h.queued(n); err != nil {
		return err
	}
	closed := later(h.Close)
	time.Sleep(time.Millisecond) // so that Close has come, most likely
	h.release(fate)
	if err := served(append(crowd, first, closed)...); err != nil {
		return err
	}
	return h.foundAll("first", "crowd-0", fmt.Sprintf("crowd-%d", n-1))
}
