package real_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

func build(t *testing.T, pkg string) string {
	root, err := real.Root(".")
	require.NoError(t, err)
	programs, err := real.Builder{Root: root}.Build(t.Context(), pkg)
	require.NoError(t, err)
	return programs[pkg]
}

func TestTheShellOfStep01IsUnderstood(t *testing.T) {
	c, err := newWorld(t).StartClient(real.Spec{Name: "client 0", Path: build(t, "steps/01-map")})
	require.NoError(t, err)
	tryShell(t, c)
	exit, err := c.Close(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Equal(t, "ended with exit status 1", exit.String(), "a line got an error")
}

// tryShell asks a new store for everything that the protocol has.
func tryShell(t *testing.T, c *real.Client) {
	ctx := within(t, 20*time.Second)
	odd := "a b\"\n\x00 ü"
	huge := strings.Repeat("\xff", 1<<20)

	a, err := c.Get(ctx, odd)
	require.NoError(t, err)
	require.Equal(t, history.Absent, a.Status)
	a, err = c.Put(ctx, odd, huge, new(uint64(0)))
	require.NoError(t, err)
	require.Equal(t, history.Done, a.Status, a.Error)
	first := a.Version
	a, err = c.Get(ctx, odd)
	require.NoError(t, err)
	require.True(t, a.Value == huge && a.Version == first)
	a, err = c.Put(ctx, odd, "", new(first+1000))
	require.NoError(t, err)
	require.Equal(t, history.Answer{Outcome: history.OK, Status: history.Conflict, Version: first}, a)
	a, err = c.Put(ctx, "b", "2", nil)
	require.NoError(t, err)
	require.Greater(t, a.Version, first)
	a, err = c.Scan(ctx, "", "a", 1)
	require.NoError(t, err)
	require.Len(t, a.Items, 1)
	require.True(t, a.More)
	a, err = c.Delete(ctx, odd, new(first))
	require.NoError(t, err)
	require.Equal(t, history.Done, a.Status)
	a, err = c.Delete(ctx, odd, nil)
	require.NoError(t, err)
	require.Equal(t, history.Absent, a.Status)
	a, err = c.Scan(ctx, "b", "", 0)
	require.NoError(t, err)
	require.False(t, a.More)
	a, err = c.Put(ctx, "", "v", nil)
	require.NoError(t, err)
	require.Equal(t, history.Fail, a.Outcome, "an empty key")
	a, err = c.Ask(ctx, `put "unbalanced`)
	require.NoError(t, err)
	require.Equal(t, history.Fail, a.Outcome)
}

func TestTheServerOfStep03IsReachedThroughAProxy(t *testing.T) {
	w := newWorld(t)
	program := build(t, "steps/03-server")
	server := start(t, w, real.Spec{Name: "server", Path: program, Args: []string{"-serve", "-listen", "127.0.0.1:0"}})
	addr, err := server.Listening(within(t, 20*time.Second))
	require.NoError(t, err)
	p, err := w.Proxy(addr)
	require.NoError(t, err)
	c, err := w.StartClient(real.Spec{Name: "client 0", Path: program, Args: []string{"-connect", p.URL()}})
	require.NoError(t, err)
	tryShell(t, c)

	p.DropReply(1, "PUT")
	a, err := c.Put(within(t, 20*time.Second), "k", "once", new(uint64(0)))
	require.NoError(t, err)
	require.Equal(t, history.Done, a.Status, "the client asks again, and the server knows it: %s", a.Error)
	require.NoError(t, p.WaitDropped(within(t, 10*time.Second), 1))

	require.NoError(t, server.Terminate())
	exit, err := server.Wait(within(t, 20*time.Second))
	require.NoError(t, err)
	require.Equal(t, "ended normally", exit.String())
}
