package client_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
)

func TestAWriteWhoseReplyIsLostIsAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		serve(t, n, newStore(10), server.Config{})
		c := dial(t, n, client.Config{})
		n.lose = first(3, isPut)
		r, err := c.Do(t.Context(), put("k", "v"))
		require.NoError(t, err)
		require.Equal(t, kv.Result{Status: kv.Done, Version: 1}, r)
		r, err = c.Do(t.Context(), put("k", "w"))
		require.NoError(t, err)
		require.EqualValues(t, 2, r.Version, "the first one used up one version, not four")
	})
}

func TestSilenceIsNeverTakenForANo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		store := newStore(10)
		serve(t, n, store, server.Config{})
		c := dial(t, n, client.Config{})
		n.lose = isPut
		_, err := c.Do(t.Context(), put("k", "v"))
		require.ErrorIs(t, err, kv.ErrUnknown)
		it, err := store.Get(t.Context(), "k")
		require.NoError(t, err)
		require.EqualValues(t, 1, it.Version, "it has happened, and once")
	})
}

func TestALaterRefusalDoesNotSettleAnEarlierSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		stop := serve(t, n, newStore(10), server.Config{})
		c := dial(t, n, client.Config{})
		n.lose = func(request []byte) bool {
			if isPut(request) {
				go stop() // and from then on nobody listens
				return true
			}
			return false
		}
		_, err := c.Do(t.Context(), put("k", "v"))
		require.ErrorIs(t, err, kv.ErrUnknown)
		require.ErrorContains(t, err, "refused")
	})
}

func TestWhereNobodyListensNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.Close()
		c := dial(t, n, client.Config{Attempts: 4})
		_, err := c.Do(t.Context(), put("k", "v"))
		require.ErrorContains(t, err, "refused")
		require.NotErrorIs(t, err, kv.ErrUnknown)
		require.EqualValues(t, 4, n.dials.Load())
	})
}

func TestAServerThatComesBackIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		c := dial(t, n, client.Config{TryTimeout: time.Second})
		go func() {
			time.Sleep(5 * time.Second)
			serve(t, n, newStore(10), server.Config{})
		}()
		r, err := c.Do(t.Context(), put("k", "v"))
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Version)
	})
}

func TestAForgottenSessionIsReplacedIfNothingCanHaveHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		serve(t, n, newStore(1), server.Config{}) // room for one session
		a, b := dial(t, n, client.Config{}), dial(t, n, client.Config{})
		for i := range 6 {
			r, err := []*client.Client{a, b}[i%2].Do(t.Context(), put("k", "v"))
			require.NoError(t, err)
			require.EqualValues(t, i+1, r.Version)
		}
	})
}

func TestAForgottenSessionLeavesARetryUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		store := newStore(1)
		serve(t, n, store, server.Config{})
		c := dial(t, n, client.Config{})
		once := first(1, isPut)
		n.lose = func(request []byte) bool {
			if once(request) {
				store.OpenSession(t.Context())
				return true
			}
			return false
		}
		_, err := c.Do(t.Context(), put("k", "v"))
		require.ErrorIs(t, err, kv.ErrUnknown)
		r, err := c.Do(t.Context(), put("k", "w"))
		require.NoError(t, err)
		require.EqualValues(t, 2, r.Version, "it was applied once, and the client goes on")
	})
}

func TestAServerThatNeverAnswersEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		pretend(t, n, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/sessions" {
				w.WriteHeader(http.StatusCreated)
				fmt.Fprint(w, `{"session":"s-1"}`)
				return
			}
			<-r.Context().Done()
		})
		c := dial(t, n, client.Config{TryTimeout: time.Second, Timeout: 5 * time.Second})
		began := time.Now()
		_, err := c.Get(t.Context(), "k")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, kv.ErrUnknown, "a read has nothing to be unsure of")
		require.LessOrEqual(t, time.Since(began), 5*time.Second)

		began = time.Now()
		_, err = c.Do(t.Context(), put("k", "v"))
		require.ErrorIs(t, err, kv.ErrUnknown)
		require.LessOrEqual(t, time.Since(began), 5*time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		began = time.Now()
		_, err = c.Do(ctx, put("k", "v"))
		require.ErrorIs(t, err, kv.ErrUnknown)
		require.Equal(t, time.Second/2, time.Since(began))
	})
}

func TestWritesWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		var under atomic.Int32
		pretend(t, n, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/sessions" {
				w.WriteHeader(http.StatusCreated)
				fmt.Fprint(w, `{"session":"s-1"}`)
				return
			}
			if under.Add(1) > 1 {
				t.Error("two writes of a session are under way")
			}
			time.Sleep(time.Second)
			under.Add(-1)
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusNoContent)
		})
		c := dial(t, n, client.Config{})
		ended := make(chan error)
		for range 3 {
			go func() {
				_, err := c.Do(t.Context(), put("k", "v"))
				ended <- err
			}()
		}
		for range 3 {
			require.NoError(t, <-ended)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		go func() {
			_, err := c.Do(t.Context(), put("k", "v"))
			ended <- err
		}()
		synctest.Wait()
		_, err := c.Do(ctx, put("k", "v"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, kv.ErrUnknown, "its turn never came")
		require.NoError(t, <-ended)
	})
}

