package bench

import (
	"context"
	"fmt"
	"time"

	"zeyrho/harness/real"
)

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
		name: name, what: what + "; requests a second, p50 / p99 latency", unit: requests, aim: aim,
		open: func(ctx context.Context, b *bench) (side, side, func(), error) {
			return b.openServed(ctx, ours, bare)
		},
	}
}

func (b *bench) openServed(ctx context.Context, ours, bare kind) (a, z side, end func(), err error) {
	one, err := b.loadOn(ctx, step03(), ours, b.Connections)
	if err != nil {
		return a, z, nil, err
	}
	two, err := b.loadOn(ctx, bareServer(), bare, b.Connections)
	if err != nil {
		one.close()
		return a, z, nil, err
	}
	return side{"step 03", one.take}, side{"bare net/http", two.take}, closeBoth(one, two), nil
}

func closeBoth(one, two interface{ close() }) func() {
	return func() {
		one.close()
		two.close()
	}
}

// server is a program, and how it is told to serve and nothing else.
type server struct {
	name string
	pkg  string
	args []string
	// prepare fills a server that has just started; nil leaves it empty.
	prepare func(ctx context.Context, b *bench, address string) error
}

func step03() server {
	return server{"step 03", "steps/03-server", []string{"-serve", "-listen", "127.0.0.1:0"}, fillServer}
}

func bareServer() server { return server{"bare net/http", "harness/bench/bare", nil, fillServer} }

// loadOn opens a load on a server, which is started if it does not run yet.
func (b *bench) loadOn(ctx context.Context, s server, k kind, clients int) (*load, error) {
	address, err := b.start(ctx, s)
	if err != nil {
		return nil, err
	}
	l, err := b.dial(ctx, address, k, clients)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return l, nil
}

// start starts a server, unless it runs already, and returns its address.
func (b *bench) start(ctx context.Context, s server) (address string, err error) {
	if address, ok := b.servers[s.name]; ok {
		return address, nil
	}
	process, err := b.process(ctx, s)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if address, err = process.Listening(ctx); err != nil {
		return "", err
	}
	if s.prepare != nil {
		if err := s.prepare(ctx, b, address); err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.servers[s.name] = address
	return address, nil
}

// process builds a server and starts it.
func (b *bench) process(ctx context.Context, s server) (*real.Process, error) {
	path, err := build(ctx, s.pkg)
	if err != nil {
		return nil, err
	}
	return b.world.Start(real.Spec{Name: s.name, Path: path, Args: s.args})
}

// build builds a program of this repository, and returns where it is.
func build(ctx context.Context, pkg string) (path string, err error) {
	root, err := real.Root(".")
	if err != nil {
		return "", err
	}
	programs, err := real.Builder{Root: root}.Build(ctx, pkg)
	return programs[pkg], err
}

// fillServer puts every key into a server.
func fillServer(ctx context.Context, b *bench, address string) error {
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.close()
	for _, key := range b.keys {
		put.write(c, key, b.value)
		if err := put.ask(c); err != nil {
			return fmt.Errorf("put: %w", err)
		}
	}
	return nil
}
