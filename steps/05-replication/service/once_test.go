package service_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/03-server/server"
	"zeyrho/steps/04-journal/queue"
	"zeyrho/steps/05-replication/node"
)

// etag returns the version that an answer carries, and makes it an error if the
// write was not done.
func etag(t *testing.T, a answer) string {
	t.Helper()
	require.Equal(t, http.StatusNoContent, a.StatusCode, a.body)
	return a.Header.Get("ETag")
}

func TestOfManyCopiesOneIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		id := c.session(1)
		c.sites[0].disk.hold()
		c.sites[1].disk.hold()
		c.sites[2].disk.hold()
		var copies []chan answer
		for range 5 {
			copies = append(copies, c.later(t.Context(), 1, "PUT", "/kv/k", "v", id(1)))
		}
		for _, s := range c.sites {
			s.disk.release()
		}
		version := etag(t, <-copies[0])
		for _, another := range copies[1:] {
			require.Equal(t, version, etag(t, <-another))
		}
		require.Equal(t, version, etag(t, c.do(1, "PUT", "/kv/k", "v", id(1))), "the answer is kept")
		require.Equal(t, version, c.do(1, "GET", "/kv/k", "").Header.Get("ETag"))
		require.NotEqual(t, version, etag(t, c.do(1, "PUT", "/kv/k", "w", id(2))))
	})
}

// stuck returns a cluster of one node in which a write is under way, and the queue
// behind it is full.
func stuck(t *testing.T, ctx context.Context, header string, c *cluster) (first, filler chan answer) {
	t.Helper()
	c.sites[0].disk.hold()
	first = c.later(ctx, 1, "PUT", "/kv/k", "v", header)
	filler = c.later(t.Context(), 1, "PUT", "/kv/filler", string(make([]byte, 200)))
	return first, filler
}

func small() options { return options{nodes: 1, queue: queue.Config{Bytes: 200}} }

func TestARefusedCopyDoesNotDenyTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, small())
		id := c.session(1)
		first, filler := stuck(t, t.Context(), id(1), c)
		require.Equal(t, server.CodeOverloaded, c.do(1, "PUT", "/kv/k", "v").code(), "who has no number is just refused")
		a := c.do(1, "PUT", "/kv/k", "v", id(1))
		require.Equal(t, 503, a.StatusCode)
		require.Equal(t, server.CodeInProgress, a.code(), "the first copy is being written")
		require.Contains(t, a.problem().Detail, "this one was refused: too many requests")
		require.Equal(t, server.CodeOverloaded, c.do(1, "PUT", "/kv/k", "v", "Idempotency-Key: AAAAAAAAAAAA-7/1").code(), "others are not in doubt")
		c.sites[0].disk.release()
		etag(t, <-filler)
		require.Equal(t, etag(t, <-first), etag(t, c.do(1, "PUT", "/kv/k", "v", id(1))))
	})
}

func TestACopyDoesNotDenyOneThatNobodyWaitsForAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, small())
		id := c.session(1)
		ctx, giveUp := context.WithCancel(t.Context())
		first, filler := stuck(t, ctx, id(2), c)
		giveUp()
		<-first
		synctest.Wait()
		for n, code := range map[int]server.Code{1: server.CodeInProgress, 2: server.CodeInProgress, 3: server.CodeOverloaded} {
			require.Equal(t, code, c.do(1, "PUT", "/kv/k", "v", id(n)).code(), "request %d", n)
		}
		c.sites[0].disk.release()
		etag(t, <-filler)
		version := etag(t, c.do(1, "PUT", "/kv/k", "v", id(2)))
		require.Equal(t, version, c.do(1, "GET", "/kv/k", "").Header.Get("ETag"), "it had happened")

		first, filler = stuck(t, t.Context(), id(3), c)
		again := c.do(1, "PUT", "/kv/k", "v", id(2))
		require.Equal(t, version, etag(t, again), "its answer is known, whether there is room or not")
		require.NotEmpty(t, again.Header.Get("Position"))
		require.Equal(t, server.CodeOverloaded, c.do(1, "PUT", "/kv/k", "v", id(4)).code(), "there is no doubt any more")
		c.sites[0].disk.release()
		etag(t, <-first)
		etag(t, <-filler)
	})
}