// refusals is a server that refuses n times and then does as it is asked.
func refusals(t *testing.T, n int32, refuse http.HandlerFunc) *network {
	network := newNetwork()
	var seen atomic.Int32
	pretend(t, network, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/sessions":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"session":"s-1"}`)
		case seen.Add(1) <= n:
			refuse(w, r)
		default:
			w.Header().Set("ETag", `"7"`)
			w.WriteHeader(http.StatusNoContent)
		}
	})
	return network
}

func overloaded(retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"code":"overloaded","detail":"busy"}`)
	}
}

func TestABusyServerIsGivenTheTimeThatItAsksFor(t *testing.T) {
	for after, bounds := range map[string][2]time.Duration{
		"1":        {3 * time.Second, 3 * time.Second},
		"86400":    {6 * time.Second, 6 * time.Second}, // bounded
		"tomorrow": {0, time.Second},                   // the back-off alone
		"-1":       {0, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := dial(t, refusals(t, 3, overloaded(after)), client.Config{})
			began := time.Now()
			r, err := c.Do(t.Context(), put("k", "v"))
			require.NoError(t, err)
			require.EqualValues(t, 7, r.Version)
			took := time.Since(began).Round(10 * time.Millisecond)
			require.GreaterOrEqual(t, took, bounds[0], after)
			require.LessOrEqual(t, took, bounds[1], after)
		})
	}
}

func TestAWriteThatIsInProgressIsAskedForAgain(t *testing.T) {
	inProgress := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"code":"in-progress"}`)
	}
	synctest.Test(t, func(t *testing.T) {
		r, err := dial(t, refusals(t, 3, inProgress), client.Config{}).Do(t.Context(), put("k", "v"))
		require.NoError(t, err)
		require.EqualValues(t, 7, r.Version)
	})
	synctest.Test(t, func(t *testing.T) {
		once, busy := true, overloaded("1")
		n := refusals(t, 100, func(w http.ResponseWriter, r *http.Request) {
			if once {
				once = false
				inProgress(w, r)
				return
			}
			busy(w, r)
		})
		_, err := dial(t, n, client.Config{Attempts: 3}).Do(t.Context(), put("k", "v"))
		require.ErrorIs(t, err, kv.ErrUnknown, "what comes later says nothing of what is under way")
	})
}

func TestARefusalOfEveryTryIsANo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, refusals(t, 100, overloaded("1")), client.Config{Attempts: 3})
		_, err := c.Do(t.Context(), put("k", "v"))
		require.ErrorContains(t, err, "busy")
		require.NotErrorIs(t, err, kv.ErrUnknown)
	})
}

func TestOnlyARefusalOfOurServerIsANo(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		unknown bool
	}{
		{502, "<html>bad gateway</html>", true},
		{404, "<html>not found</html>", true},
		{200, "", true},
		{204, "", true}, // without a version
		{500, `{"code":"unknown"}`, true},
		{409, `{"code":"request-superseded"}`, true},
		{503, `{"code":"in-progress"}`, true},
		{412, `{"code":"conflict"}`, false}, // it is a no, even if it does not say why
		{500, `{"code":"failed","detail":"disk on fire"}`, false},
		{404, `{"code":"no-such-path"}`, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := refusals(t, 100, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			_, err := dial(t, n, client.Config{Attempts: 3}).Do(t.Context(), put("k", "v"))
			require.Error(t, err)
			if c.unknown {
				require.ErrorIs(t, err, kv.ErrUnknown, "%d %s", c.status, c.body)
			} else {
				require.NotErrorIs(t, err, kv.ErrUnknown, "%d %s", c.status, c.body)
			}
		})
	}
}

func TestAnAnswerWithoutEndIsNotReadToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		var sent atomic.Int64
		pretend(t, n, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				k, err := w.Write(bytes.Repeat([]byte("x"), 1<<16))
				if err != nil {
					return
				}
				sent.Add(int64(k))
			}
		})
		_, err := dial(t, n, client.Config{Attempts: 1}).Get(t.Context(), "k")
		require.ErrorContains(t, err, "longer than")
		require.Less(t, sent.Load(), int64(2*kv.MaxValue))
	})
}

func TestAnAnswerThatBreaksOffIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		var seen atomic.Int32
		pretend(t, n, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, strings.Repeat("x", 5))
			if seen.Add(1) > 1 {
				fmt.Fprint(w, "yyyyy")
			}
		})
		it, err := dial(t, n, client.Config{}).Get(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, "xxxxxyyyyy", string(it.Value))
	})
}
