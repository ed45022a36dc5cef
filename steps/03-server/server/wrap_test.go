package server_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
)

// moved is a store that is somewhere else.
type moved struct{ *session.Store }

func (moved) problem() *server.Problem {
	p := server.NewProblem(http.StatusTemporaryRedirect, "moved", "ask %s", "the other one")
	p.Elsewhere = "http://other:1"
	p.Header = http.Header{"Why": {"holidays"}}
	return p
}

func (m moved) Get(context.Context, string) (kv.Item, error)      { return kv.Item{}, m.problem() }
func (m moved) Do(context.Context, kv.Command) (kv.Result, error) { return kv.Result{}, m.problem() }
func (m moved) Scan(context.Context, kv.Range) (kv.Page, error)   { return kv.Page{}, m.problem() }
func (m moved) OpenSession(context.Context) (session.ID, error)   { return "", m.problem() }

func TestAStoreMayAnswerWithAProblemOfItsOwn(t *testing.T) {
	// Whatever a wrap does, Location is where the client would have gone.
	bare := func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.URL.RawQuery = ""
			inner.ServeHTTP(w, r)
		})
	}
	for _, config := range []server.Config{{}, {Wrap: bare}} {
		r := startOnLoopback(t, moved{newStore()}, config)
		for path, method := range map[string]string{
			"/kv/k":                   "GET",
			"/kv/a//b/%2F/..":         "PUT",
			"/kv/%C3%A9%3F":           "DELETE",
			"/kv?prefix=a%26&limit=3": "GET",
			"/sessions":               "POST",
		} {
			a := r.do(method, path, "")
			require.Equal(t, 307, a.StatusCode, path)
			require.Equal(t, "http://other:1"+path, a.Header.Get("Location"))
			require.Equal(t, "holidays", a.Header.Get("Why"))
			require.JSONEq(t, `{"title":"Temporary Redirect","status":307,"code":"moved","detail":"ask the other one"}`, a.body)
		}
	}
}

func TestAProblemMayAskForMorePatienceThanOurs(t *testing.T) {
	p := server.NewProblem(http.StatusServiceUnavailable, "shy", "later")
	p.Header = http.Header{"Retry-After": {"7"}}
	r := startOnLoopback(t, newStore(), server.Config{Wrap: func(http.Handler) http.Handler { return p }})
	a := r.do("PUT", "/kv/k", strings.Repeat("v", 1<<20))
	require.EqualValues(t, "shy", a.code())
	require.Equal(t, []string{"7"}, a.Header["Retry-After"])
	require.True(t, a.Close, "the body of that is not waited for")
}

type noteKey struct{}

// noting is a store that says in a note, if there is one, what it found.
type noting struct{ *session.Store }

func (n noting) Get(ctx context.Context, key string) (kv.Item, error) {
	if h, ok := ctx.Value(noteKey{}).(http.Header); ok {
		h.Set("Note", "looked for "+key)
	}
	return n.Store.Get(ctx, key)
}

// note is a wrap that hands the header of the answer to the store, takes away a
// query that the server does not know, and has an answer of its own.
func note(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" && r.URL.Path == "/hello" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		ctx := context.WithValue(r.Context(), noteKey{}, w.Header())
		r = r.Clone(ctx)
		q, _ := url.ParseQuery(r.URL.RawQuery)
		q.Del("note")
		r.URL.RawQuery = q.Encode()
		inner.ServeHTTP(w, r)
	})
}

func TestAWrapTellsTheStoreMoreAndAnswersMore(t *testing.T) {
	r := startOnLoopback(t, noting{newStore()}, server.Config{Wrap: note})
	require.Equal(t, 204, r.do("PUT", "/kv/k", "v").StatusCode)
	a := r.do("GET", "/kv/k?note=yes", "")
	require.Equal(t, "v", a.body)
	require.Equal(t, "looked for k", a.Header.Get("Note"))
	require.Equal(t, "looked for gone", r.do("GET", "/kv/gone", "").Header.Get("Note"), "of a problem, too")
	require.Equal(t, server.CodeInvalid, r.do("GET", "/kv/k?other=yes", "").code())
	require.Equal(t, 202, r.do("POST", "/hello", "").StatusCode)
	require.Equal(t, server.CodeNoSuchPath, r.do("GET", "/hello", "").code())
}

// The limit on connections cuts those that keep us waiting, and spares those
// whose request the store has; it has to tell them apart through a wrap, too.
func TestBehindAWrapTheStoreIsAtWorkUndisturbed(t *testing.T) {
	g := newGated()
	r := startOnLoopback(t, g, server.Config{Connections: 2, Wrap: note})
	busy := r.connect()
	busy.get("/kv/k")
	<-g.entered
	for range 5 {
		other := r.connect()
		other.get("/nothing")
		require.Equal(t, 404, other.mustRead().StatusCode)
	}
	close(g.release)
	require.Equal(t, 200, busy.mustRead().StatusCode)
}

func TestWhileTheServerDrainsAWrapIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		r := startInMemory(t, g, server.Config{Wrap: note})
		busy, late := r.connect(), r.connect()
		busy.get("/kv/k")
		<-g.entered
		r.stop()
		synctest.Wait()
		late.send("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		require.Equal(t, server.CodeDraining, late.mustRead().code())
		close(g.release)
		a := busy.mustRead()
		require.Equal(t, 200, a.StatusCode)
		require.True(t, a.Close)
		require.NoError(t, <-r.ended)
	})
}
