// Command 06-catchup starts three nodes and a shell to talk to them, or one
// node that serves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/program"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/cluster"
	"zeyrho/steps/05-replication/host"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/06-catchup/catchup"
	"zeyrho/steps/06-catchup/join"
	"zeyrho/steps/06-catchup/store"
)

const (
	name   = "06-catchup"
	listen = "127.0.0.1:7006"
)

const usage = `usage: go run ./steps/06-catchup [flags]

The store of step 05, whose log does not grow for ever, and which a node can join
while it is at work. Without -serve and -connect: three nodes on this machine, and
a shell that talks to them, can kill them, and add a fourth ("add"). What they
keep is in -dir, and is there again the next time.

flags:
`

func main() {
	var f host.Flags
	var c catchup.Config
	var address *flag.Flag // -listen
	level := node.Leader
	p := program.Program{
		Name: name, Usage: usage, Listen: listen, InFlight: 256, Beside: []string{"read"}, ForOne: append(host.ForOne, "join"),
		Flags: func(fs *flag.FlagSet) {
			f.Register(fs, name, 4<<20)
			host.LevelFlag(fs, &level)
			program.Positive(fs, &c.Every, "snapshot-every", 8<<20, "make a snapshot after so many `BYTES` of log, or as many as the last one has")
			fs.Uint64Var(&c.Keep, "keep", 1000, "keep `N` entries that the snapshot has, for followers that are a little behind")
			fs.BoolVar(&c.Join, "join", false, "this node joins a cluster that is there: it is a learner")
			address = fs.Lookup("listen")
		},
		Open: func(log *slog.Logger) (program.Opened, error) {
			if f.New && c.Join {
				return program.Opened{}, errors.New("-new and -join: a node begins a history, or joins one")
			}
			if err := f.Complete(address.Value.String(), name); err != nil {
				return program.Opened{}, err
			}
			return host.Open(&f, log, func(env node.Env, d disk.Disk) (host.Part, error) { return open(&f, c, env, d) })
		},
	}
	var nodes *cluster.Cluster
	p.Client = func(address string, c client.Config) (*client.Client, []shell.Verb, error) {
		talk, verbs, err := host.Client(address, level, c, nodes)
		if nodes != nil {
			verbs = append(verbs, join.Verb(nodes))
		}
		return talk, verbs, err
	}
	p.Alone = func(ctx context.Context, log *slog.Logger) (started program.Started, err error) {
		nodes, started, err = alone(ctx, &f, c, log)
		return started, err
	}
	os.Exit(p.Run(os.Args[1:]))
}

// alone starts a cluster. Its leader is told where those nodes are now that were
// added before.
func alone(ctx context.Context, f *host.Flags, c catchup.Config, log *slog.Logger) (*cluster.Cluster, program.Started, error) {
	nodes, started, err := host.Cluster(ctx, f, name, 7006, log, func(i int) []string {
		args := []string{"-snapshot-every", fmt.Sprint(c.Every), "-keep", fmt.Sprint(c.Keep)}
		if i > host.Nodes {
			args = append(args, "-join")
		}
		return args
	})
	if err != nil {
		return nil, program.Started{}, err
	}
	if err := join.Introduce(ctx, nodes, host.Nodes); err != nil {
		log.Warn("what was added before stays behind", "error", err)
	}
	return nodes, started, nil
}

// open opens the node of this step.
func open(f *host.Flags, c catchup.Config, env node.Env, d disk.Disk) (host.Part, error) {
	n, err := store.Open(store.Config{
		Self: f.ID, SegmentSize: f.Segment, Catchup: c,
		Replication: replication.Config{Peers: f.Others(), Acks: f.Acks, New: f.New, Sessions: f.Sessions},
	}, env, d)
	if err != nil {
		return host.Part{}, err
	}
	return host.Part{
		Node:    n.Node,
		Promote: n.Catchup.Promote,
		Status: func() map[string]any {
			return join.Status(n.Node, n.Replication.Status(), n.Catchup.Status())
		},
		Wrap:  func(at host.Site) http.Handler { return join.Handler(at, n.Catchup) },
		Begin: n.Catchup.UseTable,
	}, nil
}
