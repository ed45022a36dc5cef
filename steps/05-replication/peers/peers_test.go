package peers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/peers"
)

func TestMessagesArriveAsTheyWereSentAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := pair(t, peers.Config{Buffer: 100 << 20})
		var want []node.Message
		for i := range 1000 {
			data := make([]byte, rand.IntN(1000))
			data = fmt.Append(data, i)
			want = append(want, node.Message{From: 1, To: 2, Kind: fmt.Sprint("kind ", i%3), Data: data})
		}
		want = append(want,
			node.Message{From: 1, To: 2, Kind: "", Data: []byte{}},
			node.Message{From: 1, To: 2, Kind: string(make([]byte, 255)), Data: make([]byte, peers.MaxMessage)},
			node.Message{From: 1, To: 2, Kind: "last", Data: []byte("last")})
		for i, m := range want {
			if m.From = 77; i%2 == 0 { // it does not matter what is said there
				m.From = 0
			}
			one.Send(m)
		}
		synctest.Wait()
		requireSame(t, want, two.received())
		s := one.about(2)
		require.Equal(t, peers.Status{ID: 2, Address: "two", Sent: len(want)}, s)
		s = two.about(1)
		require.Equal(t, peers.Status{ID: 1, Address: "one", Received: len(want), LastHeard: time.Now()}, s)
	})
}

func TestWhatIsSentMeanwhileGoesInOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{})
		writes := 0
		network.through = func(c net.Conn) net.Conn {
			return &conn{Conn: c, write: func(c net.Conn, b []byte) (int, error) {
				time.Sleep(time.Millisecond) // both a line and its other end take time
				writes++
				return c.Write(b)
			}}
		}
		for i := range 1000 {
			one.Send(text(2, "%d", i))
			if i == 0 {
				synctest.Wait()
			}
		}
		time.Sleep(100 * time.Millisecond)
		require.Len(t, two.received(), 1000)
		require.Less(t, writes, 15, "the first alone, and 999 of some 20 bytes at 4 KiB a write")
	})
}

// hung is a peer that accepts connections and never reads.
func hung(n *memory, address string) (stop func()) {
	l := n.listen(address)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	return func() { l.Close() }
}

func TestAPeerThatHangsHoldsUpNeitherTheNodeNorTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{Buffer: 1 << 20, Timeout: 3 * time.Second})
		stop := hung(network, "three")
		defer stop()
		one.Set(3, "three")
		one.Set(4, "nowhere")
		began := time.Now()
		for i := range 5000 {
			one.Send(node.Message{To: 3, Kind: "kilobyte", Data: make([]byte, 1024)})
			one.Send(node.Message{To: 4, Kind: "kilobyte", Data: make([]byte, 1024)})
			one.Send(text(2, "%d", i))
		}
		require.Zero(t, time.Since(began), "Send waits for nobody")
		synctest.Wait()
		require.Len(t, two.received(), 5000)
		require.Zero(t, time.Since(began))
		for _, id := range []node.ID{3, 4} {
			s := one.about(id)
			require.LessOrEqual(t, s.Buffered, 1<<20)
			require.Greater(t, s.Dropped, 3500)
		}
		require.Len(t, one.log.all(), 3, "two buffers are full, and one peer is not there: %s", one.log.all())

		time.Sleep(time.Minute)
		s := one.about(3)
		require.Zero(t, s.Buffered)
		require.Equal(t, 5000, s.Lost+s.Dropped)
		require.Equal(t, "no answer in time", s.LastError)
		s = one.about(4)
		require.Equal(t, 5000, s.Lost+s.Dropped)
		require.Equal(t, "dial: connection refused", s.LastError)
	})
}

func TestWhatWasSentIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, _ := pair(t, peers.Config{Buffer: 100 << 20})
		before := heap()
		for range 64 {
			one.Send(node.Message{To: 2, Kind: roomless, Data: make([]byte, 1<<20)})
		}
		synctest.Wait()
		require.Equal(t, 64, one.about(2).Sent)
		require.Less(t, heap()-before, 4<<20)
	})
}

func TestAPeerThatWasAwayIsFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{})
		one.Send(text(2, "before"))
		synctest.Wait()
		two.leave()
		for i := range 1000 {
			one.Send(text(2, "%d", i))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, []string{"before"}, texts(two.received()))
		s := one.about(2)
		require.Equal(t, 1000, s.Lost+s.Dropped+s.Buffered/frameSize("text", 3))

		two.serve(network.listen("two"))
		time.Sleep(501 * time.Millisecond)
		one.Send(text(2, "after"))
		synctest.Wait()
		got := texts(two.received())
		require.Equal(t, "after", got[len(got)-1])
		require.Empty(t, one.about(2).LastError)
		require.Len(t, one.log.all(), 2, "it went, and it came: %s", one.log.all())
	})
}

func frameSize(kind string, data int) int { return len(frame(1, 2, kind, string(make([]byte, data)))) }

func TestThePauseGrowsToHalfASecondAndASuccessResetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{})
		two.leave()
		attempts := func(d time.Duration) int {
			before := network.dials
			for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(time.Millisecond) {
				one.Send(text(2, "x"))
			}
			synctest.Wait()
			return network.dials - before
		}
		first := attempts(time.Second)
		require.True(t, 7 <= first && first <= 10, "%d in the first second", first)
		later := attempts(10 * time.Second)
		require.True(t, 20 <= later && later <= 41, "%d in ten seconds after it", later)
		two.serve(network.listen("two"))
		time.Sleep(time.Second)
		one.Send(text(2, "y"))
		synctest.Wait()
		two.leave()
		again := attempts(time.Second)
		require.True(t, 7 <= again && again <= 10, "%d in the first second of another time", again)
	})
}

func TestAPeerCanMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{})
		one.Send(text(2, "at the old place"))
		synctest.Wait()
		two.leave()
		two.serve(network.listen("elsewhere"))
		one.Set(2, "elsewhere")
		one.Send(text(2, "at the new one"))
		synctest.Wait()
		require.Equal(t, []string{"at the old place", "at the new one"}, texts(two.received()))
		require.Equal(t, 2, one.about(2).Sent)
		require.Equal(t, "elsewhere", one.about(2).Address)
	})
}

func TestWhoIsTakenOutOfTheTableGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := pair(t, peers.Config{})
		one.Send(text(2, "first"))
		synctest.Wait()
		one.Set(2, "")
		require.Empty(t, one.Status())
		one.Send(text(2, "second"))
		one.Send(text(3, "to one who was never in it"))
		synctest.Wait()
		require.Len(t, one.log.all(), 2)
		require.Contains(t, one.log.all()[0], "its address is not in the peer table")

		two.Send(text(1, "hello"))
		synctest.Wait()
		require.Len(t, one.received(), 1, "it may still send")
		one.Send(text(2, "third"))
		require.Equal(t, peers.Status{ID: 2, Received: 1, Dropped: 1, LastHeard: time.Now()}, one.about(2))

		one.Set(2, "two")
		one.Send(text(2, "fourth"))
		synctest.Wait()
		require.Equal(t, []string{"first", "fourth"}, texts(two.received()))
	})
}

// TestAConnectionThatIsOfNoUseIsClosed is about a peer that moves, and one that is taken
// out of the table while it hangs.
func TestAConnectionThatIsOfNoUseIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, _ := pair(t, peers.Config{})
		var open atomic.Int32
		network.through = func(c net.Conn) net.Conn {
			open.Add(1)
			return &conn{Conn: c, ended: sync.OnceFunc(func() { open.Add(-1) })}
		}
		requireOpen := func(want int32) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, want, open.Load())
		}
		one.Send(text(2, "hello"))
		requireOpen(1)
		one.Set(2, "two")
		requireOpen(1)
		one.Set(2, "elsewhere")
		requireOpen(0)

		defer hung(network, "three")()
		one.Set(3, "three")
		one.Send(text(3, "hello"))
		requireOpen(1)
		one.Set(3, "")
		requireOpen(0)
	})
}

func TestAllNodesCanBeGivenTheSameTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, _ := pair(t, peers.Config{})
		one.Set(1, "one")
		one.Set(3, "three")
		require.Len(t, one.Status(), 2)
		require.Equal(t, node.ID(2), one.Status()[0].ID)
		require.Equal(t, node.ID(3), one.Status()[1].ID)
	})
}

func TestWhatIsTooLargeIsDroppedWithWordsAndTheRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := pair(t, peers.Config{})
		for range 3 {
			one.Send(node.Message{To: 2, Kind: "huge", Data: make([]byte, peers.MaxMessage+1)})
			one.Send(node.Message{To: 2, Kind: string(make([]byte, 256))})
			one.Send(text(2, "fine"))
		}
		synctest.Wait()
		require.Len(t, two.received(), 3)
		require.Equal(t, 6, one.about(2).Dropped)
		require.Len(t, one.log.all(), 1)
		require.Contains(t, one.log.all()[0], "huge")
	})
}

