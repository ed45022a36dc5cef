package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
)

// closedAfter waits until the server closes the connection, and says when.
func closedAfter(w *wire) time.Duration {
	began := time.Now()
	io.Copy(io.Discard, w.in)
	return time.Since(began)
}

func TestNoPhaseOfARequestTakesForEver(t *testing.T) {
	config := server.Config{Timeout: 10 * time.Second, Idle: time.Minute}
	for name, c := range map[string]struct {
		play   func(w *wire)
		within time.Duration
	}{
		"silent from the beginning": {func(*wire) {}, 10 * time.Second},
		"half a header":             {func(w *wire) { w.send("GET /kv/k HTTP/1.1\r\nHo") }, 10 * time.Second},
		"half a body":               {func(w *wire) { w.send("PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc") }, 10 * time.Second},
		"half a chunk": {func(w *wire) {
			w.send("PUT /kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc")
		}, 10 * time.Second},
		"silent after an answer": {func(w *wire) { w.get("/kv/k"); w.mustRead() }, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startInMemory(t, newStore(), config).connect()
				c.play(w)
				require.Equal(t, c.within, closedAfter(w).Round(time.Second))
			})
		})
	}
}

func TestATricklingHeaderIsCutAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startInMemory(t, newStore(), server.Config{Timeout: 10 * time.Second}).connect()
		began := time.Now()
		w.send("GET /kv/k HTTP/1.1\r\nX: ")
		for {
			if _, err := io.WriteString(w, "x"); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, time.Since(began), 11*time.Second)
	})
}

func TestABodyThatDoesNotArriveIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startInMemory(t, newStore(), server.Config{}).connect()
		w.send("PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
		require.Equal(t, server.CodeSlow, w.mustRead().code())
	})
}

func TestAnAnswerThatNobodyReadsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.Do(t.Context(), kv.Put("k", make([]byte, kv.MaxValue)))
		r := startInMemory(t, store, server.Config{Timeout: 10 * time.Second})
		w := r.connect()
		w.get("/kv/k")
		time.Sleep(31 * time.Second)
		_, err := w.read("GET")
		require.Error(t, err, "what is left of the answer has been dropped")
	})
}

// hanging is a store that works until its context ends.
type hanging struct{ server.Store }

func (hanging) Get(ctx context.Context, _ string) (kv.Item, error) {
	<-ctx.Done()
	return kv.Item{}, ctx.Err()
}

func TestTheStoreIsGivenUntilTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startInMemory(t, hanging{newStore()}, server.Config{Timeout: 10 * time.Second}).connect()
		began := time.Now()
		w.get("/kv/k")
		a := w.mustRead()
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Equal(t, 503, a.StatusCode)
		require.Equal(t, "1", a.Header.Get("Retry-After"))
	})
}

func TestALargeBodyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startInMemory(t, newStore(), server.Config{})
		w := r.connect()
		w.send(fmt.Sprintf("PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", kv.MaxValue+1))
		require.Equal(t, server.CodeTooLarge, w.mustRead().code(), "before a byte of it was sent")

		w = r.connect()
		w.send("PUT /kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		sent := make(chan int)
		go func() { // chunks without an end
			chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<16, strings.Repeat("x", 1<<16))
			for n := 0; ; n++ {
				if _, err := io.WriteString(w, chunk); err != nil {
					sent <- n
					return
				}
			}
		}()
		a := w.mustRead()
		require.Equal(t, 413, a.StatusCode)
		require.Equal(t, server.CodeTooLarge, a.code())
		w.Close()
		require.LessOrEqual(t, <-sent, kv.MaxValue>>16+5, "net/http takes 256 KiB more, to be polite")

		require.Equal(t, 204, r.do("PUT", "/kv/k", strings.Repeat("x", kv.MaxValue)).StatusCode, "exactly the limit")
	})
}

func TestALargeHeaderIsRefused(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{})
	require.Equal(t, 431, r.do("GET", "/kv/k", "", "X: "+strings.Repeat("x", 16<<10)).StatusCode)
}

func TestClientsWhoSayNothingDoNotLockAnybodyOut(t *testing.T) {
	for name, says := range map[string]string{
		"silent":         "",
		"half a header":  "GET /kv/k HTTP/1.1\r\n",
		"half a body":    "PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
		"half a large":   "PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\nabc",
		"idle, answered": "GET /status HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startInMemory(t, newStore(), server.Config{Connections: 10, InFlight: 5, Transfers: 2})
				for range 100 {
					w := r.connect()
					w.send(says)
					if name == "idle, answered" {
						w.mustRead()
					}
					synctest.Wait()
				}
				began := time.Now()
				require.Equal(t, 204, r.do("PUT", "/kv/honest", "x").StatusCode)
				require.Regexp(t, `"connections":(\d|10),`, r.do("GET", "/status", "").body)
				require.Zero(t, time.Since(began), "it did not have to wait for anybody")
			})
		})
	}
}

func TestTheOneWhoHasKeptUsWaitingForLongestIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		r := startInMemory(t, g, server.Config{Connections: 3, InFlight: 2})
		busy := r.connect() // the oldest of all, but it is our turn to move
		busy.get("/kv/k")
		<-g.entered
		a := r.connect()
		b := r.connect()
		synctest.Wait()
		c := r.connect()
		require.Zero(t, closedAfter(a))
		for _, w := range []*wire{c, b} {
			w.get("/status")
			require.Equal(t, 200, w.mustRead().StatusCode)
		}
		close(g.release)
		require.Equal(t, 200, busy.mustRead().StatusCode)
	})
}

func TestBeyondTheLimitRequestsAreShedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		r := startInMemory(t, g, server.Config{InFlight: 2})
		first, second := r.connect(), r.connect()
		first.get("/kv/k")
		second.get("/kv/k")
		<-g.entered
		<-g.entered
		began := time.Now()
		for _, head := range []string{
			"GET /kv/k HTTP/1.1\r\nHost: x\r\n\r\n",
			"PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", // and no body
		} {
			w := r.connect()
			w.send(head)
			a := w.mustRead()
			require.Equal(t, 503, a.StatusCode)
			require.Equal(t, server.CodeOverloaded, a.code())
			require.Equal(t, "1", a.Header.Get("Retry-After"))
		}
		require.Equal(t, 200, r.do("GET", "/status", "").StatusCode, "which one wants to see just then")
		require.Zero(t, time.Since(began))
		close(g.release)
		require.Equal(t, 200, first.mustRead().StatusCode)
		require.Equal(t, 200, second.mustRead().StatusCode)
		require.Equal(t, 200, r.do("GET", "/kv/k", "").StatusCode, "the places are free again")
	})
}

func TestLargeBodiesOnTheirWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startInMemory(t, newStore(), server.Config{Transfers: 1})
		large := strings.Repeat("x", 1<<20)
		slow := r.connect()
		slow.send(fmt.Sprintf("PUT /kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nx", len(large)))
		synctest.Wait()
		require.Equal(t, 503, r.do("PUT", "/kv/k", large).StatusCode, "one at a time")
		require.Equal(t, 204, r.do("PUT", "/kv/k", "small").StatusCode, "the small ones pass")
		time.Sleep(5 * time.Second)
		require.Equal(t, 503, r.do("PUT", "/kv/k", large).StatusCode, "and nobody is cut to make room")
		time.Sleep(20 * time.Second)
		require.Equal(t, 204, r.do("PUT", "/kv/k", large).StatusCode, "its request has timed out")
		require.Len(t, r.do("GET", "/kv/k", "").body, len(large))
	})
}

// scanning is a store whose Scan is a function of the test.
type scanning struct {
	server.Store
	scan func() (kv.Page, error)
}

func (s scanning) Scan(context.Context, kv.Range) (kv.Page, error) { return s.scan() }

func TestAScanTakesRoomBeforeThereIsAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scans, release := make(chan struct{}, 2), make(chan struct{})
		r := startInMemory(t, scanning{newStore(), func() (kv.Page, error) {
			scans <- struct{}{}
			<-release
			return kv.Page{}, nil
		}}, server.Config{Transfers: 1})
		first := r.connect()
		first.get("/kv")
		<-scans
		require.Equal(t, server.CodeOverloaded, r.do("GET", "/kv", "").code())
		require.Empty(t, scans, "the store was not asked for a second page")
		close(release)
		require.Equal(t, 200, first.mustRead().StatusCode)
	})
}

func TestAScanGivesItsRoomBack(t *testing.T) {
	large := kv.Page{Items: []kv.Item{{Key: "k", Value: make([]byte, kv.MaxValue), Version: 1}}}
	for name, scan := range map[string]func() (kv.Page, error){
		"small page": func() (kv.Page, error) { return kv.Page{}, nil },
		"large page": func() (kv.Page, error) { return large, nil },
		"failure":    func() (kv.Page, error) { return kv.Page{}, errors.New("disk on fire") },
		"panic":      func() (kv.Page, error) { panic("bug") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startInMemory(t, scanning{newStore(), scan}, server.Config{Transfers: 1})
				w := r.connect()
				w.get("/kv")
				w.read("GET") // whatever comes
				synctest.Wait()
				require.Equal(t, 204, r.do("PUT", "/kv/k", strings.Repeat("x", kv.MaxValue)).StatusCode)
			})
		})
	}
}

func TestWhatWasBegunIsAnsweredBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		r := startInMemory(t, g, server.Config{})
		busy, idle, silent, late, later := r.connect(), r.connect(), r.connect(), r.connect(), r.connect()
		for _, w := range []*wire{idle, later} {
			w.get("/status")
			w.mustRead()
		}
		busy.get("/kv/k")
		<-g.entered
		r.stop()
		synctest.Wait()

		_, err := r.dial()
		require.ErrorIs(t, err, net.ErrClosed, "nobody new is let in")
		for _, w := range []*wire{late, later} { // sent before they could know
			w.get("/kv/k")
			require.Equal(t, server.CodeDraining, w.mustRead().code())
		}
		require.Less(t, closedAfter(idle), time.Second)
		require.Less(t, closedAfter(silent), time.Second)

		time.Sleep(5 * time.Second)
		require.Empty(t, r.ended, "it waits for the request that was begun")
		close(g.release)
		a := busy.mustRead()
		require.Equal(t, 200, a.StatusCode)
		require.True(t, a.Close, "the client is told that the connection ends")
		require.NoError(t, <-r.ended)
	})
}

func TestADrainEndsEvenIfTheStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		r := startInMemory(t, g, server.Config{Drain: 10 * time.Second})
		busy := r.connect()
		busy.get("/kv/k")
		<-g.entered
		began := time.Now()
		r.stop()
		require.ErrorContains(t, <-r.ended, "1 requests unanswered")
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Zero(t, closedAfter(busy))
		close(g.release)
	})
}
