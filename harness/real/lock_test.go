package real_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
)

func TestAProcessIsStoppedWhileItHoldsTheLock(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "lock")
	holder := start(t, w, helper("holder", file))
	_, err := holder.Listening(within(t, 10*time.Second))
	require.NoError(t, err)
	other := start(t, w, helper("server"))

	if runtime.GOOS == "linux" { // elsewhere nobody knows whose a lock is
		caught, err := other.StopHolding(within(t, 10*time.Second), file, 3)
		require.NoError(t, err)
		require.False(t, caught, "the lock is held, but by another process")
	}
	caught, err := holder.StopHolding(within(t, 10*time.Second), file, 3)
	require.NoError(t, err)
	require.True(t, caught)
	holder.Kill()
	caught, err = other.StopHolding(within(t, 10*time.Second), file, 3)
	require.NoError(t, err)
	require.False(t, caught, "the lock of the dead is free")
}

func TestAWriterOfStep02IsStoppedWhileItHoldsTheLock(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "store.kv")
	program := build(t, "steps/02-concurrency")
	var clients []*real.Client
	for i := range 2 {
		c, err := w.StartClient(real.Spec{
			Name: fmt.Sprint("client ", i), Path: program, Args: []string{"-file", file},
		})
		require.NoError(t, err)
		clients = append(clients, c)
	}
	tryShell(t, clients[0])

	ctx, cancel := context.WithCancel(t.Context())
	quiet := make(chan struct{})
	go func() { // keep the first busy
		defer close(quiet)
		for ctx.Err() == nil {
			clients[0].Put(ctx, "k", "v", nil)
		}
	}()
	caught, err := clients[0].StopHolding(within(t, 60*time.Second), file, 100_000)
	require.NoError(t, err)
	require.True(t, caught)
	a, err := clients[1].Put(within(t, 100*time.Millisecond), "k", "w", nil)
	require.NoError(t, err)
	require.NotEqual(t, "ok", string(a.Outcome), "nobody else can write")
	require.NoError(t, clients[0].Continue())
	require.NoError(t, clients[1].Ready(within(t, 10*time.Second)))
	cancel()
	<-quiet
}
