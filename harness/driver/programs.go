package main

import (
	"context"
	"fmt"

	"zeyrho/harness/explore"
	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/02-concurrency/mapped"
)

// exploration returns what -what names.
func exploration(what string) (system, []program, error) {
	switch what {
	case "locked":
		return system{lockedMap, true}, goroutines(), nil
	case "sharded":
		return system{sharded, true}, goroutines(), nil
	case "mapped":
		return system{processes, false}, mortals(), nil
	case "lost-update":
		return system{lockedMap, true}, []program{lostUpdate()}, nil
	}
	return system{}, nil, fmt.Errorf("driver: nothing to explore is called %q; there are locked, sharded, mapped and lost-update", what)
}

func lockedMap(w *explore.World) func() kv.Store {
	s := locked.NewMapWith(w.NewRWMutex("the lock"))
	return func() kv.Store { return s }
}

// sharded has two shards; the keys a and b are in different ones.
func sharded(w *explore.World) func() kv.Store {
	n := 0
	s := locked.NewShardedWith(2, func() locked.RWLocker {
		n++
		return w.NewRWMutex(fmt.Sprintf("lock %d", n))
	})
	return func() kv.Store { return s }
}

// processes share a log, as package mapped lays it out, in memory of the
// explorer's. Each has a reader and a map of its own.
func processes(w *explore.World) func() kv.Store {
	mem := sharedMemory{w.NewMemory("published", explore.Word), w.NewMemory("frames", 512)}
	flock := w.NewRWMutex("the file")
	return func() kv.Store { return &process{flock, mem, mapped.NewReader(mem), kv.NewMap()} }
}

// sharedMemory is a mapped.Memory.
type sharedMemory struct{ published, frames *explore.Memory }

func (m sharedMemory) Size() uint64              { return uint64(m.frames.Size()) }
func (m sharedMemory) Published() uint64         { return m.published.Load(0) }
func (m sharedMemory) Publish(length uint64)     { m.published.Store(0, length) }
func (m sharedMemory) Read(at uint64, b []byte)  { m.frames.Read(int(at), b) }
func (m sharedMemory) Write(at uint64, b []byte) { m.frames.Write(int(at), b) }

// process does what mapped.Store does, with the same Append and the same
// Reader; what is left out is what needs a real file.
type process struct {
	flock  *explore.RWMutex
	mem    mapped.Memory
	reader *mapped.Reader
	m      *kv.Map
}

func (p *process) Get(_ context.Context, key string) (kv.Item, error) {
	_, err := p.replay()
	return p.m.Get(key), err
}

func (p *process) Scan(_ context.Context, r kv.Range) (kv.Page, error) {
	_, err := p.replay()
	return p.m.Scan(r), err
}

func (p *process) Do(_ context.Context, c kv.Command) (kv.Result, error) {
	p.flock.Lock()
	defer p.flock.Unlock()
	if _, err := p.replay(); err != nil {
		return kv.Result{}, err
	}
	if err := mapped.Append(p.mem, codec.Append(nil, c)); err != nil {
		return kv.Result{}, err
	}
	return p.replay()
}

func (p *process) replay() (last kv.Result, err error) {
	for {
		e, ok, err := p.reader.Next()
		if !ok || err != nil {
			return last, err
		}
		last = p.m.Apply(e)
	}
}

func get(key string) history.Op        { return history.Op{Kind: history.Get, Key: key} }
func put(key, value string) history.Op { return history.Op{Kind: history.Put, Key: key, Value: value} }
func remove(key string) history.Op     { return history.Op{Kind: history.Delete, Key: key} }
func scan(prefix string) history.Op    { return history.Op{Kind: history.Scan, Key: prefix} }

func when(op history.Op, version uint64) history.Op {
	op.If = &version
	return op
}

// script is a task that does one operation after the other.
func script(ops ...history.Op) func(recorded) {
	return func(do recorded) {
		for _, op := range ops {
			do(context.Background(), op)
		}
	}
}

// addOne is a task that adds one to the counter n.
func addOne(do recorded) {
	_, _ = kv.Update(context.Background(), do, "n", increment) // an error is in the ledger
}

// goroutines are the programs for goroutines that share a store. Each is tried
// in every order, but for the last, whose orders are too many: there, nobody is
// interrupted more than so often.
func goroutines() []program {
	few := func(preemptions int) explore.Bounds {
		return explore.Bounds{Preempt: true, Preemptions: preemptions}
	}
	return []program{
		{name: "increments", tasks: []func(recorded){addOne, addOne}, after: counts("2")},
		{name: "put-get", tasks: []func(recorded){script(put("a", "1"), put("a", "2")), script(get("a"), get("a"))}},
		{name: "first-wins", tasks: []func(recorded){script(when(put("a", "1"), 0)), script(when(put("a", "2"), 0), get("a"))}},
		{
			name:   "delete-cas",
			before: []history.Op{put("a", "0")},
			tasks:  []func(recorded){script(remove("a"), put("a", "1")), script(when(put("a", "2"), 1), get("a"))},
		},
		{name: "scan", tasks: []func(recorded){script(put("a", "1"), put("b", "1")), script(scan(""))}},
		{name: "scan-back", tasks: []func(recorded){script(put("b", "1"), put("a", "1")), script(scan(""))}},
		{name: "two-shards", tasks: []func(recorded){script(put("a", "1"), put("b", "1")), script(put("b", "2"), put("a", "2"))}},
		{name: "scans", tasks: []func(recorded){script(put("a", "1")), script(put("b", "1")), script(scan("a")), script(scan("b"))}, bounds: few(2)},
	}
}

// mortals are the programs for processes that share a file. They take too many
// steps for all orders: nobody is interrupted more than so often, and at most
// one of them is killed, at any step.
func mortals() []program {
	within := func(preemptions, deaths int) explore.Bounds {
		return explore.Bounds{Preempt: true, Preemptions: preemptions, Deaths: deaths}
	}
	writersAndReader := []func(recorded){script(put("a", "1")), script(put("a", "2")), script(scan(""))}
	return []program{
		{name: "write-read", tasks: []func(recorded){script(put("a", "a value of three words")), script(get("a"))}, bounds: within(3, 1)},
		{name: "two-writers", tasks: writersAndReader, bounds: within(2, 0)},
		{name: "two-writers-one-dies", tasks: writersAndReader, bounds: within(1, 1)},
		{name: "increments", tasks: []func(recorded){addOne, addOne}, bounds: within(2, 1)},
		{
			name:   "delete-cas",
			before: []history.Op{put("a", "0")},
			tasks:  []func(recorded){script(remove("a")), script(when(put("a", "2"), 1)), script(get("a"))}, bounds: within(1, 1),
		},
	}
}

// lostUpdate is the mistake that a lock does not cure: the value is read under
// one holding of the lock and written under another. The store does nothing
// wrong, so only the count shows it. (A condition on the put does cure it.)
func lostUpdate() program {
	careless := func(do recorded) {
		it, _ := do.Get(context.Background(), "n")
		value, _ := increment(it.Value)
		do(context.Background(), put("n", string(value)))
	}
	return program{name: "careless", tasks: []func(recorded){careless, careless}, after: counts("2")}
}

// counts returns a check of what a scan of everything shows in the end.
func counts(want string) func([]history.Op) error {
	return func(last []history.Op) error {
		items := last[0].Items
		if len(items) != 1 || items[0].Value != want {
			return fmt.Errorf("the counter should be %s in the end: %s", want, told(last[0]))
		}
		return nil
	}
}
