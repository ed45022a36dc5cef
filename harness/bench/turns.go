package bench

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	store05 "zeyrho/steps/05-replication/store"
	store06 "zeyrho/steps/06-catchup/store"
)

// grower is a node of a step, without peers, that writes its directory in this
// process, without a client or a clock that it would have to wait for.
type grower struct {
	step    *growing
	program string // of the step
	dir     string
	done    []node.Input // work that has been done for the node
	node    *node.Node
}

// growing is a step whose log grows.
type growing struct {
	name, pkg string
	open      func(c replication.Config, env node.Env, d disk.Disk) (*node.Node, error)
}

// The same two steps, with the sizes that their programs have.
var (
	step05 = &growing{"step 05", "steps/05-replication", func(c replication.Config, env node.Env, d disk.Disk) (*node.Node, error) {
		n, err := store05.Open(store05.Config{Self: 1, SegmentSize: 64 << 20, Replication: c}, env, d)
		if err != nil {
			return nil, err
		}
		return n.Node, nil
	}}
	step06 = &growing{"step 06", "steps/06-catchup", func(c replication.Config, env node.Env, d disk.Disk) (*node.Node, error) {
		n, err := store06.Open(store06.Config{Self: 1, SegmentSize: 4 << 20, Replication: c}, env, d)
		if err != nil {
			return nil, err
		}
		return n.Node, nil
	}}
)

// Now implements node.Env.
func (g *grower) Now() time.Duration { return time.Since(started) + 1 }

var started = time.Now()

// Rand implements node.Env.
func (g *grower) Rand() uint64 { return rand.Uint64() }

// Start implements node.Env: what would be done elsewhere is done at once.
func (g *grower) Start(work, done func()) {
	work()
	g.done = append(g.done, node.Done(done))
}

// turnSize is how many writes share a turn, and its sync.
const turnSize = 1000

// grow adds n puts to the directory of a node, to the keys of b in turn.
func (g *grower) grow(ctx context.Context, b *bench, n int) error {
	d, err := disk.OpenDir(g.dir)
	if err != nil {
		return err
	}
	names, err := d.List()
	if err != nil {
		return err
	}
	g.node, err = g.step.open(replication.Config{New: len(names) == 0}, g, d)
	if err != nil {
		return err
	}
	for at := 0; at < n && err == nil; at += turnSize {
		var batch []node.Input
		for i := at; i < min(at+turnSize, n); i++ {
			batch = append(batch, node.Write{ID: uint64(i + 1), Request: machine.Request{Command: kv.Put(b.keys[i%len(b.keys)], b.value)}})
		}
		err = errors.Join(g.turn(batch), ctx.Err())
	}
	return errors.Join(err, g.node.Close())
}

// turn takes a turn of a node, and another one if the first has led to work.
func (g *grower) turn(batch []node.Input) (err error) {
	for len(batch) > 0 && err == nil {
		if g.node.Handle(batch) {
			err = g.node.Sync()
		}
		var out node.Outbox
		out, err = g.node.Synced(err)
		for _, r := range out.Replies {
			err = errors.Join(err, r.Err)
		}
		batch, g.done = g.done, nil
	}
	return err
}

// sizeOf returns how many bytes are in the files of a directory.
func sizeOf(dir string) (bytes float64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err == nil {
			bytes += float64(info.Size())
		}
		return err
	})
	return bytes, err
}
