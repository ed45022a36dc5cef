package server_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
)

// deriving is a store that does with its context what stores do: it derives
// another one, waits for either, and looks at it after its call has ended.
type deriving struct{ *locked.Map }

func (s deriving) Get(ctx context.Context, key string) (kv.Item, error) {
	derived, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	context.AfterFunc(derived, func() { _ = ctx.Err() })
	return s.Map.Get(derived, key)
}

func TestAStoreMayDeriveFromTheContextThatItGets(t *testing.T) {
	inner := session.NewStore(deriving{locked.NewMap()}, session.NewTable("inc", 10))
	r := startInMemory(t, inner, server.Config{})
	for range 200 {
		require.Equal(t, 404, r.do("GET", "/kv/k", "").StatusCode)
	}
}

// slow is a store whose Do takes a while, unless it is told to stop.
type slow struct {
	*locked.Map
	takes time.Duration
}

func (s slow) Do(ctx context.Context, c kv.Command) (kv.Result, error) {
	select {
	case <-time.After(s.takes):
		return s.Map.Do(ctx, c)
	case <-ctx.Done():
		return kv.Result{}, kv.ErrUnknown
	}
}

// The client gives up on its first try and asks again. The first is still being
// applied; its answer has to reach the second.
func TestAnImpatientClientLearnsWhatBecameOfItsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := session.NewStore(slow{locked.NewMap(), 700 * time.Millisecond}, session.NewTable("inc", 10))
		r := startInMemory(t, inner, server.Config{})
		c, err := client.New("http://server", client.Config{
			TryTimeout: 500 * time.Millisecond, Timeout: 10 * time.Second, Dial: func(context.Context, string, string) (net.Conn, error) { return r.dial() },
		})
		require.NoError(t, err)
		defer c.Close()
		got, err := c.Do(t.Context(), kv.Put("k", []byte("v")))
		require.NoError(t, err)
		require.Equal(t, kv.Result{Status: kv.Done, Version: 1}, got)
		it, err := inner.Get(t.Context(), "k")
		require.NoError(t, err)
		require.EqualValues(t, 1, it.Version, "applied once")
	})
}

// stubborn is a store whose Do does not listen to its context.
type stubborn struct {
	*locked.Map
	takes time.Duration
}

func (s stubborn) Do(ctx context.Context, c kv.Command) (kv.Result, error) {
	time.Sleep(s.takes)
	return s.Map.Do(ctx, c)
}

func TestACopyOfWhatIsUnderWayIsToldToAskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := session.NewStore(stubborn{locked.NewMap(), time.Minute}, session.NewTable("inc", 10))
		r := startInMemory(t, inner, server.Config{Timeout: 10 * time.Second})
		id, err := inner.OpenSession(t.Context())
		require.NoError(t, err)
		identity := "Idempotency-Key: " + string(id) + "/1"
		r.connect().send("PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" + identity + "\r\n\r\nv")
		synctest.Wait()

		a := r.do("PUT", "/kv/k", "v", identity)
		require.Equal(t, 503, a.StatusCode)
		require.Equal(t, server.CodeInProgress, a.code())
		require.Equal(t, "1", a.Header.Get("Retry-After"))

		time.Sleep(time.Minute)
		a = r.do("PUT", "/kv/k", "v", identity)
		require.Equal(t, 204, a.StatusCode)
		require.Equal(t, `"1"`, a.Header.Get("ETag"), "applied once")
	})
}
