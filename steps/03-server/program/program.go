// Package program answers: how does a store become something that one starts in
// a terminal?
//
// It is the command line of this step and of all later ones: the flags that they
// have in common, and what is done with them. The store is served, or a shell
// talks to a server elsewhere, or both at once, which is the first thing that a
// newcomer tries. A step brings its store and flags of its own.
package program

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
)

// Program is what a step brings.
type Program struct {
	Name   string // of the step
	Usage  string // the help text, before the flags
	Listen string // where it serves if nobody says
	// InFlight is how many requests the store works on at a time if nobody says;
	// 64. A store that serves many of them in one go can have more.
	InFlight int
	// Flags adds the step's own flags to those that all have. It may be nil.
	Flags func(*flag.FlagSet)
	// Open opens the store, when the flags have been read and the address is ours.
	Open func(log *slog.Logger) (Opened, error)
	// Client returns what a shell talks to, at an address of our own or after
	// -connect, and the step's own verbs. It may be nil: client.New, and none.
	Client func(address string, c client.Config) (*client.Client, []shell.Verb, error)
	// Beside names those of the step's own flags that go with -connect.
	Beside []string
	// Alone, if it is not nil, is what is done without -serve and -connect, instead
	// of serving: it starts servers elsewhere, for a shell to talk to. Its context
	// is for the starting; it ends when a signal comes.
	Alone func(ctx context.Context, log *slog.Logger) (Started, error)
	// ForOne names those of the step's own flags that Alone has no use for.
	ForOne []string
}

// Opened is an open store.
type Opened struct {
	Store    server.Store
	Greeting string                          // what a shell says of it: where is the data?
	Status   func() map[string]any           // see server.Config; it may be nil
	Wrap     func(http.Handler) http.Handler // see server.Config; it may be nil
	Ended    <-chan struct{}                 // closed if the store cannot go on; it may be nil
	Close    func() error                    // says, too, why the store could not go on; it may be nil
}

// Started are servers that run elsewhere, until Close.
type Started struct {
	Address  string // for Program.Client
	Greeting string // what a shell says of them
	Close    func() error
}

// options are the flags that all programs have.
type options struct {
	listen, connect string
	serve, verbose  bool
	timeout         time.Duration
	server          server.Config
}

// Run does what the arguments say and returns the exit status: 0, 1 if
// something went wrong, or 2 if the arguments make no sense.
func (p Program) Run(args []string) int {
	o, err := p.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v (see -h)\n", p.Name, err)
		return 2
	}
	status, err := p.run(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
		status = max(status, 1)
	}
	return status
}

func (p Program) parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // the errors are reported by Run
	f.StringVar(&o.listen, "listen", p.Listen, "serve at `HOST:PORT`; port 0 is any that is free")
	f.BoolVar(&o.serve, "serve", false, "no shell: serve until SIGTERM or SIGINT")
	f.StringVar(&o.connect, "connect", "", "no server: a shell on the server at `URL`")
	Positive(f, &o.server.Connections, "connections", 512, "keep at most `N` connections open")
	Positive(f, &o.server.InFlight, "inflight", cmp.Or(p.InFlight, 64), "work on at most `N` requests at a time, fewer than -connections")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "longest `TIME` for each phase of a request; with -connect, for a request with all its tries")
	f.BoolVar(&o.verbose, "verbose", false, "log every request")
	if p.Flags != nil {
		p.Flags(f)
	}
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(os.Stderr, p.Usage)
		f.SetOutput(os.Stderr)
		f.PrintDefaults()
	}
	if err != nil {
		return o, err
	}
	return o, p.check(o, f)
}

func (p Program) check(o options, f *flag.FlagSet) error {
	beside := append(p.Beside, "connect", "timeout")
	forOne := append(p.ForOne, "listen", "connections", "inflight", "timeout")
	isForOne := func(name string) bool { return slices.Contains(forOne, name) }
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("there are no arguments, such as %q", f.Arg(0))
	case o.connect != "" && given(f, func(name string) bool { return !slices.Contains(beside, name) }) != "":
		return fmt.Errorf("with -connect there is no server of ours: only -%s goes with it", strings.Join(append(p.Beside, "timeout"), " or -"))
	case p.isAlone(o) && given(f, isForOne) != "":
		return fmt.Errorf("-%s goes with -serve: it is about one server, and here are several", given(f, isForOne))
	case o.timeout <= 0:
		return errors.New("-timeout must be above zero")
	}
	return nil
}

// Positive adds a flag to f that takes a whole number, or a time, above zero.
func Positive[T number](f *flag.FlagSet, p *T, name string, value T, usage string) {
	*p = value
	f.Var(positive[T]{p}, name, usage)
}

type number interface{ int | int64 | time.Duration }

type positive[T number] struct{ p *T }

func (n positive[T]) String() string {
	if n.p == nil {
		return "0"
	}
	return fmt.Sprint(*n.p)
}

