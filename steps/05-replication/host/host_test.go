package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/program"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/host"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/service"
	"zeyrho/steps/05-replication/store"
)

// part opens a node as step 05 does.
func part(f *host.Flags) func(node.Env, disk.Disk) (host.Part, error) {
	return func(env node.Env, d disk.Disk) (host.Part, error) {
		n, err := store.Open(store.Config{Self: f.ID, SegmentSize: f.Segment, Replication: replication.Config{
			Peers: f.Others(), Acks: f.Acks, New: f.New, Sessions: f.Sessions,
		}}, env, d)
		if err != nil {
			return host.Part{}, err
		}
		return host.Part{
			Node: n.Node, Promote: n.Replication.Promote,
			Status: func() map[string]any { return service.Status(n.Node, n.Replication.Status()) },
		}, nil
	}
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens a node with the flags, and closes it at the end of the test.
func open(t *testing.T, f host.Flags) program.Opened {
	t.Helper()
	o, err := host.Open(&f, silent(), part(&f))
	require.NoError(t, err)
	t.Cleanup(func() { o.Close() })
	return o
}

// flags are those of a node that begins a history in dir.
func flags(t *testing.T, dir string, more ...string) host.Flags {
	t.Helper()
	f, err := complete(t, "127.0.0.1:7005", append([]string{"-dir", dir}, more...)...)
	require.NoError(t, err)
	return f
}

func TestWhatANodeKeepsIsThereTheNextTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	o := open(t, flags(t, dir, "-new"))
	require.Equal(t, "This is n1; its data is in "+dir+": a new journal.", o.Greeting)
	r, err := o.Store.Do(t.Context(), kv.Put("k", []byte("v")))
	require.NoError(t, err)
	require.NoError(t, o.Close())

	var log bytes.Buffer
	f := flags(t, dir)
	o, err = host.Open(&f, slog.New(slog.NewTextHandler(&log, nil)), part(&f))
	require.NoError(t, err)
	defer o.Close()
	it, err := o.Store.Get(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, r.Version, it.Version)
	require.Contains(t, o.Greeting, "This is n1; its data is in "+dir+": 2 entries")
	require.Contains(t, log.String(), "msg=opened node=n1 dir="+dir)
	require.Contains(t, log.String(), "peers=127.0.0.1:")
}

// fails opens a node, which must fail, and returns why. Nothing may be left of it:
// its port is free, and the directory if it is not somebody else's.
func fails(t *testing.T, f host.Flags, openPart func(node.Env, disk.Disk) (host.Part, error)) error {
	t.Helper()
	_, err := host.Open(&f, silent(), openPart)
	require.Error(t, err)
	if l, free := net.Listen("tcp", f.PeerListen); free == nil {
		l.Close()
	} else {
		require.ErrorContains(t, err, "-peer-listen", "the port is left open")
	}
	return err
}

func requireFree(t *testing.T, dir string) {
	t.Helper()
	d, err := disk.OpenDir(dir)
	require.NoError(t, err)
	lock, err := d.Lock()
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

// address returns one where nobody listens.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestTwoNodesInOneDirectoryAreRefused(t *testing.T) {
	dir := t.TempDir()
	o := open(t, flags(t, dir, "-new"))
	f := flags(t, dir, "-peer-listen", address(t))
	err := fails(t, f, part(&f))
	require.ErrorIs(t, err, disk.ErrLocked)
	require.ErrorContains(t, err, "-dir "+dir+": ")
	require.NoError(t, o.Close())
	requireFree(t, dir)
}

func TestAPortThatIsTakenIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dir := t.TempDir()
	f := flags(t, dir, "-new", "-peer-listen", l.Addr().String())
	err = fails(t, f, part(&f))
	require.ErrorContains(t, err, "-peer-listen "+l.Addr().String()+" is in use: choose another port")
	require.NotContains(t, err.Error(), "-connect", "that is not where clients are served")
	requireFree(t, dir)
	f = flags(t, dir, "-new", "-peer-listen", "nowhere")
	require.ErrorContains(t, fails(t, f, part(&f)), "-peer-listen \"nowhere\", which must be HOST:PORT of this machine")
}

