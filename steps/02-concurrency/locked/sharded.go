package locked

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"zeyrho/steps/01-map/kv"
)

// Sharded is a kv.Store in memory, made of several maps with a lock each. A
// key belongs to one of them, and writers of different shards do not wait for
// each other. It pays when many cores write many keys, and only then: the
// benchmarks of this package show where.
//
// Invariants:
//   - A key's shard never changes, so its commands all pass under one lock.
//   - A command takes its version from the counter while it holds its shard's
//     lock, and is applied before it lets go. So inside a shard the versions
//     grow in the order of application, as kv.Map demands. A number that was
//     taken before the lock could be overtaken on the way.
//   - The counter gives no number twice, so versions are unique in the whole
//     store; and a command that begins after another one has ended gets the
//     greater number.
//   - With all the locks held, nobody is between a number and its application:
//     the shards together are the history up to the counter, without a gap.
//     That is the instant that a page of a scan shows.
//
// One thing is less than with a single lock. Version 5 in one shard can be
// seen a moment before version 4 in another. The two commands run at the same
// time, and for each key alone the order is right, which is all that the store
// promises; but two Gets in a row are no substitute for a Scan.
type Sharded struct {
	last   atomic.Uint64 // the version that was handed out last
	shards []shard
}

type shard struct {
	lock RWLocker
	m    *kv.Map
}

// NewSharded returns an empty store of n shards. It panics if n is less than 1.
func NewSharded(n int) *Sharded {
	return NewShardedWith(n, func() RWLocker { return new(sync.RWMutex) })
}

// NewShardedWith returns an empty store of n shards, each guarded by a lock of
// its own from newLock.
func NewShardedWith(n int, newLock func() RWLocker) *Sharded {
	if n < 1 {
		panic("locked: a store needs at least one shard")
	}
	s := &Sharded{shards: make([]shard, n)}
	for i := range s.shards {
		s.shards[i] = shard{newLock(), kv.NewMap()}
	}
	return s
}

// shard returns the home of a key, by the hash FNV-1a. Whoever may choose the
// keys can put them all in one shard. Where that matters, use hash/maphash with
// a random seed; here the same keys shall always share a lock, so that a run
// can be repeated.
func (s *Sharded) shard(key string) *shard {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return &s.shards[h%uint32(len(s.shards))]
}

// Get implements kv.Store.
func (s *Sharded) Get(_ context.Context, key string) (kv.Item, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Item{}, err
	}
	sh := s.shard(key)
	sh.lock.RLock()
	defer sh.lock.RUnlock()
	return sh.m.Get(key), nil
}

// Do implements kv.Store: the command becomes the next entry of the history.
func (s *Sharded) Do(_ context.Context, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	sh := s.shard(c.Key)
	sh.lock.Lock()
	defer sh.lock.Unlock()
	return sh.m.Apply(kv.Entry{Version: kv.Version(s.last.Add(1)), Command: c}), nil
}

// Scan implements kv.Store. A page is one instant of the whole store, and the
// price is that all writers wait for it. A store that keeps old versions can
// read the past while the present goes on (step 08).
func (s *Sharded) Scan(_ context.Context, r kv.Range) (kv.Page, error) {
	if err := r.Check(); err != nil {
		return kv.Page{}, err
	}
	s.rlockAll()
	defer s.runlockAll()
	var all kv.Page
	for _, sh := range s.shards {
		p := sh.m.Scan(r)
		all.Items = append(all.Items, p.Items...)
		all.More = all.More || p.More
	}
	slices.SortFunc(all.Items, func(a, b kv.Item) int { return cmp.Compare(a.Key, b.Key) })
	return cut(all, r), nil
}

// rlockAll takes every lock for reading, always in the same order. Two scans
// in opposite orders could stop each other for ever, although both only read:
// a waiting writer lets no further readers in, so each scan would wait for a
// writer who waits for the other scan.
func (s *Sharded) rlockAll() {
	for _, sh := range s.shards {
		sh.lock.RLock()
	}
}

func (s *Sharded) runlockAll() {
	for _, sh := range s.shards {
		sh.lock.RUnlock()
	}
}

// cut makes one page of the sorted pages of all shards, within the limits that
// each of them was within. A shard that had more to show has filled a page by
// itself, so the cut falls before anything that it held back.
func cut(p kv.Page, r kv.Range) kv.Page {
	size := 0
	for i, it := range p.Items {
		if i == r.Max() || size >= kv.MaxPage {
			return kv.Page{Items: p.Items[:i], More: true}
		}
		size += len(it.Value)
	}
	return p
}
