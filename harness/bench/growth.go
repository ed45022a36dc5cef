package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"zeyrho/harness/real"
)

// growths lists the comparisons of what becomes of a store to which more and
// more is written, always to the same few keys: step 06 beside step 05, whose
// log has all of it.
func growths() []comparison {
	var list []comparison
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		list = append(list, comparison{
			name: "restart-" + short(n), what: fmt.Sprintf("from the start of a process until it has applied all that is on its disk, and the bytes on its disk; after %d writes to 1000 keys", n),
			unit: restarts, open: openGrown(n, (*grower).restarted),
		})
	}
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		list = append(list, comparison{
			name: "join-" + short(n), what: fmt.Sprintf("from the start of a process on an empty disk until it holds what its leader does, and the bytes that it was sent; after %d writes to 1000 keys", n),
			unit: joins, open: openGrown(n, (*grower).joined),
		})
	}
	return list
}

// measure makes a take of the directory of a grower, and says how to clean up.
type measure func(g *grower, ctx context.Context, b *bench) (take, func(), error)

// openGrown lets a node of each step take n writes, and compares what measure
// makes of their directories.
func openGrown(n int, measure measure) func(context.Context, *bench) (ours, bare side, end func(), err error) {
	return func(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
		var ends []func()
		end = func() {
			for _, f := range ends {
				f()
			}
		}
		sides := []*side{&ours, &bare}
		for i, step := range []*growing{step06, step05} {
			g, err := b.grower(ctx, step)
			if err == nil {
				err = g.grow(ctx, b, b.scaled(n))
			}
			var f func()
			sides[i].name = step.name
			if err == nil {
				sides[i].take, f, err = measure(g, ctx, b)
			}
			if err != nil {
				end()
				return ours, bare, nil, fmt.Errorf("%s: %w", step.name, err)
			}
			ends = append(ends, f)
		}
		return ours, bare, end, nil
	}
}

func (b *bench) grower(ctx context.Context, step *growing) (*grower, error) {
	program, err := build(ctx, step.pkg)
	if err != nil {
		return nil, err
	}
	dir, err := b.files("grown")
	return &grower{step: step, program: program, dir: filepath.Join(dir, "n1")}, err
}

// serve starts a process of the node with a number, on a directory.
func (g *grower) serve(ctx context.Context, b *bench, id int, dir string, more ...string) (*real.Process, string, error) {
	args := append([]string{
		"-serve", "-id", strconv.Itoa(id), "-dir", dir, "-listen", "127.0.0.1:0",
		"-advertise", "http://127.0.0.1:1", // nobody will be sent there
	}, more...)
	process, err := b.world.Start(real.Spec{Name: fmt.Sprintf("%s, n%d", g.step.name, id), Path: g.program, Args: args})
	if err != nil {
		return nil, "", err
	}
	address, err := process.Listening(ctx)
	if err != nil {
		process.Kill()
	}
	return process, address, err
}

// restarted starts a process on the directory, and ends it.
func (g *grower) restarted(ctx context.Context, b *bench) (take, func(), error) {
	size, err := sizeOf(g.dir)
	return func(ctx context.Context, _ time.Duration) (sample, error) {
		began := time.Now()
		process, address, err := g.serve(ctx, b, 1, g.dir)
		if err != nil {
			return sample{}, err
		}
		defer process.Kill()
		_, err = awaitApplied(ctx, address, 1)
		return sample{nanos: float64(time.Since(began)), bytes: size}, err
	}, nothing, err
}

// joined starts a leader on the directory, and returns what starts a second node
// with an empty disk beside it, over and over.
func (g *grower) joined(ctx context.Context, b *bench) (take, func(), error) {
	w, err := b.openWire()
	if err != nil {
		return nil, nil, err
	}
	leader, address, err := g.serve(ctx, b, 1, g.dir, w.leader...)
	if err != nil {
		return nil, nil, err
	}
	end := func() {
		leader.Kill()
		w.proxy.Close()
	}
	last, err := awaitApplied(ctx, address, 1)
	if err != nil {
		end()
		return nil, nil, err
	}
	return func(ctx context.Context, _ time.Duration) (sample, error) {
		dir, err := b.files("joined")
		if err != nil {
			return sample{}, err
		}
		before, began := w.proxy.Carried(real.ToServer), time.Now()
		second, address, err := g.serve(ctx, b, 2, dir, w.second...)
		if err != nil {
			return sample{}, err
		}
		defer second.Kill()
		_, err = awaitApplied(ctx, address, last)
		return sample{nanos: float64(time.Since(began)), bytes: float64(w.proxy.Carried(real.ToServer) - before)}, err
	}, end, nil
}

// wireTo is the way from a leader to a second node, on which bytes are counted.
type wireTo struct {
	proxy          *real.Proxy
	leader, second []string // the flags of the two
}

func (b *bench) openWire() (w wireTo, err error) {
	var ports [2]string
	for i := range ports {
		port, err := freePort()
		if err != nil {
			return w, err
		}
		ports[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	if w.proxy, err = b.world.Proxy(ports[1]); err != nil {
		return w, err
	}
	w.leader = []string{"-acks", "async", "-peer-listen", ports[0], "-peers", "2=" + w.proxy.Addr()}
	w.second = []string{"-acks", "async", "-peer-listen", ports[1], "-peers", "1=" + ports[0]}
	return w, nil
}

// awaitApplied asks a node again and again until it has applied all of its log,
// and that goes up to an entry at least. It returns the last one.
func awaitApplied(ctx context.Context, address string, least uint64) (last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := dial(ctx, address)
	if err != nil {
		return 0, err
	}
	defer c.close()
	for ctx.Err() == nil {
		c.out.WriteString("GET /status HTTP/1.1\r\nHost: bench\r\n\r\n")
		c.want = -1
		body, err := c.ask()
		var status struct{ Last, Applied uint64 }
		if err = errors.Join(err, json.Unmarshal(body, &status)); err != nil {
			return 0, err
		}
		if status.Applied == status.Last && status.Last >= least {
			return status.Last, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, fmt.Errorf("a node has not applied entry %d: %w", least, ctx.Err())
}
