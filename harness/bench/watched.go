package bench

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/06-catchup/catchup"
	"zeyrho/steps/06-catchup/store"
)

// watched is a node of step 06 which has no peers, in this process. It is its
// node's Env, and so it knows when a snapshot is written: that is the only work
// that such a node sends elsewhere.
type watched struct {
	*node.Loop
	keys  []string
	value []byte

	began, ended time.Time    // of the last snapshot
	shots        atomic.Int64 // counts beginnings and ends: while it is odd, a snapshot is written
	rest         []sample     // halves of a cycle that nobody has taken yet
}

// Start implements node.Env.
func (w *watched) Start(work, done func()) {
	w.Loop.Start(func() {
		w.began = time.Now()
		w.shots.Add(1)
		work()
		w.ended = time.Now()
		w.shots.Add(1)
	}, done)
}

// openPuts compares puts while a snapshot is written with puts while none is.
func openPuts(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	dir, err := b.files("watched")
	if err != nil {
		return ours, bare, nil, err
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		return ours, bare, nil, err
	}
	w := &watched{Loop: node.NewLoop(node.LoopConfig{}), keys: manyKeys(b.scaled(50_000)), value: b.value}
	n, err := store.Open(store.Config{
		Self: 1, Replication: replication.Config{New: true},
		Catchup: catchup.Config{Every: 64 << 10}, // or as many bytes as the last one has
	}, w, d)
	if err != nil {
		return ours, bare, nil, err
	}
	w.Drive(n.Node)
	end = func() { w.Close() } // what may fail has been told to those who put something
	if err := w.fill(ctx); err != nil {
		end()
		return ours, bare, nil, err
	}
	return side{"while a snapshot is written", w.half(0)}, side{"while none is", w.half(1)}, end, nil
}

// crowded calls f in as many goroutines as a crowd has.
func crowded(ctx context.Context, f func(ctx context.Context, client int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range crowd {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}

// fill puts every key.
func (w *watched) fill(ctx context.Context) error {
	return crowded(ctx, func(ctx context.Context, client int) error {
		for i := client; i < len(w.keys); i += crowd {
			if err := w.put(ctx, w.keys[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *watched) put(ctx context.Context, key string) error {
	_, err := w.Write(ctx, machine.Request{Command: kv.Put(key, w.value)})
	return err
}

// half returns a take of one half of a cycle: 0 is while a snapshot is written,
// 1 is from the one before until then. A round is one cycle, whoever comes first.
func (w *watched) half(which int) take {
	return func(ctx context.Context, _ time.Duration) (s sample, err error) {
		if w.rest != nil {
			s, w.rest = w.rest[which], nil
			return s, nil
		}
		for w.rest == nil && err == nil {
			w.rest, err = w.cycle(ctx)
		}
		if err != nil {
			return sample{}, err
		}
		return w.rest[which], nil
	}
}

// cycle puts until a snapshot has begun and ended. If that was so quick that no
// put was answered meanwhile, there is nothing to tell.
func (w *watched) cycle(ctx context.Context) ([]sample, error) {
	for w.shots.Load()%2 == 1 && ctx.Err() == nil { // it has been provoked by the last cycle
		time.Sleep(time.Millisecond)
	}
	began, last := time.Now(), w.shots.Load()
	var took [crowd][2][]time.Duration
	err := crowded(ctx, func(ctx context.Context, client int) error {
		for {
			start := time.Now()
			if err := w.put(ctx, w.keys[rand.IntN(len(w.keys))]); err != nil {
				return err
			}
			shots := w.shots.Load() - last
			if shots > 1 {
				return nil
			}
			half := &took[client][1-shots]
			*half = append(*half, time.Since(start))
		}
	})
	if err != nil {
		return nil, err
	}
	var all [2][]time.Duration
	for _, one := range took {
		all[0], all[1] = append(all[0], one[0]...), append(all[1], one[1]...)
	}
	if len(all[0]) == 0 || len(all[1]) == 0 {
		return nil, ctx.Err()
	}
	return []sample{summary(all[0], w.ended.Sub(w.began)), summary(all[1], w.began.Sub(began))}, nil
}
