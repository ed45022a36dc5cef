package host_test

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/host"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
)

// parse reads flags as a program of step 05 does.
func parse(args ...string) (f host.Flags, err error) {
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	f.Register(fs, "05-replication", 64<<20)
	return f, fs.Parse(args)
}

func complete(t *testing.T, listen string, args ...string) (host.Flags, error) {
	t.Helper()
	f, err := parse(args...)
	require.NoError(t, err)
	return f, f.Complete(listen, "05-replication")
}

func TestWithoutFlagsANodeIsTheFirstAndAlone(t *testing.T) {
	f, err := complete(t, "127.0.0.1:7005")
	require.NoError(t, err)
	require.Equal(t, node.ID(1), f.ID)
	require.Equal(t, "05-replication", f.Cluster)
	require.Equal(t, os.TempDir(), filepath.Dir(f.Dir))
	require.Contains(t, f.Dir, "n1")
	require.Equal(t, "127.0.0.1:0", f.PeerListen)
	require.Equal(t, "http://127.0.0.1:7005", f.Advertise)
	require.Zero(t, f.Acks, "a majority")
	require.Empty(t, f.Others())
	require.False(t, f.New)
	require.Equal(t, 10_000, f.Sessions)
	require.EqualValues(t, 64<<20, f.Segment)
	require.Equal(t, 8<<20, f.Queue.Bytes)
	require.Equal(t, time.Second, f.Queue.Wait)

	another, err := complete(t, "127.0.0.1:7005", "-id", "2")
	require.NoError(t, err)
	require.NotEqual(t, f.Dir, another.Dir, "they do not get into each other's way")
}

func TestATableSaysWhereNodesAre(t *testing.T) {
	f, err := complete(t, "127.0.0.1:7012", "-id", "2", "-peers", "3=c:73,1=a:71,2=b:72,n12=[::1]:7")
	require.NoError(t, err)
	require.Equal(t, host.Table{1: "a:71", 2: "b:72", 3: "c:73", 12: "[::1]:7"}, f.Peers)
	require.Equal(t, []node.ID{1, 3, 12}, f.Others())
	require.Equal(t, "1=a:71,2=b:72,3=c:73,12=[::1]:7", f.Peers.String())
	require.Equal(t, "b:72", f.PeerListen, "where others look for it")

	f, err = complete(t, "127.0.0.1:7012", "-id", "2", "-peers", "1=a:71,2=proxy:1", "-peer-listen", "127.0.0.1:7112")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:7112", f.PeerListen)

	f, err = parse("-peers", "1=a:71,2=b:72", "-peers", "3=c:73")
	require.NoError(t, err)
	require.Equal(t, "3=c:73", f.Peers.String(), "the last one holds")
}

func TestHowManyDisksAcknowledge(t *testing.T) {
	for text, acks := range map[string]int{"async": 1, "1": 1, "2": 2, "3": 3, "majority": 0, "all": replication.All} {
		f, err := complete(t, "127.0.0.1:1", "-peers", "1=a:1,2=b:1,3=c:1", "-acks", text)
		require.NoError(t, err, text)
		require.Equal(t, acks, f.Acks, text)
	}
	_, err := complete(t, "127.0.0.1:1", "-peers", "2=b:1,3=c:1", "-acks", "4")
	require.EqualError(t, err, "-acks 4: there are 3 disks, by what -peers says: name the other nodes there, or ask for fewer")
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	for args, says := range map[string]string{
		"-id 0":                   "which is 1 or more",
		"-id 65536":               "not the number of a node",
		"-id one":                 `"one" is not the number of a node`,
		"-acks 0":                 "it must be async, a number of disks, majority, or all",
		"-acks -1":                "it must be async",
		"-acks most":              "it must be async",
		"-peers 1":                `"1": it must be N=HOST:PORT`,
		"-peers 1=":               "it must be N=HOST:PORT",
		"-peers =a:1":             "it must be N=HOST:PORT",
		"-peers 0=a:1":            "it must be N=HOST:PORT",
		"-peers 1=a:1,":           "several of them with commas between",
		"-peers 1=a:1,2=b:1,n1=c": "n1 is named twice",
		"-queue-wait 0s":          "a time above zero, such as 100ms",
		"-queue-bytes 0":          "a number above zero",
		"-segment -1":             "a number above zero",
		"-sessions 0":             "a number above zero",
	} {
		_, err := parse(strings.Fields(args)...)
		require.ErrorContains(t, err, says, args)
	}
}

func TestOthersAreToldOfAnAddressThatTheyCanUse(t *testing.T) {
	for _, listen := range []string{":7011", "0.0.0.0:7011", "[::]:7011", "127.0.0.1:0", "7011"} {
		_, err := complete(t, listen, "-peers", "2=b:1")
		require.ErrorContains(t, err, "-listen "+listen+" does not tell others")
		require.ErrorContains(t, err, "-advertise http://HOST:PORT")
		f, err := complete(t, listen, "-peers", "2=b:1", "-advertise", "http://here:7011/")
		require.NoError(t, err)
		require.Equal(t, "http://here:7011", f.Advertise)
	}
	_, err := complete(t, "127.0.0.1:0")
	require.NoError(t, err, "there is nobody to be told")
	for _, url := range []string{"here:7011", "https://here:7011", "http://", "http://here:7011/kv", "http://here:7011?x", "http://me@here:7011", "http://a:1,http://b:2", "://"} {
		_, err := complete(t, "127.0.0.1:7011", "-advertise", url)
		require.ErrorContains(t, err, "it must be http://HOST:PORT", url)
	}
}

// What a cluster passes on to its nodes must be what they read.
func TestFlagsReadWhatTheyPrint(t *testing.T) {
	for _, acks := range []string{"async", "2", "majority", "all"} {
		fs := flag.NewFlagSet("test", flag.ContinueOnError)
		var f host.Flags
		f.Register(fs, "05-replication", 1)
		require.NoError(t, fs.Parse([]string{"-acks", acks, "-id", "3", "-peers", "1=a:1,2=b:2"}))
		for _, name := range []string{"acks", "id", "peers"} {
			text := fs.Lookup(name).Value.String()
			require.NoError(t, fs.Set(name, text))
			require.Equal(t, text, fs.Lookup(name).Value.String())
		}
		require.Equal(t, acks, fs.Lookup("acks").Value.String())
	}
}

func TestTheLevelOfAShell(t *testing.T) {
	level := node.Leader
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	host.LevelFlag(fs, &level)
	require.NoError(t, fs.Parse([]string{"-read", "stale"}))
	require.Equal(t, node.Stale, level)
	require.ErrorContains(t, fs.Parse([]string{"-read", "fresh"}), "it must be leader, session or stale")
}