func (n positive[T]) Set(text string) error {
	if p, ok := any(n.p).(*time.Duration); ok {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return errors.New("it must be a time above zero, such as 100ms")
		}
		*p = d
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 1 || int64(T(v)) != v {
		return errors.New("it must be a number above zero")
	}
	*n.p = T(v)
	return nil
}

// given returns the name of a flag that was given, of those that are asked for;
// or "".
func given(f *flag.FlagSet, asked func(name string) bool) (name string) {
	f.Visit(func(one *flag.Flag) {
		if name == "" && asked(one.Name) {
			name = one.Name
		}
	})
	return name
}

// isAlone says whether Alone is what is to be done.
func (p Program) isAlone(o options) bool { return p.Alone != nil && !o.serve && o.connect == "" }

// run does what the flags say and returns the exit status.
func (p Program) run(o options) (int, error) {
	log := o.log()
	switch {
	case o.connect != "":
		return p.runShell(context.Background(), o.connect, client.Config{Timeout: o.timeout}, "")
	case p.isAlone(o):
		return p.runAlone(log)
	}
	l, err := server.Listen(o.listen)
	if err != nil {
		return 1, err
	}
	defer l.Close()
	store, err := p.Open(log)
	if err != nil {
		return 1, err
	}
	o.server.Log, o.server.Timeout = log, o.timeout
	o.server.Status, o.server.Wrap = store.Status, store.Wrap
	s := server.New(store.Store, o.server)
	if o.serve {
		return 0, errors.Join(serve(s, l, store), store.close())
	}
	status, err := p.serveShell(s, l, store)
	return status, errors.Join(err, store.close())
}

// log returns where to tell what happens, and how much of it.
func (o options) log() *slog.Logger {
	level := slog.LevelWarn
	switch {
	case o.verbose:
		level = slog.LevelDebug
	case o.serve:
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

func (o Opened) close() error {
	if o.Close == nil {
		return nil
	}
	return o.Close()
}

// serve serves until a signal comes, or the store cannot go on.
func serve(s *server.Server, l net.Listener, store Opened) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends us at once
	defer stop()
	fmt.Printf("listening on http://%s (pid %d)\n", l.Addr(), os.Getpid())
	return s.Run(untilEnd(ctx, store), l)
}

// untilEnd returns a context that ends with ctx, or when the store cannot go on.
func untilEnd(ctx context.Context, store Opened) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-store.Ended:
		case <-ctx.Done():
		}
	}()
	return ctx
}

// serveShell serves for as long as the shell runs, and both end when the store
// cannot go on.
func (p Program) serveShell(s *server.Server, l net.Listener, store Opened) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	ctx = untilEnd(ctx, store)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	url := "http://" + l.Addr().String()
	status, err := p.runShell(ctx, url, client.Config{}, fmt.Sprintf("listening on %s\n%s", url, store.Greeting))
	cancel()
	return status, errors.Join(err, <-ended)
}

// runAlone opens a shell on what Alone starts, and both end together.
func (p Program) runAlone(log *slog.Logger) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	started, err := p.Alone(ctx, log)
	if err != nil {
		return 1, err
	}
	stop() // from here on signals are for the shell
	status, err := p.runShell(context.Background(), started.Address, client.Config{}, started.Greeting)
	return status, errors.Join(err, started.Close())
}

// runShell opens a shell on the server at an address. Without a greeting, a
// person is told who answers there.
func (p Program) runShell(ctx context.Context, address string, config client.Config, greeting string) (int, error) {
	c, verbs, err := p.client(address, config)
	if err != nil {
		return 2, err
	}
	defer c.Close()
	if greeting == "" && shell.Interactive() {
		greeting = whoAnswers(c, address)
	}
	sh := shell.Shell{Store: c, Greeting: greeting, Verbs: verbs}
	return sh.Run(ctx), nil
}

// client returns a client, and the verbs beyond those of every shell. A step's
// own status takes the place of ours.
func (p Program) client(address string, config client.Config) (c *client.Client, verbs []shell.Verb, err error) {
	if p.Client == nil {
		c, err = client.New(address, config)
	} else {
		c, verbs, err = p.Client(address, config)
	}
	if !slices.ContainsFunc(verbs, func(v shell.Verb) bool { return v.Name == "status" }) {
		verbs = append(verbs, statusVerb(c))
	}
	return c, verbs, err
}

// whoAnswers says whether url leads to a server of ours. If it does not, the
// shell goes on all the same: the server may be about to start.
func whoAnswers(c *client.Client, url string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	members, err := c.Status(ctx)
	_, unreachable := errors.AsType[*net.OpError](err)
	switch {
	case unreachable || errors.Is(err, context.DeadlineExceeded):
		return "Nobody answers at " + url + " yet. Is the server running, and is this its address?"
	case err != nil || members["role"] == nil:
		return "What answers at " + url + ` is no server of ours, or not ready. "status" shows what it says.`
	}
	return "Connected to " + url + "."
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
