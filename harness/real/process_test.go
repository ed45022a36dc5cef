package real_test

import (
	"context"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
)

func TestAServerSaysWhereItListens(t *testing.T) {
	p := start(t, newWorld(t), helper("server"))
	addr, err := p.Listening(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", addr)
	_, err = p.Listening(t.Context())
	require.NoError(t, err, "a line that was printed before counts")
}

func TestWhatAServerLogsIsSeen(t *testing.T) {
	p := start(t, newWorld(t), helper("logger"))
	m, err := p.WaitErrLine(within(t, 10*time.Second), regexp.MustCompile(`peers=(\S+)`))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:2", m[1])
}

func TestALineThatNeverComesIsAnError(t *testing.T) {
	p := start(t, newWorld(t), helper("chatter"))
	_, err := p.WaitLine(within(t, 10*time.Second), regexp.MustCompile("nothing like it"))
	require.ErrorContains(t, err, "did not print")
	require.ErrorContains(t, err, "ended normally")
	require.ErrorContains(t, err, "line 19999", "what it said is part of the error")
	require.Less(t, len(p.Stdout()), 70_000, "only the end of the output is kept")

	p = start(t, newWorld(t), helper("server"))
	_, err = p.WaitLine(within(t, 50*time.Millisecond), regexp.MustCompile("nothing like it"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestEndsAreToldInWords(t *testing.T) {
	w := newWorld(t)
	p := start(t, w, helper("server"))
	_, err := p.Listening(within(t, 10*time.Second))
	require.NoError(t, err)
	require.NoError(t, p.Terminate())
	exit, err := p.Wait(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Equal(t, "killed by SIGTERM", exit.String())
	require.ErrorContains(t, p.Terminate(), "it has ended")

	deaf := start(t, w, helper("deaf"))
	_, err = deaf.WaitLine(within(t, 10*time.Second), regexp.MustCompile("ready"))
	require.NoError(t, err)
	require.NoError(t, deaf.Terminate())
	_, err = deaf.Wait(within(t, 50*time.Millisecond))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "killed by SIGKILL", deaf.Kill().String())
	require.Equal(t, "ended with exit status 3", real.Exit{Code: 3}.String())

	_, err = w.Start(real.Spec{Name: "server", Path: "/no/such/program"})
	require.ErrorContains(t, err, "start server")
}

func TestAStoppedProcessStandsStill(t *testing.T) {
	c, err := newWorld(t).StartClient(helper("script", "ok, version 1", "ok, version 2"))
	require.NoError(t, err)
	_, err = c.Put(within(t, 10*time.Second), "k", "v", nil)
	require.NoError(t, err)
	require.NoError(t, c.Stop())
	_, err = c.Put(within(t, 50*time.Millisecond), "k", "v", nil)
	require.NoError(t, err)
	require.Error(t, c.Ready(within(t, 50*time.Millisecond)), "nothing came")
	require.NoError(t, c.Continue())
	require.NoError(t, c.Ready(within(t, 10*time.Second)))
	require.NoError(t, c.Stop())
	c.Kill()
	require.True(t, c.Ended(), "a stopped process can be killed")
	require.Error(t, c.Stop())
}

func TestWhatAProcessUsesIsKnown(t *testing.T) {
	p := start(t, newWorld(t), helper("server"))
	_, err := p.Listening(within(t, 10*time.Second))
	require.NoError(t, err)
	rss, ok := p.RSS()
	require.True(t, ok)
	require.Greater(t, rss, int64(1<<20))
	if runtime.GOOS == "linux" {
		files, ok := p.Files()
		require.True(t, ok)
		require.GreaterOrEqual(t, files, 3)
	}
	p.Kill()
	_, ok = p.RSS()
	require.False(t, ok, "of the dead nothing is known")
	_, ok = p.Files()
	require.False(t, ok)
}

func TestNothingOutlivesItsWorld(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := real.NewWorld(ctx)
	p := start(t, w, helper("deaf"))
	stopped := start(t, w, helper("server"))
	require.NoError(t, stopped.Stop())
	cancel() // as ctrl-C does
	for _, p := range []*real.Process{p, stopped} {
		exit, err := p.Wait(within(t, 10*time.Second))
		require.NoError(t, err)
		require.Equal(t, syscall.SIGKILL, exit.Signal)
	}
	w.Close()
	_, err := w.Start(helper("server"))
	require.ErrorIs(t, err, real.ErrClosed)

	func() {
		defer func() { recover() }()
		w := real.NewWorld(t.Context())
		defer w.Close()
		p = start(t, w, helper("server"))
		panic("a scenario with a mistake")
	}()
	require.True(t, p.Ended())
}

func TestNothingOutlivesAHarnessThatIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills the children")
	}
	p := start(t, newWorld(t), helper("harness"))
	m, err := p.WaitLine(within(t, 10*time.Second), regexp.MustCompile(`child (\d+)`))
	require.NoError(t, err)
	child, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	require.False(t, gone(child))
	p.Kill()
	require.Eventually(t, func() bool { return gone(child) }, 10*time.Second, time.Millisecond)
}

func TestAWorldThatIsBornTooLateClosesItself(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := real.NewWorld(ctx)
	p, err := w.Start(helper("server"))
	if err == nil { // it was faster than the context
		_, err := p.Wait(within(t, 10*time.Second))
		require.NoError(t, err)
	}
	w.Close()
}
