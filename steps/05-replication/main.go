// Command 05-replication starts three nodes and a shell to talk to them, or one
// node that serves.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/program"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/cluster"
	"zeyrho/steps/05-replication/host"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/service"
	"zeyrho/steps/05-replication/store"
)

const (
	name   = "05-replication"
	listen = "127.0.0.1:7005"
)

const usage = `usage: go run ./steps/05-replication [flags]

A key-value store on several disks: one node leads, the others copy its log.
Without -serve and -connect: three nodes on this machine, and a shell that talks
to them and can kill, pause and promote them. What they keep is in -dir, and is
there again the next time.

One node, in a terminal of its own, and a shell in another one:

  go run ./steps/05-replication -serve -new
  go run ./steps/05-replication -connect http://127.0.0.1:7005

flags:
`

func main() {
	var f host.Flags
	var address *flag.Flag // -listen
	level := node.Leader
	p := program.Program{
		Name: name, Usage: usage, Listen: listen, InFlight: 256, Beside: []string{"read"}, ForOne: host.ForOne,
		Flags: func(fs *flag.FlagSet) {
			f.Register(fs, name, 64<<20)
			host.LevelFlag(fs, &level)
			address = fs.Lookup("listen")
		},
		Open: func(log *slog.Logger) (program.Opened, error) {
			if err := f.Complete(address.Value.String(), name); err != nil {
				return program.Opened{}, err
			}
			return host.Open(&f, log, func(env node.Env, d disk.Disk) (host.Part, error) { return open(&f, env, d) })
		},
	}
	var nodes *cluster.Cluster
	p.Client = func(address string, c client.Config) (*client.Client, []shell.Verb, error) {
		return host.Client(address, level, c, nodes)
	}
	p.Alone = func(ctx context.Context, log *slog.Logger) (started program.Started, err error) {
		nodes, started, err = host.Cluster(ctx, &f, name, 7005, log, func(int) []string { return nil })
		return started, err
	}
	os.Exit(p.Run(os.Args[1:]))
}

// open opens the node of this step.
func open(f *host.Flags, env node.Env, d disk.Disk) (host.Part, error) {
	n, err := store.Open(store.Config{
		Self: f.ID, SegmentSize: f.Segment,
		Replication: replication.Config{Peers: f.Others(), Acks: f.Acks, New: f.New, Sessions: f.Sessions},
	}, env, d)
	if err != nil {
		return host.Part{}, err
	}
	return host.Part{
		Node:    n.Node,
		Promote: n.Replication.Promote,
		Status:  func() map[string]any { return service.Status(n.Node, n.Replication.Status()) },
	}, nil
}
