package client_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
)

func TestAStoreOverAWireIsAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		serve(t, n, newStore(10), server.Config{})
		c := dial(t, n, client.Config{})
		for _, step := range []struct {
			command kv.Command
			want    kv.Result
		}{
			{put("k", "one"), kv.Result{Status: kv.Done, Version: 1}},
			{put("k", "two").IfVersion(1), kv.Result{Status: kv.Done, Version: 2}},
			{put("k", "no").IfVersion(1), kv.Result{Status: kv.Conflict, Version: 2}},
			{put("k", "no").IfAbsent(), kv.Result{Status: kv.Conflict, Version: 2}},
			{put("x", "no").IfVersion(9), kv.Result{Status: kv.Conflict}},
			{put("x", "").IfAbsent(), kv.Result{Status: kv.Done, Version: 6}},
			{kv.Delete("k").IfVersion(1), kv.Result{Status: kv.Conflict, Version: 2}},
			{kv.Delete("k").IfAbsent(), kv.Result{Status: kv.Conflict, Version: 2}},
			{kv.Delete("k").IfVersion(2), kv.Result{Status: kv.Done, Version: 9}},
			{kv.Delete("k"), kv.Result{Status: kv.NotFound}},
			{kv.Delete("k").IfAbsent(), kv.Result{Status: kv.NotFound}},
		} {
			r, err := c.Do(t.Context(), step.command)
			require.NoError(t, err)
			require.Equal(t, step.want, r, "%+v", step.command)
		}
		it, err := c.Get(t.Context(), "k")
		require.NoError(t, err)
		require.False(t, it.Exists())
		it, err = c.Get(t.Context(), "x")
		require.NoError(t, err)
		require.True(t, it.Exists())
		require.Empty(t, it.Value)
	})
}

func TestBadRequestsAreRefusedAndNeverSent(t *testing.T) {
	n := newNetwork()
	c := dial(t, n, client.Config{})
	for _, key := range []string{"", "\xff", strings.Repeat("k", kv.MaxKey+1)} {
		_, err := c.Get(t.Context(), key)
		require.ErrorIs(t, err, kv.ErrInvalid)
		_, err = c.Do(t.Context(), put(key, ""))
		require.ErrorIs(t, err, kv.ErrInvalid)
	}
	_, err := c.Do(t.Context(), kv.Put("k", make([]byte, kv.MaxValue+1)))
	require.ErrorIs(t, err, kv.ErrInvalid)
	_, err = c.Scan(t.Context(), kv.Range{Limit: -1})
	require.ErrorIs(t, err, kv.ErrInvalid)
	require.Zero(t, n.dials.Load())
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:7003", "https://x", "ftp://x", "http://", "http://x/path", "http://x?q", "http://u@x", "http://a b"} {
		_, err := client.New(bad, client.Config{})
		require.ErrorContains(t, err, "http://HOST:PORT", bad)
	}
	_, err := client.New("http://127.0.0.1:7003/", client.Config{})
	require.NoError(t, err)
}

func TestEveryKeySurvivesTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		store := newStore(10)
		serve(t, n, store, server.Config{})
		c := dial(t, n, client.Config{})
		keys := []string{
			"a", "a/b", "a//b", "/", "//", ".", "..", "...", "a/../b", "../..", "./a", "%2F", "%252F", "%", "%zz", "?x", "a?b=c&d", "#f",
			" ", "+", "a+b", "\n", "\r\n", "\t", "\x00", "\x7f", "é", "e\u0301", "€", "日本", "\u2028", "\"", "\\", "<&>", ";", ":", "a:b", "@", "*",
			strings.Repeat("k", kv.MaxKey), strings.Repeat("\x01", kv.MaxKey), strings.Repeat("é", kv.MaxKey/2),
		}
		want := map[string]string{}
		for i, key := range keys {
			want[key] = strconv.Itoa(i)
			_, err := c.Do(t.Context(), put(key, want[key]))
			require.NoError(t, err)
		}
		for key, value := range want {
			it, err := c.Get(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, value, string(it.Value), "%q", key)
			it, err = store.Get(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, value, string(it.Value), "%q, at the server", key)
			p, err := c.Scan(t.Context(), kv.Range{Prefix: key, Limit: 1})
			require.NoError(t, err)
			require.Equal(t, key, p.Items[0].Key)
		}
		var got []string
		for r := (kv.Range{Limit: 7}); ; r.After = got[len(got)-1] {
			p, err := c.Scan(t.Context(), r)
			require.NoError(t, err)
			for _, it := range p.Items {
				got = append(got, it.Key)
			}
			if !p.More {
				break
			}
		}
		require.Empty(t, cmp.Diff(slices.Sorted(maps.Keys(want)), got))
		for _, key := range keys {
			r, err := c.Do(t.Context(), kv.Delete(key))
			require.NoError(t, err)
			require.Equal(t, kv.Done, r.Status)
		}
	})
}