// What a session is told for good is not held back by what is not known of it.
func TestWhoHasGoneOnOrIsForgottenIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := small()
		o.sessions = 1
		c := start(t, o)
		id := c.session(1)
		c.sites[0].disk.hold()
		ctx, giveUp := context.WithCancel(t.Context())
		first := c.later(ctx, 1, "PUT", "/kv/k", "v", id(2))
		giveUp()
		<-first
		synctest.Wait()
		c.sites[0].disk.release()
		synctest.Wait()
		require.Equal(t, server.CodeSuperseded, c.do(1, "PUT", "/kv/k", "v", id(1)).code())
		c.session(1)
		require.Equal(t, server.CodeForgotten, c.do(1, "PUT", "/kv/k", "v", id(2)).code())
		writing, filler := stuck(t, t.Context(), "", c)
		require.Equal(t, server.CodeOverloaded, c.do(1, "PUT", "/kv/k", "v", id(2)).code(), "nothing can come of any copy any more")
		c.sites[0].disk.release()
		etag(t, <-writing)
		etag(t, <-filler)
	})
}

// depose lets three writes wait at n1, which nobody hears, and makes n2 the leader.
func depose(t *testing.T, c *cluster, id func(int) string) (numbered, unnumbered, opening chan answer) {
	t.Helper()
	c.isolate(1, true)
	numbered = c.later(t.Context(), 1, "PUT", "/kv/k", "v", id(1))
	unnumbered = c.later(t.Context(), 1, "PUT", "/kv/l", "v")
	opening = c.later(t.Context(), 1, "POST", "/sessions", "")
	require.Equal(t, "2.n2", c.promote(2))
	require.Empty(t, numbered)
	c.isolate(1, false)
	return numbered, unnumbered, opening
}

func TestWhoseNodeIsDeposedMayAskAgainIfThatDoesNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		id := c.session(1)
		numbered, unnumbered, opening := depose(t, c, id)
		a := <-numbered
		require.Equal(t, 503, a.StatusCode)
		require.Equal(t, server.CodeInProgress, a.code())
		require.Contains(t, a.problem().Detail, "this node has ceased to lead")
		require.Equal(t, server.CodeInProgress, (<-opening).code(), "one session more or less")
		a = <-unnumbered
		require.Equal(t, 500, a.StatusCode)
		require.Equal(t, server.CodeUnknown, a.code())
	})
}

// Who asks the old leader again, because that has told him to, is sent to the new
// one, as others are.
func TestACopyThatComesToADeposedLeaderIsSentOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		id := c.session(1)
		numbered, _, _ := depose(t, c, id)
		require.Equal(t, server.CodeInProgress, (<-numbered).code())
		a := c.do(1, "PUT", "/kv/k", "v", id(1))
		require.Equal(t, 307, a.StatusCode, a.body)
		require.Equal(t, "http://n2/kv/k", a.Header.Get("Location"))
		version := etag(t, c.do(2, "PUT", "/kv/k", "v", id(1)))
		require.Equal(t, version, etag(t, c.do(2, "PUT", "/kv/k", "v", id(1))))
	})
}

// The leader's entries had reached the next one before it was cut off.
func TestWhatADeposedLeaderHadShippedIsAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		id := c.session(1)
		c.cuts([2]node.ID{2, 1}, [2]node.ID{3, 1}) // nobody answers n1
		first := c.later(t.Context(), 1, "PUT", "/kv/k", "v", id(1))
		require.Empty(t, first)
		c.isolate(1, true)
		c.promote(2)
		version := etag(t, c.do(2, "PUT", "/kv/k", "v", id(1)))
		require.Equal(t, version, c.do(2, "GET", "/kv/k", "").Header.Get("ETag"))
		require.Less(t, version, `"5"`, "it is n1's entry, before the mark of n2, and not the copy of it")
		c.isolate(1, false)
		require.Equal(t, server.CodeInProgress, (<-first).code())
	})
}

// cuts lets messages be lost on some ways.
func (c *cluster) cuts(ways ...[2]node.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, way := range ways {
		c.cut[way] = true
	}
}
