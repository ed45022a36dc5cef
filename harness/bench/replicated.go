package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/05-replication/cluster"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/route"
)

// modes are what an acknowledgement of step 05 can mean, of three disks.
var modes = []string{"async", "majority", "all"}

// shared is for requests to several processes. There are many comparisons of them.
var shared = requests.paced(21, 101)

// replicated lists the comparisons of step 05: three nodes, each a process of
// its own, beside step 04, which is one. All are asked by the client of step 05.
func replicated() []comparison {
	var list []comparison
	for _, clients := range []int{1, crowd} {
		for _, mode := range modes {
			list = append(list, comparison{
				name: fmt.Sprintf("replicated-put-%s-%d", mode, clients),
				what: fmt.Sprintf("PUT in sessions by the client of step 05, of which there are %d; requests a second, p50 / p99 latency", clients),
				unit: shared, open: openWrites(mode, clients),
			})
		}
	}
	const what = "GET by 64 clients of step 05; requests a second, p50 / p99 latency"
	return append(list,
		comparison{name: "replicated-get-leader", what: what, unit: shared, open: openLeaderReads},
		comparison{name: "replicated-get-follower", what: what, unit: shared, open: openFollowerReads},
	)
}

// stored asks with the client of step 05.
type stored struct {
	client *client.Client
	reads  bool
}

func (s stored) ask(ctx context.Context, key string, value []byte) error {
	if !s.reads {
		_, err := s.client.Do(ctx, kv.Put(key, value))
		return err
	}
	it, err := s.client.Get(ctx, key)
	if err == nil && len(it.Value) != len(value) {
		err = fmt.Errorf("the value of %s has %d bytes and not %d", key, len(it.Value), len(value))
	}
	return err
}

func (s stored) until(time.Time) {} // it has patience of its own
func (s stored) close()          { s.client.Close() }

// writers is a load that writes to the first of the servers, which leads.
func (b *bench) writers(urls []string, clients int) (*load, error) {
	return b.users(urls, clients, node.Leader, false)
}

// readers is a load that reads from the first of the servers, which has been
// seen to hold every key.
func (b *bench) readers(ctx context.Context, urls []string, level node.Level) (*load, error) {
	c, err := route.Dial(strings.Join(urls, ","), level, client.Config{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := b.put(ctx, c); err != nil {
		return nil, err
	}
	if err := (stored{c, true}).ask(ctx, b.keys[len(b.keys)-1], b.value); err != nil { // waits, at the level session
		return nil, err
	}
	return b.users(urls, crowd, level, true)
}

func (b *bench) users(urls []string, clients int, level node.Level, reads bool) (*load, error) {
	l := &load{keys: b.keys, value: b.value}
	for range clients {
		c, err := route.Dial(strings.Join(urls, ","), level, client.Config{})
		if err != nil {
			l.close()
			return nil, err
		}
		l.clients = append(l.clients, stored{c, reads})
	}
	return l, nil
}

// three starts three nodes of step 05 on empty directories.
func (b *bench) three(ctx context.Context, mode string) (*cluster.Cluster, error) {
	program, err := build(ctx, "steps/05-replication")
	if err != nil {
		return nil, err
	}
	dir, err := b.files("step05")
	if err != nil {
		return nil, err
	}
	return cluster.Start(ctx, cluster.Config{
		Program: program, Args: func(int) []string { return []string{"-acks", mode} },
		Dir: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), // a load says so when nobody answers
	})
}

// one starts a server of step 04 on an empty directory, if that is not done yet.
func (b *bench) one(ctx context.Context) (urls []string, err error) {
	s, err := b.step04("batch")
	if err != nil {
		return nil, err
	}
	address, err := b.start(ctx, s)
	return []string{"http://" + address}, err
}

// servers are the addresses of a cluster, its leader first, and of step 04.
type servers struct{ three, one []string }

// openReplicated starts the servers, and opens the two loads that are compared.
func (b *bench) openReplicated(ctx context.Context, mode string, ours, bare func(servers) (*load, error)) (a, z *load, end func(), err error) {
	one, err := b.one(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	nodes, err := b.three(ctx, mode)
	if err != nil {
		return nil, nil, nil, err
	}
	all := servers{nodes.URLs(), one}
	if a, err = ours(all); err == nil {
		z, err = bare(all)
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, nodes.Close())
	}
	return a, z, func() {
		closeBoth(a, z)()
		nodes.Close() // with SIGKILL at the latest
	}, nil
}

func openWrites(mode string, clients int) func(context.Context, *bench) (ours, bare side, end func(), err error) {
	return func(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
		one, two, end, err := b.openReplicated(ctx, mode,
			func(s servers) (*load, error) { return b.writers(s.three, clients) },
			func(s servers) (*load, error) { return b.writers(s.one, clients) })
		if err != nil {
			return ours, bare, nil, err
		}
		return side{"step 05, three nodes, -acks " + mode, one.take}, side{"step 04", two.take}, end, nil
	}
}

func openLeaderReads(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	one, two, end, err := b.openReplicated(ctx, "majority",
		func(s servers) (*load, error) { return b.readers(ctx, s.three, node.Leader) },
		func(s servers) (*load, error) { return b.readers(ctx, s.one, node.Leader) })
	if err != nil {
		return ours, bare, nil, err
	}
	return side{"the leader of three nodes of step 05", one.take}, side{"step 04", two.take}, end, nil
}

func openFollowerReads(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	one, two, end, err := b.openReplicated(ctx, "majority",
		func(s servers) (*load, error) { return b.readers(ctx, s.three[1:], node.Session) },
		func(s servers) (*load, error) { return b.readers(ctx, s.three, node.Leader) })
	if err != nil {
		return ours, bare, nil, err
	}
	return side{"a follower of step 05, with read=session", one.take}, side{"its leader", two.take}, end, nil
}
