package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"zeyrho/harness/simdisk"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/queue"
)

// look is something that a store of step 04 has to do while its disk stands
// still. It returns an error if the store does not.
type look struct {
	group   string // for -what
	checker string
	promise string
	do      func() error
}

func looks() []look {
	return []look{
		{"errors", "acknowledged", "nothing is acknowledged or shown before its own sync is over", safeFirst},
		{"errors", "told", "when a sync fails, everybody in the batch is told, and nobody is served any more", allTold},
		{"overload", "abandoned", "who gives up in the queue is not served, and is told that nothing has happened", notServed},
		{"overload", "late", "who has waited for too long in the queue is refused and not served", refusedLate},
		{"overload", "bounds", "what does not fit into the queue is refused at once", refusedAtOnce},
		{"sharing", "shared", "those who come while the disk syncs share the next sync", sharedSync},
		{"sharing", "closed", "those who are in the queue when the store closes are served", servedAtTheEnd},
	}
}

// seen is what became of a promise.
type seen struct {
	Checker string `json:"checker"`
	OK      bool   `json:"ok"`
	Text    string `json:"text"`
}

// runHeld looks at a store whose disk stands still, at a gate.
func runHeld(c config, out io.Writer) error {
	var report struct {
		Findings []seen `json:"findings"`
	}
	broken := ""
	for _, l := range looks() {
		if l.group != c.what {
			continue
		}
		f := seen{l.checker, true, l.promise}
		if err := l.do(); err != nil {
			f.OK, f.Text = false, err.Error()
			broken = f.Text
		}
		report.Findings = append(report.Findings, f)
	}
	switch err := json.NewEncoder(out).Encode(report); {
	case err != nil:
		return fmt.Errorf("driver: %w", err)
	case len(report.Findings) == 0:
		return fmt.Errorf("driver held: nothing is called %q; there are errors, overload and sharing", c.what)
	case broken != "":
		return violated("%s", broken)
	}
	return nil
}

// held is a store on a disk with a gate, and those who ask it.
type held struct {
	*durable.Store
	gate *gate
}

// patient is a store whose queue lets everybody wait for as long as the test does.
var patient = durable.StoreConfig{Queue: queue.Config{Wait: time.Minute}}

func newHeld(c durable.StoreConfig) (*held, error) {
	g := newGate()
	e, err := durable.OpenEngine(g, durable.Config{})
	if err != nil {
		return nil, fmt.Errorf("a new store does not open: %w", err)
	}
	return &held{durable.NewStore(e, c), g}, nil
}

// put asks for a write, and returns where the answer will come.
func (h *held) put(ctx context.Context, key string, size int) <-chan error {
	return later(func() error {
		_, err := h.Do(ctx, kv.Put(key, make([]byte, size)))
		return err
	})
}

func later(ask func() error) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- ask() }()
	return answer
}

// vain is how long a look waits for what has to come at once.
const vain = 5 * time.Second

// sync waits for a sync to arrive at the gate.
func (h *held) sync() (chan<- error, error) {
	select {
	case fate := <-h.gate.arrived:
		return fate, nil
	case <-time.After(vain):
		return nil, fmt.Errorf("no sync came for %v, although writes wait for one", vain)
	}
}

// hold shuts the gate, asks for a first write, and waits until that is at the
// gate: whoever comes now has to wait in the queue.
func (h *held) hold() (first <-chan error, fate chan<- error, err error) {
	h.gate.set(true)
	first = h.put(context.Background(), "first", 1)
	fate, err = h.sync()
	return first, fate, err
}

// queued waits until so many are in the queue.
func (h *held) queued(n int) error {
	for range int(vain / time.Millisecond) {
		if items, _ := h.Queued(); items == n {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	items, _ := h.Queued()
	return fmt.Errorf("%d are in the queue, where %d ought to be", items, n)
}

// answered waits for an answer.
func answered(who string, answer <-chan error) (error, error) {
	select {
	case err := <-answer:
		return err, nil
	case <-time.After(vain):
		return nil, fmt.Errorf("%s was not answered for %v", who, vain)
	}
}

// served expects answers without an error.
func served(answers ...<-chan error) error {
	for i, a := range answers {
		err, silent := answered(fmt.Sprintf("write %d", i+1), a)
		if err = errors.Join(silent, err); err != nil {
			return fmt.Errorf("a write that ought to be served was not: %w", err)
		}
	}
	return nil
}

// early reports whether one of the answers has come. It gives them some time:
// what is not there by then may be missed, and is never blamed.
func early(answers ...<-chan error) bool {
	time.Sleep(20 * time.Millisecond)
	for _, a := range answers {
		if len(a) > 0 {
			return true
		}
	}
	return false
}

// has reports whether the store shows a key.
func (h *held) has(key string) bool {
	it, err := h.Get(context.Background(), key)
	return err == nil && it.Exists()
}

// safeFirst lets several writers of every kind come. Each of them must hear
// nothing, and nobody see anything of it, before a sync that began after it was
// written is over.
func safeFirst() error {
	h, err := newHeld(patient)
	if err != nil {
		return err
	}
	id, err := h.OpenSession(context.Background())
	if err != nil {
		return err
	}
	first, fate, err := h.hold()
	if err != nil {
		return err
	}
	others := h.everyKind(id)
	if err := h.queued(len(others)); err != nil {
		return err
	}
	if early(append(others, first)...) || h.has("first") {
		return errors.New("a write was acknowledged, or shown, while the sync that makes it safe was under way")
	}
	fate <- nil
	if fate, err = h.sync(); err != nil {
		return err
	}
	if early(others...) || h.has("second") || h.has("numbered") {
		return errors.New("a write was acknowledged, or shown, after a sync that had begun before it was written")
	}
	h.release(fate)
	if err := served(append(others, first)...); err != nil {
		return err
	}
	return errors.Join(h.foundAll("first", "second", "numbered"), h.Close())
}

// everyKind asks for a write of each kind.
func (h *held) everyKind(id session.ID) []<-chan error {
	ctx := context.Background()
	return []<-chan error{
		h.put(ctx, "second", 1),
		later(func() error { _, err := h.OpenSession(ctx); return err }),
		later(func() error {
			_, err := h.DoOnce(ctx, session.Identity{Session: id, Number: 1}, kv.Put("numbered", nil))
			return err
		}),
	}
}

// foundAll expects that keys which were acknowledged are there when the power
// has gone and come back.
func (h *held) foundAll(keys ...string) error {
	e, err := durable.OpenEngine(h.gate.After(simdisk.Fate{}), durable.Config{})
	if err != nil {
		return fmt.Errorf("the store does not open again: %w", err)
	}
	for _, key := range keys {
		if !e.Get(key).Exists() {
			return fmt.Errorf("%q was acknowledged, and is not there when the power has come back", key)
		}
	}
	return e.Close()
}