func TestWhatCannotBeOpenedLeavesNothingBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	f := flags(t, file, "-peer-listen", address(t))
	require.ErrorContains(t, fails(t, f, part(&f)), "-dir "+file+": ")

	dir := t.TempDir()
	require.NoError(t, open(t, flags(t, dir, "-new")).Close())
	f = flags(t, dir, "-new", "-peer-listen", address(t))
	require.ErrorContains(t, fails(t, f, part(&f)), "this one has one already, so leave -new away")
	requireFree(t, dir)

	f = flags(t, dir, "-peer-listen", address(t))
	broken := func(node.Env, disk.Disk) (host.Part, error) { return host.Part{}, errors.New("the recipe is bad") }
	require.ErrorContains(t, fails(t, f, broken), "the recipe is bad")
	requireFree(t, dir)
}

// member is a node that is served.
type member struct {
	program.Opened
	url string
}

// serve opens nodes that know each other, and serves them.
func serve(t *testing.T, n int, change func(node.ID, *host.Part)) (members []member) {
	t.Helper()
	var table []string
	for i := range n {
		table = append(table, fmt.Sprintf("%d=%s", i+1, address(t)))
	}
	for i := range n {
		l, err := server.Listen("127.0.0.1:0")
		require.NoError(t, err)
		f, err := complete(t, l.Addr().String(), "-id", fmt.Sprint(i+1), "-dir", t.TempDir(), "-peers", strings.Join(table, ","))
		require.NoError(t, err)
		f.New = i == 0
		o, err := host.Open(&f, silent(), func(env node.Env, d disk.Disk) (host.Part, error) {
			p, err := part(&f)(env, d)
			if change != nil {
				change(f.ID, &p)
			}
			return p, err
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(context.Background())
		drained := make(chan error, 1)
		go func() {
			drained <- server.New(o.Store, server.Config{Log: silent(), Status: o.Status, Wrap: o.Wrap}).Run(ctx, l)
		}()
		t.Cleanup(func() {
			stop()
			<-drained
			o.Close()
		})
		members = append(members, member{o, "http://" + l.Addr().String()})
	}
	return members
}

func dial(t *testing.T, members []member, level node.Level) *client.Client {
	t.Helper()
	var urls []string
	for _, m := range members {
		urls = append(urls, m.url)
	}
	c, verbs, err := host.Client(strings.Join(urls, ","), level, client.Config{Backoff: 5 * time.Millisecond}, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.Equal(t, []string{"status", "promote"}, []string{verbs[0].Name, verbs[1].Name})
	return c
}

func TestNodesFindEachOtherAndClientsTheLeader(t *testing.T) {
	members := serve(t, 3, nil)
	c := dial(t, []member{members[2], members[1]}, node.Session)
	_, err := c.Do(t.Context(), kv.Put("a//b", []byte("v")))
	require.NoError(t, err, "the followers have sent it to their leader, who has told them his URL")
	it, err := c.Get(t.Context(), "a//b")
	require.NoError(t, err)
	require.Equal(t, "v", string(it.Value))

	resp, err := http.Post(members[1].url+"/promote", "", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	_, err = c.Do(t.Context(), kv.Put("a//b", []byte("w")))
	require.NoError(t, err)

	status := members[1].Status()
	require.Equal(t, "2.n2", status["epoch"])
	require.Equal(t, 0, status["queued"])
	links, err := json.Marshal(status["links"])
	require.NoError(t, err)
	require.Contains(t, string(links), `"url":"`+members[0].url+`"`)
}

func TestANodeAloneHasNoLinks(t *testing.T) {
	links, err := json.Marshal(open(t, flags(t, t.TempDir(), "-new")).Status()["links"])
	require.NoError(t, err)
	require.Equal(t, "[]", string(links))
}

func TestAStepBringsPathsAndPeersOfItsOwn(t *testing.T) {
	var site host.Site
	var table func(node.ID, string)
	members := serve(t, 1, func(_ node.ID, p *host.Part) {
		p.Wrap = func(s host.Site) http.Handler {
			site = s
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/hello" {
					w.WriteHeader(http.StatusAccepted)
					return
				}
				s.Inner.ServeHTTP(w, r)
			})
		}
		p.Begin = func(set func(node.ID, string)) { table = set }
	})
	for path, code := range map[string]int{"/hello": 202, "/kv/k": 404, "/kv/k?read=stale": 404, "/promote": 405} {
		resp, err := http.Get(members[0].url + path)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, code, resp.StatusCode, path)
	}
	require.NotNil(t, site.Loop)
	require.NotNil(t, site.Service)
	table(7, "127.0.0.1:9")
	links, err := json.Marshal(members[0].Status()["links"])
	require.NoError(t, err)
	require.Contains(t, string(links), `"address":"127.0.0.1:9"`)
}