func TestOneThatIsLargerThanTheBufferIsLetInAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := pair(t, peers.Config{Buffer: 1000})
		one.Send(node.Message{To: 2, Kind: "large", Data: make([]byte, 1_000_000)})
		one.Send(text(2, "too many"))
		synctest.Wait()
		require.Len(t, two.received(), 1)
		require.Equal(t, "large", two.received()[0].Kind)
		require.Equal(t, 1, one.about(2).Dropped)
	})
}

func TestWhatTheInboxDoesNotTakeIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := pair(t, peers.Config{})
		one.Send(text(2, "a"))
		one.Send(node.Message{To: 2, Kind: roomless})
		one.Send(text(2, "b"))
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, texts(two.received()))
		require.Equal(t, peers.Status{ID: 1, Address: "one", Received: 2, Dropped: 1, LastHeard: time.Now()}, two.about(1))
		require.Equal(t, 3, one.about(2).Sent)
	})
}

func TestASlowLineIsGivenTheTimeThatItNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{Timeout: 3 * time.Second})
		network.through = func(c net.Conn) net.Conn {
			return &conn{Conn: c, write: func(c net.Conn, b []byte) (int, error) {
				time.Sleep(time.Duration(len(b)) * time.Second / (150 << 10))
				return c.Write(b)
			}}
		}
		for range 20 {
			one.Send(node.Message{To: 2, Kind: "large", Data: make([]byte, 100<<10)})
		}
		one.Send(node.Message{To: 2, Kind: "huge", Data: make([]byte, 4<<20)})
		time.Sleep(2 * time.Minute)
		require.Len(t, two.received(), 21)
		require.Zero(t, one.about(2).Lost)
	})
}

// TestAnyNumberOfGoroutinesMaySend is for the race detector.
func TestAnyNumberOfGoroutinesMaySend(t *testing.T) {
	one := join(t, 1, loopback(t), peers.Config{Buffer: 100 << 20})
	l := loopback(t)
	two := join(t, 2, l, peers.Config{})
	one.Set(2, l.Addr().String())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 500 {
				one.Send(text(2, "%d/%d", i, j))
				one.Status()
			}
		})
	}
	all.Go(func() {
		for range 100 {
			one.Set(3, "127.0.0.1:1")
			one.Send(text(3, "nobody there"))
			one.Set(3, "")
		}
	})
	all.Wait()
	next := make([]int, 8)
	for _, m := range two.await(4000) {
		var i, j int
		fmt.Sscanf(string(m.Data), "%d/%d", &i, &j)
		require.Equal(t, next[i], j, "what one goroutine sends keeps its order")
		next[i]++
	}
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	// A goroutine that is left makes synctest fail.
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{})
		stop := hung(network, "three")
		one.Set(3, "three")
		one.Set(4, "nowhere")
		for id := node.ID(2); id < 5; id++ {
			one.Send(text(id, "x"))
		}
		synctest.Wait()
		began := time.Now()
		one.Close()
		require.NoError(t, <-one.ended, "Serve ends with it")
		one.stop = nil
		require.Zero(t, time.Since(began))
		one.Send(text(2, "too late"))
		one.Set(5, "five")
		one.Close()
		synctest.Wait()
		require.Equal(t, []string{"x"}, texts(two.received()))
		require.Equal(t, 1, one.about(2).Dropped)
		stop()
	})
}

func TestServeEndsWhenNothingIsBeingReceivedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{})
		network.through = func(c net.Conn) net.Conn {
			return &conn{Conn: c, write: func(c net.Conn, b []byte) (int, error) {
				for i := range b {
					if _, err := c.Write(b[i : i+1]); err != nil {
						return i, err
					}
					time.Sleep(time.Millisecond)
				}
				return len(b), nil
			}}
		}
		one.Send(text(2, "first"))
		one.Send(node.Message{To: 2, Kind: "the rest", Data: bytes.Repeat([]byte("x"), 3000)})
		time.Sleep(time.Second)
		require.Len(t, two.received(), 1, "in the middle of a batch")
		two.leave()
		time.Sleep(time.Minute)
		require.Len(t, two.received(), 1)
	})
}
