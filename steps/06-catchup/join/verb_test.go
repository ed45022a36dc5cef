package join_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/05-replication/cluster"
	"zeyrho/steps/06-catchup/join"
)

// The nodes of these tests are this test binary, started again: they answer what
// they are told to, and print what they are sent.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "-serve" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // of the children
		os.Exit(m.Run())
	}
	if err := fake(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(1)
	}
}

func fake(args []string) error {
	f := flag.NewFlagSet("fake", flag.ContinueOnError)
	for _, name := range []string{"id", "peer-listen", "peers", "advertise"} {
		f.String(name, "", "")
	}
	for _, name := range []string{"new", "with-parent"} {
		f.Bool(name, false, "")
	}
	dir, listen := f.String("dir", "", ""), f.String("listen", "", "")
	code := f.Int("members", 202, "the answer to POST /members")
	says := f.String("status", "{}", "the answers to GET /status, with | between; the last one again and again; END ends the process")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go http.Serve(l, handler(*code, strings.Split(*says, "|")))
	fmt.Printf("listening on http://%s (pid %d)\n", l.Addr(), os.Getpid())
	<-ctx.Done()
	return nil
}

func handler(code int, says []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /members", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("told: %s\n", body)
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"detail": "it says %d"}`, code)
	})
	var asked atomic.Int64
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		text := says[min(int(asked.Add(1)), len(says))-1]
		if text == "END" {
			os.Exit(3)
		}
		io.WriteString(w, text)
	})
	return mux
}

// start starts two nodes, with the given flags for each and for those after them.
func start(t *testing.T, dir string, flags ...[]string) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Config{
		Program: os.Args[0], Nodes: 2, Dir: dir, Log: slog.New(slog.DiscardHandler),
		Args: func(i int) []string { return flags[min(i, len(flags))-1] },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// add runs the verb.
func add(ctx context.Context, c *cluster.Cluster, args ...shell.Word) (printed string, err error) {
	var out bytes.Buffer
	err = join.Verb(c).Run(ctx, args, &out)
	return out.String(), err
}

func told(t *testing.T, c *cluster.Cluster, node int) string {
	t.Helper()
	text, err := c.Tail(node, 100)
	require.NoError(t, err)
	return text
}

const (
	leads     = "-members=202"
	follows   = "-members=503"
	receiving = `{"role": "learner", "applied": 5, "lag": 0, "snapshot": {"receiving": {"bytes": 1, "size": 2, "seconds": 0.1}}}`
	behind    = `{"role": "learner", "applied": 5, "lag": 2, "snapshot": {"fetched": 1}}`
	caughtUp  = `{"role": "learner", "applied": 7, "lag": 0, "snapshot": {"fetched": 1}}`
)

func TestOneMoreNodeIsStartedMadeKnownAndWatched(t *testing.T) {
	c := start(t, t.TempDir(), []string{follows}, []string{leads}, []string{"-status", "no JSON|{}|" + receiving + "|" + behind + "|" + caughtUp})
	printed, err := add(t.Context(), c)
	require.NoError(t, err)
	m := c.Members()[2]
	require.Contains(t, told(t, c, 2), fmt.Sprintf(`told: {"id":3,"peer":%q}`, m.Peer), "n1 does not lead, so n2 is asked, too")
	first, second, _ := strings.Cut(printed, "\n")
	require.Equal(t, "n3 is running, at "+m.URL, first)
	require.Regexp(t, `^n3 has caught up with entry 7, after \d+\.\d s\n$`, second, "in a pipe that is all")
}

func TestIfNobodyCanBeToldThatIsSaid(t *testing.T) {
	c := start(t, t.TempDir(), []string{follows})
	printed, err := add(t.Context(), c)
	require.Contains(t, printed, "n3 is running, at ")
	require.ErrorContains(t, err, "n3 is running, but nobody leads that could be told: ")
	for _, url := range c.URLs()[:2] {
		require.ErrorContains(t, err, url+": it says 503")
	}
}

// What the leader says is not hidden by what others say.
func TestWhatTheLeaderRefusesIsNotAskedForAgain(t *testing.T) {
	c := start(t, t.TempDir(), []string{"-members=409"}, []string{leads})
	_, err := add(t.Context(), c)
	require.ErrorContains(t, err, "it says 409")
	require.NotContains(t, told(t, c, 2), "told")
}

func TestANodeThatEndsIsNotWatchedForEver(t *testing.T) {
	c := start(t, t.TempDir(), []string{leads}, []string{leads}, []string{"-status", receiving + "|END"})
	_, err := add(t.Context(), c)
	require.ErrorContains(t, err, "n3 has ended before it had caught up: down: exit status 3")
}

func TestWhoDoesNotWatchLeavesTheNodeAtWork(t *testing.T) {
	c := start(t, t.TempDir(), []string{leads}, []string{leads}, []string{"-status", behind})
	ctx, giveUp := context.WithTimeout(t.Context(), time.Second)
	defer giveUp()
	_, err := add(ctx, c)
	require.ErrorContains(t, err, `n3 goes on catching up; "status" shows how far it is`)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	state, err := c.State(3)
	require.NoError(t, err)
	require.Equal(t, "running", state)
}

func TestAddTakesNoArguments(t *testing.T) {
	var usage shell.UsageError
	_, err := add(t.Context(), nil, shell.Word{Text: "4"})
	require.ErrorAs(t, err, &usage)
}

// When a cluster is started again its nodes have other addresses, and the log has
// the old ones of those that were added.
func TestAfterAStartTheLeaderIsToldAnew(t *testing.T) {
	dir := t.TempDir()
	flags := [][]string{{leads}, {leads}, {"-status", caughtUp}}
	c := start(t, dir, flags...)
	_, err := add(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, c.Close())

	c = start(t, dir, flags...)
	require.NoError(t, join.Introduce(t.Context(), c, 2))
	require.Contains(t, told(t, c, 1), "told: {\"id\":3,\"peer\":"+strconv.Quote(c.Members()[2].Peer)+"}")
	require.Equal(t, 2, strings.Count(told(t, c, 1), "told"), "once each time: of n2 everybody knows")
	require.NoError(t, join.Introduce(t.Context(), c, 3))
	require.NoError(t, c.Close())
	require.ErrorContains(t, join.Introduce(t.Context(), c, 2), "n3 is running, but nobody leads that could be told where")
}
