package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// crowd is how many clients write to a durable store at the same time.
const crowd = 64

// onDisk lists the comparisons of step 04, whose writes wait for a disk.
func onDisk() []comparison {
	const what = "PUT by 64 clients; requests a second, p50 / p99 latency, "
	return []comparison{
		{
			name: "durable-put", what: what + "and nothing of the bare server is on a disk",
			unit: requests, aim: Aim{AtLeast: 0.6, WritesPerSync: 16}, open: openDurable("batch"),
		},
		{
			name: "durable-put-100ms", what: what + "ours with a sync every 100 ms (what waiting for the disk costs)",
			unit: requests, open: openDurable("100ms"),
		},
		{
			name: "durable-put-redis", what: what + "theirs a SET in a protocol that is less work to read and write than HTTP",
			unit: requests, aim: Aim{AtLeast: 0.8}, open: openRedis,
		},
		{
			name: "durable-put-one", what: "one client; p50 / p99 latency of a PUT",
			unit: waits, aim: Aim{AtMost: 1.6}, open: openOne,
		},
	}
}

// step04 is a server on an empty directory.
func (b *bench) step04(sync string, more ...string) (server, error) {
	dir, err := b.files("step04")
	return server{
		name: "step 04, -sync " + sync,
		pkg:  "steps/04-journal",
		args: append([]string{"-serve", "-listen", "127.0.0.1:0", "-dir", dir, "-sync", sync}, more...),
	}, err
}

// durable opens a load that writes to step 04.
func (b *bench) durable(ctx context.Context, sync string, clients int) (*journaled, error) {
	s, err := b.step04(sync)
	if err != nil {
		return nil, err
	}
	return b.journaled(ctx, s, clients)
}

func (b *bench) journaled(ctx context.Context, s server, clients int) (*journaled, error) {
	l, err := b.loadOn(ctx, s, put, clients)
	if err != nil {
		return nil, err
	}
	status, err := dial(ctx, b.servers[s.name])
	if err != nil {
		l.close()
		return nil, err
	}
	return &journaled{load: l, name: s.name, status: status}, nil
}

func openDurable(sync string) func(context.Context, *bench) (ours, bare side, end func(), err error) {
	return func(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
		one, err := b.durable(ctx, sync, crowd)
		if err != nil {
			return ours, bare, nil, err
		}
		two, err := b.loadOn(ctx, bareServer(), put, crowd)
		if err != nil {
			one.close()
			return ours, bare, nil, err
		}
		return side{one.name, one.take}, side{"bare net/http", two.take}, closeBoth(one, two), nil
	}
}

// journaled is a load on a store that tells how often it syncs.
type journaled struct {
	*load
	name   string
	status *connection
}

func (d *journaled) close() {
	d.load.close()
	d.status.close()
}

// figures are what a server's status says of its journal.
type figures struct {
	Last  float64 `json:"last_version"` // each write has a version
	Syncs float64 `json:"syncs"`
}

func (d *journaled) figures() (f figures, err error) {
	d.status.out.WriteString("GET /status HTTP/1.1\r\nHost: bench\r\n\r\n")
	d.status.want = -1
	body, err := d.status.ask()
	if err == nil {
		err = json.Unmarshal(body, &f)
	}
	if err != nil {
		return f, fmt.Errorf("the status of %s: %w", d.name, err)
	}
	return f, nil
}

// take is that of the load, and counts the writes that shared a sync.
func (d *journaled) take(ctx context.Context, length time.Duration) (sample, error) {
	before, err := d.figures()
	if err != nil {
		return sample{}, err
	}
	s, err := d.load.take(ctx, length)
	if err != nil {
		return sample{}, err
	}
	after, err := d.figures()
	s.writesPerSync = (after.Last - before.Last) / max(1, after.Syncs-before.Syncs)
	return s, err
}

// openOne compares a durable PUT with what it is made of: an append and fsync on
// the same disk, and a round trip to a server that does nothing else.
func openOne(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	one, err := b.durable(ctx, "batch", 1)
	if err != nil {
		return ours, bare, nil, err
	}
	two, err := b.loadOn(ctx, bareServer(), put, 1)
	if err != nil {
		one.close()
		return ours, bare, nil, err
	}
	end = closeBoth(one, two)
	dir, err := b.files("append")
	if err == nil {
		two.disk, err = os.OpenFile(filepath.Join(dir, "file"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	}
	if err != nil {
		end()
		return ours, bare, nil, err
	}
	return side{one.name, one.load.take}, side{"an append with its fsync, then a PUT to bare net/http", two.take}, end, nil
}
