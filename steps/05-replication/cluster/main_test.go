package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/program"
	"zeyrho/steps/05-replication/cluster"
)

// The nodes of these tests are this test binary, started again. They know
// nothing of replication: what is tested here is how processes are looked after.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "-serve":
		if err := fake(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "fake:", err)
			os.Exit(1)
		}
	case len(os.Args) > 2 && os.Args[1] == "operate":
		os.Exit(operate(os.Args[2]))
	default:
		os.Setenv("GORACE", "atexit_sleep_ms=0") // of the children
		os.Exit(m.Run())
	}
}

// fakeFlags are those of a node, and some that say how this one behaves.
type fakeFlags struct {
	id                                        int
	dir, listen, peerListen, peers, advertise string
	first, withParent                         bool
	say                                       string
	broken, mute, stubborn                    bool
}

func parseFake(args []string) (o fakeFlags, err error) {
	f := flag.NewFlagSet("fake", flag.ContinueOnError)
	f.IntVar(&o.id, "id", 0, "")
	f.StringVar(&o.dir, "dir", "", "")
	f.StringVar(&o.listen, "listen", "", "")
	f.StringVar(&o.peerListen, "peer-listen", "", "")
	f.StringVar(&o.advertise, "advertise", "", "")
	f.StringVar(&o.peers, "peers", "", "")
	f.BoolVar(&o.first, "new", false, "")
	f.BoolVar(&o.withParent, "with-parent", false, "")
	f.StringVar(&o.say, "say", "{}", "what GET /status answers")
	f.BoolVar(&o.broken, "broken", false, "never get as far as listening")
	f.BoolVar(&o.mute, "mute", false, "never say that it listens")
	f.BoolVar(&o.stubborn, "stubborn", false, "ignore SIGTERM")
	return o, f.Parse(args)
}

// fake is a node that has a directory, ports and a status, and nothing to do.
func fake(args []string) error {
	o, err := parseFake(args)
	if err != nil {
		return err
	}
	if err := keep(o); err != nil {
		return err
	}
	if o.broken {
		return errors.New("the weather is bad")
	}
	peers, err := net.Listen("tcp", o.peerListen)
	if err != nil {
		return err
	}
	defer peers.Close()
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if o.withParent {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	go http.Serve(l, o.handler())
	if !o.mute {
		fmt.Printf("listening on http://%s (pid %d)\n", l.Addr(), os.Getpid())
	}
	<-ctx.Done()
	if o.stubborn {
		select {}
	}
	fmt.Println("ended in good order")
	return nil
}

// keep makes the directory, and a history in it if there is to be one.
func keep(o fakeFlags) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	history := filepath.Join(o.dir, "history")
	if _, err := os.Stat(history); o.first && err == nil {
		return errors.New("there is a history already")
	}
	if !o.first {
		return nil
	}
	return os.WriteFile(history, nil, 0o600)
}

func (o fakeFlags) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, o.say) })
	mux.HandleFunc("POST /promote", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"epoch":"7.n%d"}`, o.id) })
	mux.HandleFunc("POST /crash", func(http.ResponseWriter, *http.Request) {
		fmt.Println("this is the end")
		os.Exit(3)
	})
	mux.HandleFunc("/peers", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, o.peers) })
	mux.HandleFunc("/new", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, o.first) })
	return mux
}

// operate is a program that opens a shell on a cluster in dir.
func operate(dir string) int {
	var c *cluster.Cluster
	return program.Program{
		Name: "operate",
		Alone: func(ctx context.Context, log *slog.Logger) (program.Started, error) {
			var err error
			c, err = cluster.Start(ctx, cluster.Config{Program: os.Args[0], Dir: dir, Log: log})
			if err != nil {
				return program.Started{}, err
			}
			return program.Started{Address: strings.Join(c.URLs(), ","), Close: c.Close}, nil
		},
		Client: func(address string, config client.Config) (*client.Client, []shell.Verb, error) {
			first, _, _ := strings.Cut(address, ",")
			cl, err := client.New(first, config)
			return cl, c.Verbs(), err
		},
	}.Run(nil)
}
