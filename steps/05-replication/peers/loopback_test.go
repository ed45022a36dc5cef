package peers_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/peers"
)

func loopback(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// badLine carries connections to address, and now and then flips a bit of what
// goes through, or cuts a connection in the middle.
func badLine(t *testing.T, address string) net.Listener {
	l := loopback(t)
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		l.Close()
		all.Wait()
	})
	carry := func(to, from net.Conn) {
		defer to.Close()
		defer from.Close()
		b := make([]byte, 4096)
		for {
			n, err := from.Read(b)
			switch rand.IntN(20) {
			case 0:
				n /= 2
				err = io.ErrUnexpectedEOF
			case 1:
				if n > 0 {
					b[rand.IntN(n)] ^= 1 << rand.IntN(8)
				}
			}
			to.Write(b[:n])
			if err != nil {
				return
			}
		}
	}
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				near.Close()
				continue
			}
			context.AfterFunc(ctx, func() { near.Close(); far.Close() })
			all.Go(func() { carry(far, near) })
			all.Go(func() { carry(near, far) })
		}
	})
	return l
}

func TestOverABadLineMessagesArriveAsTheyWereSentOrNotAtAll(t *testing.T) {
	one := join(t, 1, loopback(t), peers.Config{Timeout: 200 * time.Millisecond, Known: func(id node.ID) bool { return id <= 2 }})
	l := loopback(t)
	two := join(t, 2, l, peers.Config{Timeout: 200 * time.Millisecond, Known: func(id node.ID) bool { return id <= 2 }})
	one.Set(2, badLine(t, l.Addr().String()).Addr().String())

	sent := make(map[string]bool)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	// Until they have been through everything that can go wrong on it.
	for began := time.Now(); ; <-tick.C {
		m := text(2, "%d %d %d", len(sent), rand.Uint64(), rand.Uint64())
		sent[string(m.Data)] = true
		one.Send(m)
		s := two.about(1)
		if s.Received > 500 && s.Corrupt > 3 && one.about(2).Lost > 10 {
			break
		}
		require.Less(t, time.Since(began), time.Minute, "%+v %+v", s, one.about(2))
	}
	for _, m := range two.received() {
		require.True(t, sent[string(m.Data)], "nobody has sent %q", m.Data)
	}

	one.Set(2, l.Addr().String())
	one.Send(text(2, "over a good line"))
	for got := 0; ; got++ {
		if m := two.await(got + 1)[got]; string(m.Data) == "over a good line" {
			return
		}
	}
}

// heap returns how much memory is in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestAPeerThatDoesNotReadDoesNotBloatTheNode measures what a gigabyte takes.
func TestAPeerThatDoesNotReadDoesNotBloatTheNode(t *testing.T) {
	one := join(t, 1, loopback(t), peers.Config{Timeout: time.Minute})
	one.Set(2, loopback(t).Addr().String()) // connections stay in its backlog
	before := heap()
	large := make([]byte, 64<<10)
	for range 16 << 10 {
		one.Send(node.Message{To: 2, Kind: "large", Data: large})
	}
	require.Less(t, heap()-before, 12<<20)
	s := one.about(2)
	require.LessOrEqual(t, s.Buffered, 8<<20)
	require.Greater(t, s.Buffered, 7<<20)
	require.Equal(t, 16<<10, s.Dropped+s.Buffered/frameSize("large", 64<<10))
}
