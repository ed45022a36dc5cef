package cluster_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/cluster"
)

// start starts a cluster of fakes until the end of the test.
func start(t *testing.T, config cluster.Config) *cluster.Cluster {
	t.Helper()
	c, err := tryStart(t.Context(), t, config)
	require.NoError(t, err)
	return c
}

func tryStart(ctx context.Context, t *testing.T, config cluster.Config) (*cluster.Cluster, error) {
	config.Program = os.Args[0]
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	c, err := cluster.Start(ctx, config)
	if c != nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// forNode returns Config.Args that give one node further flags.
func forNode(node int, flags ...string) func(int) []string {
	return func(i int) []string {
		if i == node {
			return flags
		}
		return nil
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// silent says whether nobody listens at a URL.
func silent(url string) bool {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err == nil {
		c.Close()
	}
	return err != nil
}

func requireSilence(t *testing.T, urls ...string) {
	t.Helper()
	for _, u := range urls {
		require.Eventually(t, func() bool { return silent(u) }, 10*time.Second, 5*time.Millisecond, u)
	}
}

func state(t *testing.T, c *cluster.Cluster, i int) string {
	t.Helper()
	s, err := c.State(i)
	require.NoError(t, err)
	return s
}

func tail(t *testing.T, c *cluster.Cluster, i, lines int) string {
	t.Helper()
	text, err := c.Tail(i, lines)
	require.NoError(t, err)
	return text
}

func TestEveryNodeKnowsTheOthersAndOneBeginsTheHistory(t *testing.T) {
	dir := t.TempDir()
	c := start(t, cluster.Config{Dir: dir, Nodes: 4, Args: func(i int) []string { return []string{"-say", fmt.Sprint("node ", i)} }})
	members := c.Members()
	require.Len(t, members, 4)
	table := fmt.Sprintf("1=%s,2=%s,3=%s,4=%s", members[0].Peer, members[1].Peer, members[2].Peer, members[3].Peer)
	for i, m := range members {
		require.Equal(t, i+1, m.ID)
		require.Equal(t, c.URLs()[i], m.URL)
		require.Equal(t, table, get(t, m.URL+"/peers"))
		require.Equal(t, fmt.Sprint("node ", i+1), get(t, m.URL+"/status"))
		require.Equal(t, fmt.Sprint(i == 0), get(t, m.URL+"/new"))
	}
	require.NoError(t, c.Close())
	requireSilence(t, c.URLs()...)

	c = start(t, cluster.Config{Dir: dir})
	require.Len(t, c.URLs(), 4, "those that are there are not left out")
	require.Equal(t, "false", get(t, c.URLs()[0]+"/new"))
}

// An empty node that began a history of its own would be followed by others,
// and they would throw theirs away.
func TestANodeWhoseDataIsGoneNeverBeginsAHistory(t *testing.T) {
	dir := t.TempDir()
	c := start(t, cluster.Config{Dir: dir})
	require.NoError(t, c.Kill(1))
	require.NoError(t, c.Wipe(1))
	require.NoError(t, c.Start(t.Context(), 1))
	require.Equal(t, "false", get(t, c.URLs()[0]+"/new"))
	require.NoError(t, c.Kill(1))
	require.NoError(t, c.Wipe(1))
	require.NoError(t, c.Close())

	c = start(t, cluster.Config{Dir: dir})
	require.Equal(t, "false", get(t, c.URLs()[0]+"/new"), "the others have one")
}

func TestWhatCanHappenToANode(t *testing.T) {
	dir := t.TempDir()
	c := start(t, cluster.Config{Dir: dir})
	url := c.URLs()[1]
	require.Equal(t, "running", state(t, c, 2))
	require.ErrorContains(t, c.Start(t.Context(), 2), "n2 is running already")
	require.ErrorContains(t, c.Wipe(2), "n2 is running; kill it first")
	require.ErrorContains(t, c.Resume(2), "n2 is not paused")

	require.NoError(t, c.Pause(2))
	require.Equal(t, "paused", state(t, c, 2))
	require.False(t, silent(url), "it is there")
	impatient := http.Client{Timeout: 50 * time.Millisecond}
	_, err := impatient.Get(url + "/status")
	require.Error(t, err, "and does not answer")
	require.ErrorContains(t, c.Pause(2), "n2 is paused already")
	require.ErrorContains(t, c.Start(t.Context(), 2), "n2 is paused; resume it")
	require.NoError(t, c.Resume(2))
	require.Equal(t, "{}", get(t, url+"/status"))

	require.NoError(t, c.Kill(2))
	require.Equal(t, "down", state(t, c, 2))
	require.True(t, silent(url))
	require.NotContains(t, tail(t, c, 2, 10), "in good order")
	for _, f := range []func(int) error{c.Kill, c.Stop, c.Pause, c.Resume} {
		require.ErrorContains(t, f(2), "n2 is down; start it first")
	}
	require.NoError(t, c.Start(t.Context(), 2))
	require.Equal(t, "{}", get(t, url+"/status"), "at the same address")

	require.NoError(t, c.Stop(2))
	require.Equal(t, "ended in good order\n", tail(t, c, 2, 1))
	require.DirExists(t, filepath.Join(dir, "n2"))
	require.NoError(t, c.Wipe(2))
	require.NoDirExists(t, filepath.Join(dir, "n2"))

	require.NoError(t, c.Pause(3))
	require.NoError(t, c.Kill(3), "a node that is paused can be killed")
	require.NoError(t, c.Start(t.Context(), 3))
	require.Equal(t, "running", state(t, c, 3))

	for _, i := range []int{0, 4} {
		require.ErrorContains(t, c.Kill(i), fmt.Sprintf("there is no n%d; there are n1 to n3", i))
	}
	require.Equal(t, "{}", get(t, c.URLs()[0]+"/status"), "nothing of this concerns the others")
	require.NoError(t, c.Close())
	require.ErrorContains(t, c.Start(t.Context(), 2), "has ended")
}

func TestANodeThatEndsByItselfIsReported(t *testing.T) {
	lines, w := io.Pipe()
	c := start(t, cluster.Config{Log: slog.New(slog.NewTextHandler(w, nil))})
	_, err := http.Post(c.URLs()[2]+"/crash", "", nil)
	require.Error(t, err)
	b := make([]byte, 1000)
	n, err := lines.Read(b) // waits for it
	require.NoError(t, err)
	require.Contains(t, string(b[:n]), `msg="a node has ended by itself" node=n3 how="exit status 3"`)
	require.Equal(t, "down: exit status 3", state(t, c, 3))
	require.Equal(t, "this is the end\n", tail(t, c, 3, 1))
	require.NoError(t, c.Start(t.Context(), 3))
	require.Equal(t, "running", state(t, c, 3))
	require.NoError(t, c.Close(), "and what we end is not worth a word")
}

func TestTailGivesWholeLines(t *testing.T) {
	dir := t.TempDir()
	c := start(t, cluster.Config{Dir: dir})
	require.Contains(t, tail(t, c, 1, 2), "$ "+filepath.Base(os.Args[0])+" -serve -id 1 -dir "+dir)
	f, err := os.OpenFile(filepath.Join(dir, "n1.log"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	for i := range 20_000 {
		fmt.Fprintln(f, "line", i)
	}
	require.NoError(t, f.Close())
	require.Equal(t, "line 19998\nline 19999\n", tail(t, c, 1, 2))
	all := tail(t, c, 1, 1_000_000)
	require.Less(t, len(all), 70_000)
	require.True(t, strings.HasPrefix(all, "line "), "%.20q", all)
}

func TestAClusterThatCannotStartLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := tryStart(t.Context(), t, cluster.Config{Dir: dir, Port: 32_100, Args: forNode(2, "-broken")})
	require.ErrorContains(t, err, "cluster in "+dir+": n2 ended before it listened (exit status 1): fake: the weather is bad")
	requireSilence(t, "127.0.0.1:32100", "127.0.0.1:32101", "127.0.0.1:32102")
	require.NoDirExists(t, filepath.Join(dir, "n1"), "its history had no reader")
	c := start(t, cluster.Config{Dir: dir})
	require.Equal(t, "true", get(t, c.URLs()[0]+"/new"))

	require.NoError(t, c.Close())
	_, err = tryStart(t.Context(), t, cluster.Config{Dir: dir, Args: forNode(2, "-broken")})
	require.Error(t, err)
	require.FileExists(t, filepath.Join(dir, "n1", "history"), "now it may have")
	_, err = tryStart(t.Context(), t, cluster.Config{Dir: dir, Args: forNode(1, "-no-such-flag")})
	require.ErrorContains(t, err, "n1 ended before it listened")
	_, err = cluster.Start(t.Context(), cluster.Config{Program: "/no/such/program", Dir: dir})
	require.ErrorContains(t, err, "cannot be started")
	file := filepath.Join(dir, "n1.log")
	_, err = tryStart(t.Context(), t, cluster.Config{Dir: file})
	require.ErrorContains(t, err, file)
}

func TestWhoLosesPatienceLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	urls := []string{"127.0.0.1:32200", "127.0.0.1:32201", "127.0.0.1:32202"}
	go func() {
		for silent(urls[2]) && t.Context().Err() == nil {
		}
		cancel()
	}()
	_, err := tryStart(ctx, t, cluster.Config{Port: 32_200, Args: forNode(3, "-mute")})
	require.ErrorContains(t, err, "does not listen: context canceled")
	requireSilence(t, urls...)
}

// Between the look whether a port is free and the node that wants it, somebody
// may take it.
func TestPortsThatAreTakenMeanwhileAreExchanged(t *testing.T) {
	const port = 32_300
	var thief net.Listener
	c := start(t, cluster.Config{Port: port, Args: func(i int) []string {
		if i == 2 && thief == nil {
			var err error
			thief, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port+1))
			require.NoError(t, err)
		}
		return nil
	}})
	defer thief.Close()
	require.NotContains(t, strings.Join(c.URLs(), " "), fmt.Sprint(port))
	require.Equal(t, "true", get(t, c.URLs()[0]+"/new"), "the history that was begun is not known to anybody")
	for _, m := range c.Members() {
		require.Contains(t, get(t, c.URLs()[0]+"/peers"), m.Peer)
	}

	other := start(t, cluster.Config{Port: port})
	require.NotContains(t, strings.Join(other.URLs(), " "), fmt.Sprint(port), "the second is still taken")
	require.NoError(t, thief.Close())
	require.NoError(t, c.Kill(1))
	thief, err := net.Listen("tcp", strings.TrimPrefix(c.URLs()[0], "http://"))
	require.NoError(t, err)
	require.ErrorContains(t, c.Start(t.Context(), 1), "n1 has lost its port: it ended before it listened")
	require.NoError(t, thief.Close())
	require.NoError(t, c.Start(t.Context(), 1))
}

func TestTheAddressesAreThoseThatOneRemembers(t *testing.T) {
	c := start(t, cluster.Config{Port: 32_400, Nodes: 2})
	require.Equal(t, []string{"http://127.0.0.1:32400", "http://127.0.0.1:32401"}, c.URLs())
}

func TestANodeThatIsAddedKnowsTheOthers(t *testing.T) {
	c := start(t, cluster.Config{Nodes: 2, Args: forNode(3, "-say", "I am new")})
	m, err := c.Add(t.Context())
	require.NoError(t, err)
	require.Equal(t, "n3", m.Name())
	require.Equal(t, m, c.Members()[2])
	require.Equal(t, "I am new", get(t, m.URL+"/status"))
	require.Equal(t, "false", get(t, m.URL+"/new"))
	for _, other := range c.Members() {
		require.Contains(t, get(t, m.URL+"/peers"), other.Peer)
	}
	require.NoError(t, c.Stop(1))
	require.NoError(t, c.Start(t.Context(), 1))
	require.NotContains(t, get(t, c.URLs()[0]+"/peers"), m.Peer, "its disk is not one that counts")
	require.NoError(t, c.Close())
	_, err = c.Add(t.Context())
	require.ErrorContains(t, err, "has ended")
	requireSilence(t, m.URL)
}

func TestANodeThatCannotBeAddedIsNotThere(t *testing.T) {
	c := start(t, cluster.Config{Nodes: 1, Args: forNode(2, "-broken")})
	_, err := c.Add(t.Context())
	require.ErrorContains(t, err, "n2 ended before it listened")
	require.Len(t, c.Members(), 1)
}

func TestCloseEndsThosePausedAndThoseThatWillNotHear(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Args: forNode(3, "-stubborn")})
	require.NoError(t, c.Pause(2))
	began := time.Now()
	require.NoError(t, c.Close())
	require.GreaterOrEqual(t, time.Since(began), 5*time.Second)
	require.Less(t, time.Since(began), 10*time.Second)
	requireSilence(t, c.URLs()...)
}
