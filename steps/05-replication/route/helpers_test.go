package route_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/route"
)

// fake is a server that does as a test says, and writes down what it is asked.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // METHOD PATH?QUERY
	answer http.HandlerFunc
}

func newFake(t *testing.T, answer http.HandlerFunc) *fake {
	f := &fake{answer: answer}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.RequestURI)
	answer := f.answer
	f.mu.Unlock()
	answer(w, r)
}

// takes returns what f has been asked since the last time, and changes what it
// answers from now on, unless that is nil.
func (f *fake) takes(answer http.HandlerFunc) (asked []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked, f.asked = f.asked, nil
	if answer != nil {
		f.answer = answer
	}
	return asked
}

// leads is the answer of a server that does what it is asked for.
func leads(w http.ResponseWriter, r *http.Request) { at("")(w, r) }

// at does what it is asked for, and says what it shows.
func at(position string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if position != "" {
			w.Header().Set("Position", position)
		}
		switch {
		case r.URL.Path == "/sessions":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"session":"s-1"}`)
		case r.URL.Path == "/kv":
			fmt.Fprint(w, `{"items":[],"more":false}`)
		case r.Method == "GET":
			w.Header().Set("ETag", `"7"`)
			fmt.Fprint(w, "v")
		default:
			w.Header().Set("ETag", `"7"`)
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// to is the answer of a server that does not lead.
func to(leader *fake) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", leader.URL+r.RequestURI)
		refuse(307, "not-leader")(w, r)
	}
}

func refuse(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":%d,"code":%q,"detail":"because of %s"}`, status, code, code)
	}
}

// cut is the answer of a server whose answers do not arrive.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func dial(t *testing.T, level node.Level, servers ...*fake) *client.Client {
	var urls []string
	for _, f := range servers {
		urls = append(urls, f.URL)
	}
	c, err := route.Dial(strings.Join(urls, ","), level, client.Config{Backoff: time.Millisecond, Attempts: 6})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func put(t *testing.T, c *client.Client) error {
	_, err := c.Do(t.Context(), kv.Put("k", []byte("v")))
	return err
}

func get(t *testing.T, c *client.Client) error {
	_, err := c.Get(t.Context(), "k")
	return err
}

func scan(t *testing.T, c *client.Client, prefix string) error {
	_, err := c.Scan(t.Context(), kv.Range{Prefix: prefix})
	return err
}
