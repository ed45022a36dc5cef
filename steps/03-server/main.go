// Command 03-server serves a store over HTTP, and opens a shell on it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/store"
)

const usage = `usage: go run ./steps/03-server [flags]

A key-value store behind HTTP. Without flags: a server and a shell that talks
to it; the server ends with the shell. In two terminals:

  go run ./steps/03-server -serve
  go run ./steps/03-server -connect http://127.0.0.1:7003

flags:
`

type options struct {
	listen, connect string
	serve, verbose  bool
	sessions        int
	timeout         time.Duration
	server          server.Config
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "03-server: %v (see -h)\n", err)
		os.Exit(2)
	}
	status, err := run(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "03-server: %v\n", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("03-server", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the errors are reported by main
	f.StringVar(&o.listen, "listen", "127.0.0.1:7003", "serve at `HOST:PORT`; port 0 is any that is free")
	f.BoolVar(&o.serve, "serve", false, "no shell: serve until SIGTERM or SIGINT")
	f.StringVar(&o.connect, "connect", "", "no server: a shell on the server at `URL`")
	f.IntVar(&o.sessions, "sessions", 10_000, "remember `N` sessions")
	f.IntVar(&o.server.Connections, "connections", 512, "keep at most `N` connections open")
	f.IntVar(&o.server.InFlight, "inflight", 64, "work on at most `N` requests at a time, fewer than -connections")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "longest `TIME` for each phase of a request; with -connect, for a request with all its tries")
	f.BoolVar(&o.verbose, "verbose", false, "log every request")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(os.Stderr, usage)
		f.SetOutput(os.Stderr)
		f.PrintDefaults()
	}
	if err != nil {
		return o, err
	}
	return o, o.check(f)
}

func (o options) check(f *flag.FlagSet) error {
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("there are no arguments, such as %q", f.Arg(0))
	case o.connect != "" && wasSet(f, "listen", "serve", "sessions", "connections", "inflight", "verbose"):
		return errors.New("with -connect there is no server of ours: only -timeout goes with it")
	case min(o.sessions, o.server.Connections, o.server.InFlight) < 1 || o.timeout <= 0:
		return errors.New("-sessions, -connections, -inflight and -timeout must be above zero")
	}
	return nil
}

func wasSet(f *flag.FlagSet, names ...string) (found bool) {
	f.Visit(func(given *flag.Flag) { found = found || slices.Contains(names, given.Name) })
	return found
}

// run does what the flags say and returns the exit status.
func run(o options) (int, error) {
	if o.connect != "" {
		return runShell(o.connect, client.Config{Timeout: o.timeout}, "Connected to "+o.connect+".")
	}
	l, err := server.Listen(o.listen)
	if err != nil {
		return 1, err
	}
	url := "http://" + l.Addr().String()
	if o.serve {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		context.AfterFunc(ctx, stop) // a second signal ends us at once
		fmt.Println("listening on", url)
		return 0, newServer(o, slog.LevelInfo).Run(ctx, l)
	}
	return runBoth(newServer(o, slog.LevelWarn), l, url)
}

func newServer(o options, level slog.Level) *server.Server {
	if o.verbose {
		level = slog.LevelDebug
	}
	s := store.Open(store.Config{Sessions: o.sessions})
	o.server.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	o.server.Timeout = o.timeout
	o.server.Status = func() map[string]any { return map[string]any{"sessions": s.Sessions()} }
	return server.New(s, o.server)
}

// runBoth serves for as long as the shell runs.
func runBoth(s *server.Server, l net.Listener, url string) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	status, err := runShell(url, client.Config{}, fmt.Sprintf("listening on %s\nThe data is in the memory of this process: when you leave, it is gone.", url))
	cancel()
	return status, errors.Join(err, <-ended)
}

func runShell(url string, config client.Config, greeting string) (int, error) {
	c, err := client.New(url, config)
	if err != nil {
		return 2, err
	}
	defer c.Close()
	sh := shell.Shell{Store: c, Greeting: greeting, Verbs: []shell.Verb{statusVerb(c)}}
	return sh.Run(context.Background()), nil
}

func statusVerb(c *client.Client) shell.Verb {
	return shell.Verb{
		Name: "status",
		Help: "say what the server is, and how busy",
		Run: func(ctx context.Context, args []shell.Word, out io.Writer) error {
			if len(args) > 0 {
				return shell.UsageError("status takes no arguments")
			}
			members, err := c.Status(ctx)
			for _, name := range slices.Sorted(maps.Keys(members)) {
				fmt.Fprintf(out, "%s: %v\n", name, members[name])
			}
			return err
		},
	}
}
