package service_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/route"
)

// lossy is a client's end of a connection. Of what is asked with a PUT, every third
// time the answer is lost.
type lossy struct {
	net.Conn
	puts *atomic.Int32
	mu   sync.Mutex
	lost bool
}

func (l *lossy) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("PUT ")) && l.puts.Add(1)%3 == 1 {
		l.mu.Lock()
		l.lost = true
		l.mu.Unlock()
	}
	return l.Conn.Write(p)
}

func (l *lossy) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost && err == nil {
		l.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// client returns one of all servers, which loses every third answer to a write.
func (c *cluster) client(level node.Level) *client.Client {
	puts := new(atomic.Int32)
	cl, err := route.Dial("http://n1,http://n2,http://n3", level, client.Config{
		Backoff: 10 * time.Millisecond,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := c.dial(ctx, network, address)
			return &lossy{Conn: conn, puts: puts}, err
		},
	})
	require.NoError(c.t, err)
	c.t.Cleanup(cl.Close)
	return cl
}

// count writes 1, 2, 3, ... to a key, each in the place of the one before: a copy
// that was applied beside the first would be a conflict.
func count(ctx context.Context, cl *client.Client, key string, until *atomic.Bool) (n int, err error) {
	for version := kv.Version(0); !until.Load(); n++ {
		r, err := cl.Do(ctx, kv.Put(key, fmt.Append(nil, n+1)).IfVersion(version))
		if err != nil || r.Status != kv.Done {
			return n, fmt.Errorf("%d in the place of version %d: %+v, %w", n+1, version, r, err)
		}
		version = r.Version
		time.Sleep(20 * time.Millisecond) // without a network, time stands still otherwise
		it, err := cl.Get(ctx, key)
		if err != nil || it.Version != version || string(it.Value) != fmt.Sprint(n+1) {
			return n, fmt.Errorf("%d was written as version %d, and it is now %q, version %d: %w", n+1, version, it.Value, it.Version, err)
		}
	}
	return n, nil
}

// Clients go on counting while the leader is replaced, three times. The first one
// does not know for a second that it was, and takes what it cannot keep.
func TestClientsFollowTheLeaderAndEveryCommandIsAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		var all sync.WaitGroup
		var enough atomic.Bool
		for i, level := range []node.Level{node.Leader, node.Session, node.Leader, node.Session} {
			all.Go(func() {
				n, err := count(t.Context(), c.client(level), fmt.Sprint("key", i), &enough)
				if err != nil || n < 20 {
					t.Errorf("client %d: after %d: %v", i, n, err)
				}
			})
		}
		for _, next := range []node.ID{2, 3, 1} {
			time.Sleep(time.Second)
			last := (next+1)%3 + 1 // who led
			c.isolate(last, true)
			time.Sleep(500 * time.Millisecond)
			c.promote(next)
			time.Sleep(time.Second)
			c.isolate(last, false)
		}
		time.Sleep(2 * time.Second)
		enough.Store(true)
		all.Wait()
	})
}