func TestTheLargestPageSurvivesTheWire(t *testing.T) {
	n := newNetwork()
	store := newStore(10)
	serve(t, n, store, server.Config{})
	c := dial(t, n, client.Config{})
	value := bytes.Repeat([]byte{0xff}, kv.MaxValue)
	for i := range 6 {
		_, err := store.Do(t.Context(), kv.Put(fmt.Sprint("large-", i), value))
		require.NoError(t, err)
	}
	p, err := c.Scan(t.Context(), kv.Range{})
	require.NoError(t, err)
	require.True(t, p.More)
	require.Len(t, p.Items, 4)
	require.Equal(t, value, p.Items[3].Value)
}

func TestGoroutinesMayShareAClient(t *testing.T) {
	n := newNetwork()
	serve(t, n, newStore(10), server.Config{})
	c := dial(t, n, client.Config{Conns: 4})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				_, err := kv.Update(t.Context(), c, "counter", func(old []byte) ([]byte, error) {
					n, _ := strconv.Atoi(string(old))
					return []byte(strconv.Itoa(n + 1)), nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	it, err := c.Get(t.Context(), "counter")
	require.NoError(t, err)
	require.Equal(t, "80", string(it.Value))
	require.LessOrEqual(t, n.dials.Load(), int32(4), "connections are bounded, and used again")
}

func TestOneConnectionServesManyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		serve(t, n, newStore(10), server.Config{})
		c := dial(t, n, client.Config{})
		for i := range 50 {
			_, err := c.Do(t.Context(), put("k", strings.Repeat("v", i*1000)).IfVersion(99)) // a body to read
			require.NoError(t, err)
			_, err = c.Get(t.Context(), "absent")
			require.NoError(t, err)
		}
		require.EqualValues(t, 1, n.dials.Load(), "no body was left unread")
	})
}

func TestAConnectionThatWasClosedMeanwhileDoesNotMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		serve(t, n, newStore(10), server.Config{Idle: time.Second})
		c := dial(t, n, client.Config{})
		for i := range 5 {
			r, err := c.Do(t.Context(), put("k", "v"))
			require.NoError(t, err)
			require.EqualValues(t, i+1, r.Version)
			time.Sleep(time.Second) // just when the server closes it
		}
	})
}

func TestStatusIsWhatTheServerSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		serve(t, n, newStore(10), server.Config{})
		members, err := dial(t, n, client.Config{}).Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, "single", members["role"])
	})
}

// redirect is a way to the server that sends requests to another path, and
// answers one by itself.
type redirect struct{ transport http.RoundTripper }

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/never") {
		w := httptest.NewRecorder()
		server.NewProblem(http.StatusBadRequest, server.CodeInvalid, "not with me").ServeHTTP(w, req)
		return w.Result(), nil
	}
	req = req.Clone(req.Context())
	req.URL.Path = strings.Replace(req.URL.Path, "/kv/", "/kv/mine/", 1)
	return r.transport.RoundTrip(req)
}

func TestAWrapStandsBetweenTheClientAndTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := newNetwork(), newStore(10)
		serve(t, n, store, server.Config{})
		c := dial(t, n, client.Config{Wrap: func(t http.RoundTripper) http.RoundTripper { return redirect{t} }})
		_, err := c.Do(t.Context(), put("k", "v"))
		require.NoError(t, err)
		it, err := store.Get(t.Context(), "mine/k")
		require.NoError(t, err)
		require.Equal(t, "v", string(it.Value))
		_, err = c.Do(t.Context(), put("never", "v"))
		require.ErrorIs(t, err, kv.ErrInvalid)
		require.ErrorContains(t, err, "not with me")
	})
}