func TestANodeThatCannotGoOnEndsTheProgram(t *testing.T) {
	burns := errors.New("the disk is on fire")
	members := serve(t, 1, func(_ node.ID, p *host.Part) {
		replica := p.Node.Replica()
		p.Promote = func() error {
			replica.Fail(burns)
			return nil
		}
	})
	resp, err := http.Post(members[0].url+"/promote", "", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 500, resp.StatusCode)
	<-members[0].Ended
	require.Equal(t, "leader", members[0].Status()["role"], "one may still look")
	require.ErrorIs(t, members[0].Close(), burns)
}

func TestANodeMayEndWithItsParent(t *testing.T) {
	near, far, err := os.Pipe()
	require.NoError(t, err)
	input := os.Stdin
	os.Stdin = near
	o := open(t, flags(t, t.TempDir(), "-new", "-with-parent"))
	os.Stdin = input
	select {
	case <-o.Ended:
		t.Fatal("there is a parent")
	default:
	}
	require.NoError(t, far.Close())
	<-o.Ended
	require.NoError(t, o.Close())
	require.NoError(t, near.Close())
}

func TestAShellNeedsAnAddressThatIsOne(t *testing.T) {
	_, _, err := host.Client("127.0.0.1:7005", node.Leader, client.Config{}, nil)
	require.ErrorIs(t, err, kv.ErrInvalid)
}

// The nodes are this test binary, started again: see TestMain.
func TestAClusterIsStartedWithTheFlagsThatItIsGiven(t *testing.T) {
	f, err := parse("-dir", t.TempDir(), "-acks", "all", "-cluster", "a test's", "-queue-wait", "1.5s", "-segment", "12345")
	require.NoError(t, err)
	c, started, err := host.Cluster(t.Context(), &f, "05-replication", 0, silent(), func(i int) []string { return []string{"-sessions", fmt.Sprint(i)} })
	require.NoError(t, err)
	defer func() { require.NoError(t, started.Close()) }()
	require.Len(t, c.URLs(), host.Nodes)
	require.Contains(t, started.Greeting, f.Dir)
	talk, verbs, err := host.Client(started.Address, node.Leader, client.Config{}, c)
	require.NoError(t, err)
	defer talk.Close()
	require.Greater(t, len(verbs), 2)
	_, err = talk.Do(t.Context(), kv.Put("k", nil))
	require.NoError(t, err)
	status, err := talk.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, status["acks"])
	text, err := c.Tail(1, 100)
	require.NoError(t, err)
	for _, flag := range []string{"-cluster a test's", "-acks all", "-queue-wait 1.5s", "-segment 12345", "-sessions 10000", "-sessions 1"} {
		require.Contains(t, text, flag)
	}
	require.NotContains(t, text, "-verbose")
}

func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "-serve" {
		os.Exit(m.Run())
	}
	var f host.Flags
	os.Exit(program.Program{
		Name:  "node",
		Flags: func(fs *flag.FlagSet) { f.Register(fs, "test", 64<<20) },
		Open: func(log *slog.Logger) (program.Opened, error) {
			if err := f.Complete("127.0.0.1:1", "test"); err != nil {
				return program.Opened{}, err
			}
			return host.Open(&f, log, part(&f))
		},
	}.Run(os.Args[1:]))
}
