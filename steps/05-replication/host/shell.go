package host

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/program"
	"zeyrho/steps/05-replication/cluster"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/route"
)

// LevelFlag adds the flag -read to fs.
func LevelFlag(fs *flag.FlagSet, level *node.Level) {
	fs.Func("read", "in the shell, read at `LEVEL`: leader, session or stale (default leader)", func(text string) (err error) {
		*level, err = route.ParseLevel(text)
		return err
	})
}

// Client returns a client of the nodes at an address, URL[,URL...], and the
// verbs of a shell on them: on those of c, if that is not nil.
func Client(address string, level node.Level, config client.Config, c *cluster.Cluster) (*client.Client, []shell.Verb, error) {
	urls, err := route.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	talk, err := route.Dial(address, level, config)
	if c != nil {
		return talk, c.Verbs(), err
	}
	return talk, cluster.Verbs(urls), err
}

// Nodes is how many nodes a cluster begins with.
const Nodes = 3

// Cluster starts that many nodes of a step's program on this machine, the first of
// them for clients at port. What they keep is in -dir or, if nobody says, in a
// directory for trying. What more returns are further flags of node i.
func Cluster(ctx context.Context, f *Flags, step string, port int, log *slog.Logger, more func(i int) []string) (*cluster.Cluster, program.Started, error) {
	if f.Dir == "" {
		f.Dir = filepath.Join(os.TempDir(), fmt.Sprintf("zeyrho-%.2s-%d", step, os.Getuid()))
	}
	self, err := os.Executable()
	if err != nil {
		return nil, program.Started{}, err
	}
	c, err := cluster.Start(ctx, cluster.Config{
		Program: self, Nodes: Nodes, Dir: f.Dir, Port: port, Log: log,
		Args: func(i int) []string { return append(f.shared(log.Enabled(ctx, slog.LevelDebug)), more(i)...) },
	})
	if err != nil {
		return nil, program.Started{}, err
	}
	return c, program.Started{
		Address:  strings.Join(c.URLs(), ","),
		Greeting: fmt.Sprintf("Three nodes are running; what they keep is in %s.\n\"status\" shows what they do; \"help\" what can be done to them.", f.Dir),
		Close:    c.Close,
	}, nil
}

// ForOne names the flags that say something of one node, and not of a cluster.
var ForOne = []string{"id", "new", "peers", "peer-listen", "advertise", "with-parent"}

// shared returns the flags that all nodes of a cluster are given alike.
func (f *Flags) shared(verbose bool) []string {
	acks := acksFlag(f.Acks)
	flags := []string{
		"-cluster", f.Cluster, "-acks", acks.String(), "-segment", fmt.Sprint(f.Segment), "-sessions", fmt.Sprint(f.Sessions),
		"-queue-bytes", fmt.Sprint(f.Queue.Bytes), "-queue-wait", fmt.Sprint(f.Queue.Wait),
	}
	if verbose {
		flags = append(flags, "-verbose")
	}
	return flags
}
