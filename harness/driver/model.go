package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/01-map/store"
)

// modelKeys are few, so that keys come back after they were deleted, and not
// all plain.
var modelKeys = []string{"a", "ab", "abc", "b", "b/../a", "b b", "ü", "\x00", "z\nz"}

// runModel asks step 01 for everything that it can do, from one goroutine.
func runModel(c config, out io.Writer) error {
	rec := history.NewRecorder(c.header("model", "01"))
	rec.Phase("warm-up")
	s := store.Open()
	m := &modelUser{
		rnd:   rand.New(rand.NewPCG(c.seed, 1)),
		store: s,
		own:   record(local(s, 0), rec.Client()),
		seen:  make(map[string][]uint64),
	}
	err := m.run(c.ops)
	return errors.Join(err, history.Write(out, rec.History()))
}

// modelUser asks at random.
type modelUser struct {
	rnd   *rand.Rand
	store kv.Store
	own   recorded            // the same store
	seen  map[string][]uint64 // versions that a key had at some time
	kept  []keepsake
	queue []history.Op // what to ask first
	n     int
}

// keepsake is a slice that the store handed out, and what was in it.
type keepsake struct {
	key   string
	slice []byte
	was   string
}

func (m *modelUser) run(ops int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = violated("panic: %v", p)
		}
	}()
	ctx := context.Background()
	for range ops {
		op := m.own(ctx, m.next())
		if op.Outcome == history.OK && op.Kind != history.Scan {
			m.seen[op.Key] = append(m.seen[op.Key], op.Version)
		}
		if err := m.souvenir(ctx, modelKeys[m.rnd.IntN(len(modelKeys))]); err != nil {
			return err
		}
	}
	return refused(ctx, m.store)
}

// next makes up an operation. Now and then it deletes everything: an empty map
// that has a past is not a new one.
func (m *modelUser) next() history.Op {
	if m.rnd.IntN(100) == 0 {
		for _, key := range modelKeys {
			m.queue = append(m.queue, history.Op{Kind: history.Delete, Key: key})
		}
	}
	if len(m.queue) > 0 {
		op := m.queue[0]
		m.queue = m.queue[1:]
		return op
	}
	key := modelKeys[m.rnd.IntN(len(modelKeys))]
	switch m.rnd.IntN(12) {
	case 0, 1, 2:
		return history.Op{Kind: history.Get, Key: key}
	case 3, 4, 5, 6, 7:
		return history.Op{Kind: history.Put, Key: key, Value: m.value(), If: m.condition(key)}
	case 8, 9:
		return history.Op{Kind: history.Delete, Key: key, If: m.condition(key)}
	}
	return history.Op{
		Kind:  history.Scan,
		Key:   []string{"", "a", "b", "b ", "nothing"}[m.rnd.IntN(5)],
		After: []string{"", "", "ab", "b", "zz"}[m.rnd.IntN(5)],
		Limit: []int{0, 1, 2, 3, 5000}[m.rnd.IntN(5)],
	}
}

func (m *modelUser) value() string {
	m.n++
	switch m.rnd.IntN(8) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("\xff%d", m.n) // values need not be text
	}
	return fmt.Sprintf("value %d %s", m.n, strings.Repeat("+", m.rnd.IntN(20)))
}

// condition is often none, else a version that the key had, be it now or long
// ago, or that it is absent.
func (m *modelUser) condition(key string) *uint64 {
	seen := m.seen[key]
	v := uint64(0)
	switch n := m.rnd.IntN(8); {
	case n < 3:
		return nil
	case len(seen) > 0 && n < 6:
		v = seen[len(seen)-1]
	case len(seen) > 0 && n < 7:
		v = seen[m.rnd.IntN(len(seen))]
	}
	return &v
}

// souvenir keeps a slice that the store handed out, and looks whether those
// that were kept before are as they were.
func (m *modelUser) souvenir(ctx context.Context, key string) error {
	for _, k := range m.kept {
		if string(k.slice) != k.was {
			return violated("the store changed a value of %q that it had handed out: it was %q and is now %q", k.key, k.was, k.slice)
		}
	}
	it, err := m.store.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("get %q: %w", key, err)
	}
	if it.Exists() != (it.Value != nil) {
		return violated("get %q: its version is %d and its value %#v: nil is for a key that is absent, and for no other", key, it.Version, it.Value)
	}
	m.kept = append(m.kept, keepsake{key, it.Value, string(it.Value)})
	m.kept = m.kept[max(0, len(m.kept)-20):]
	return nil
}

// refused asks for what a store must refuse.
func refused(ctx context.Context, s kv.Store) error {
	long := strings.Repeat("k", kv.MaxKey+1)
	for _, key := range []string{"", long, "\xff"} {
		_, get := s.Get(ctx, key)
		_, put := s.Do(ctx, kv.Put(key, nil))
		_, del := s.Do(ctx, kv.Delete(key))
		for what, err := range map[string]error{"get": get, "put": put, "delete": del} {
			if !errors.Is(err, kv.ErrInvalid) {
				return violated("%s of an impossible key (%d bytes) was not refused: %v", what, len(key), err)
			}
		}
	}
	_, huge := s.Do(ctx, kv.Put("huge", make([]byte, kv.MaxValue+1)))
	_, none := s.Do(ctx, kv.Command{Key: "none"})
	_, less := s.Scan(ctx, kv.Range{Limit: -1})
	for what, err := range map[string]error{"a value of too many bytes": huge, "a command without an op": none, "a negative limit": less} {
		if !errors.Is(err, kv.ErrInvalid) {
			return violated("%s was not refused: %v", what, err)
		}
	}
	return nil
}
