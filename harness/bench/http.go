package bench

import (
	"context"
	"fmt"
	"time"

	"zeyrho/harness/real"
)

// The two servers, and how they are told to serve and nothing else.
const (
	stepServer = "steps/03-server"
	bareServer = "harness/bench/bare"
)

// pair is the two servers as processes, by their addresses.
type pair struct{ ours, bare string }

// overHTTP lists the comparisons of step 03 with a bare server.
func overHTTP() []comparison {
	return []comparison{
		served("http-get", "GET", Aim{AtLeast: 0.8}, get, get),
		served("http-put", "PUT without a session", Aim{AtLeast: 0.8}, put, put),
		served("http-put-once", "PUT, ours with an Idempotency-Key (what a safe retry costs)", Aim{}, putOnce, put),
	}
}

func served(name, what string, aim Aim, ours, bare kind) comparison {
	return comparison{
		name: name, what: what + "; requests a second, p50 / p99 latency", served: true, aim: aim,
		open: func(ctx context.Context, b *bench) (side, side, func(), error) {
			return b.openServed(ctx, ours, bare)
		},
	}
}

func (b *bench) openServed(ctx context.Context, ours, bare kind) (a, z side, end func(), err error) {
	if err := b.start(ctx); err != nil {
		return a, z, nil, err
	}
	one, err := b.dial(ctx, b.servers.ours, ours)
	if err != nil {
		return a, z, nil, fmt.Errorf("step 03: %w", err)
	}
	two, err := b.dial(ctx, b.servers.bare, bare)
	if err != nil {
		one.close()
		return a, z, nil, fmt.Errorf("bare: %w", err)
	}
	end = func() {
		one.close()
		two.close()
	}
	return side{"step 03", one.take}, side{"bare net/http", two.take}, end, nil
}

// start builds and starts both servers, unless they run already.
func (b *bench) start(ctx context.Context) error {
	if b.servers != nil {
		return nil
	}
	root, err := real.Root(".")
	if err != nil {
		return err
	}
	programs, err := real.Builder{Root: root}.Build(ctx, stepServer, bareServer)
	if err != nil {
		return err
	}
	ours, err := b.serve(ctx, "step 03", programs[stepServer], "-serve", "-listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	bare, err := b.serve(ctx, "the bare server", programs[bareServer])
	if err != nil {
		return err
	}
	b.servers = &pair{ours, bare}
	return nil
}

// serve starts a server and puts every key into it.
func (b *bench) serve(ctx context.Context, name, program string, args ...string) (address string, err error) {
	process, err := b.world.Start(real.Spec{Name: name, Path: program, Args: args})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if address, err = process.Listening(ctx); err != nil {
		return "", err
	}
	c, err := dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer c.close()
	for _, key := range b.keys {
		put.write(c, key, b.value)
		if _, err := c.ask(); err != nil {
			return "", fmt.Errorf("put into %s: %w", name, err)
		}
	}
	return address, nil
}
