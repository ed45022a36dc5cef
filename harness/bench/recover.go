package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"zeyrho/harness/real"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/04-journal/store"
)

// recovering lists the comparisons of how step 04 reads its journal when it is
// opened.
func recovering() []comparison {
	const what = "opening a journal of small records, on one CPU; the bare side reads a file of the same records, each with a checksum, into a Go map"
	aim := Aim{RecordsPerSecond: 1e6}
	return []comparison{
		{name: "recover", what: what, unit: records, aim: aim, open: openRecovery(16)},
		{name: "recover-alone", what: what + "; ours were written by one client, each in a frame of its own", unit: records, aim: aim, open: openRecovery(1)},
		{
			name: "recover-memory", what: "peak memory of the server, on one CPU, when it has opened its journal; both hold the same keys",
			unit: peak, aim: Aim{AtMost: 1.25}, open: openMemory,
		},
	}
}

// writeJournal makes a journal of n puts to the keys in turn, so many of them
// in a commit, and returns its directory.
func (b *bench) writeJournal(n, commit int) (string, error) {
	dir, err := b.files("journal")
	if err != nil {
		return "", err
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		return "", err
	}
	e, err := durable.OpenEngine(d, durable.Config{Lazy: true})
	if err != nil {
		return "", err
	}
	var batch []machine.Request
	for i := range n {
		batch = append(batch, machine.Request{Command: kv.Put(b.keys[i%len(b.keys)], b.value)})
		if len(batch) < commit && i < n-1 {
			continue
		}
		if _, err := e.Commit(batch); err != nil {
			return "", errors.Join(err, e.Close())
		}
		batch = batch[:0]
	}
	return dir, errors.Join(e.Sync(), e.Close())
}

func openRecovery(commit int) func(context.Context, *bench) (ours, bare side, end func(), err error) {
	return func(_ context.Context, b *bench) (ours, bare side, end func(), err error) {
		n := 200 * len(b.keys)
		dir, err := b.writeJournal(n, commit)
		if err != nil {
			return ours, bare, nil, err
		}
		plain, err := b.writePlain(n)
		if err != nil {
			return ours, bare, nil, err
		}
		before := runtime.GOMAXPROCS(1)
		end = func() { runtime.GOMAXPROCS(before) }
		name := fmt.Sprintf("step 04, frames of %d", commit)
		ours = side{name, once(n, func() error { return openStore(dir) })}
		bare = side{"a plain file", once(n, func() error { return readPlain(plain) })}
		return ours, bare, end, nil
	}
}

// once returns a take of run, which reads n records.
func once(n int, run func() error) take {
	return func(ctx context.Context, _ time.Duration) (sample, error) {
		runtime.GC() // so that nobody cleans up behind the other side
		began := time.Now()
		err := run()
		return sample{nanos: float64(time.Since(began)) / float64(n)}, errors.Join(err, ctx.Err())
	}
}

func openStore(dir string) error {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return err
	}
	s, err := store.Open(d, store.Config{})
	if err != nil {
		return err
	}
	return s.Close()
}

// openMemory compares a journal with one that is ten times as long.
func openMemory(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	path, err := build(ctx, "steps/04-journal")
	if err != nil {
		return ours, bare, nil, err
	}
	n := 100 * len(b.keys)
	if ours, err = b.opened(path, 10*n); err != nil {
		return ours, bare, nil, err
	}
	bare, err = b.opened(path, n)
	return ours, bare, nothing, err
}

// opened is a side that starts a server on a journal of n records, and looks at
// its memory when it listens: by then it has read them all.
func (b *bench) opened(path string, n int) (side, error) {
	dir, err := b.writeJournal(n, 16)
	if err != nil {
		return side{}, err
	}
	spec := real.Spec{
		Name: "step 04", Path: path, Args: []string{"-serve", "-listen", "127.0.0.1:0", "-dir", dir},
		// On a busy machine with several CPUs, the garbage collector's may be
		// somebody else's for a while, and the garbage grows.
		Env: []string{"GOMAXPROCS=1"},
	}
	return side{fmt.Sprintf("step 04 on %d records", n), func(ctx context.Context, _ time.Duration) (sample, error) {
		process, err := b.world.Start(spec)
		if err != nil {
			return sample{}, err
		}
		defer process.Kill()
		if _, err := process.Listening(ctx); err != nil {
			return sample{}, err
		}
		bytes, err := peakMemory(process.Pid())
		return sample{bytes: bytes}, err
	}}, nil
}
