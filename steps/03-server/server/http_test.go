package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
)

func TestEveryRequestGetsTheAnswerThatItsPathAndMethodPromise(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{})
	for _, c := range []struct {
		method, path, body string
		status             int
		etag, want         string
		headers            []string
	}{
		{"PUT", "/kv/k", "one", 204, `"1"`, "", nil},
		{"GET", "/kv/k", "", 200, `"1"`, "one", nil},
		{"HEAD", "/kv/k", "", 200, `"1"`, "", nil},
		{"PUT", "/kv/k", "two", 204, `"2"`, "", []string{`If-Match: "1"`}},
		{"PUT", "/kv/new", "", 204, `"3"`, "", []string{`If-None-Match: *`}},
		{"GET", "/kv/new", "", 200, `"3"`, "", nil},
		{"PUT", "/kv/newer", "x", 204, `"4"`, "", []string{`If-Match: "0"`}},
		{"DELETE", "/kv/newer", "", 204, `"5"`, "", []string{`If-Match: "4"`}},
		{"DELETE", "/kv/new", "", 204, `"6"`, "", nil},
		{"GET", "/kv", "", 200, "", `{"items":[{"key":"k","value":"dHdv","version":2}],"more":false}` + "\n", nil},
		{"HEAD", "/kv", "", 200, "", "", nil},
		{"GET", "/kv?prefix=x", "", 200, "", `{"items":[],"more":false}` + "\n", nil},
		{"POST", "/sessions", "", 201, "", `{"session":"inc-1"}` + "\n", nil},
	} {
		a := r.do(c.method, c.path, c.body, c.headers...)
		name := c.method + " " + c.path
		require.Equal(t, c.status, a.StatusCode, name)
		require.Equal(t, c.etag, a.Header.Get("ETag"), name)
		require.Equal(t, c.want, a.body, name)
	}
}

func TestEveryRefusalHasItsCode(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{})
	require.Equal(t, 204, r.do("PUT", "/kv/k", "one").StatusCode)
	require.Equal(t, 201, r.do("POST", "/sessions", "").StatusCode)
	require.Equal(t, 204, r.do("PUT", "/kv/k", "two", "Idempotency-Key: inc-1/2").StatusCode)
	long := strings.Repeat("k", kv.MaxKey+1)
	for _, c := range []struct {
		method, path string
		status       int
		code         server.Code
		says         string
		headers      []string
	}{
		{"GET", "/kv/absent", 404, server.CodeNotFound, `"absent" is absent`, nil},
		{"DELETE", "/kv/absent", 404, server.CodeNotFound, `"absent" is absent`, nil},
		{"DELETE", "/kv/absent", 404, server.CodeNotFound, "absent", []string{`If-None-Match: *`}},
		{"PUT", "/kv/k", 412, server.CodeConflict, `"k" is at version 2`, []string{`If-None-Match: *`}},
		{"DELETE", "/kv/k", 412, server.CodeConflict, `"k" is at version 2`, []string{`If-Match: "1"`}},
		{"PUT", "/kv/absent", 412, server.CodeConflict, `"absent" is absent`, []string{`If-Match: "1"`}},

		{"GET", "/", 404, server.CodeNoSuchPath, "/kv/{key}", nil},
		{"GET", "//kv/k", 404, server.CodeNoSuchPath, "//kv/k", nil},
		{"GET", "/x/../kv/k", 404, server.CodeNoSuchPath, "/x/../kv/k", nil},
		{"GET", "/kv%2Fk", 404, server.CodeNoSuchPath, "/kv%2Fk", nil},
		{"POST", "/kv/k", 405, server.CodeMethod, "GET, HEAD, PUT, DELETE", nil},
		{"PUT", "/kv", 405, server.CodeMethod, "GET, HEAD", nil},
		{"GET", "/sessions", 405, server.CodeMethod, "POST", nil},
		{"DELETE", "/status", 405, server.CodeMethod, "GET, HEAD", nil},

		{"GET", "/kv/", 400, server.CodeInvalid, "empty", nil},
		{"GET", "/kv/" + long, 400, server.CodeInvalid, "the limit is 1024", nil},
		{"GET", "/kv/%FF", 400, server.CodeInvalid, "not UTF-8", nil},
		{"GET", "/kv/k?x", 400, server.CodeInvalid, "%3F", nil},
		{"GET", "/kv/k?", 400, server.CodeInvalid, "%3F", nil},
		{"GET", "/kv?limit=-1", 400, server.CodeInvalid, "a number from 1 to 1000", nil},
		{"GET", "/kv?limit=many", 400, server.CodeInvalid, "a number from 1 to 1000", nil},
		{"GET", "/kv?limit=", 400, server.CodeInvalid, "a number from 1 to 1000", nil},
		{"GET", "/kv?limit=1&limit=2", 400, server.CodeInvalid, "send it once", nil},
		{"GET", "/kv?limt=1", 400, server.CodeInvalid, "prefix, after and limit", nil},
		{"GET", "/kv?prefix=a;b", 400, server.CodeInvalid, "%3B", nil},
		{"GET", "/kv?prefix=%zz", 400, server.CodeInvalid, "%25", nil},

		{"PUT", "/kv/k", 400, server.CodeInvalid, `such as "17"`, []string{`If-Match: 1`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, `such as "17"`, []string{`If-Match: W/"1"`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, `such as "17"`, []string{`If-Match: *`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, `such as "17"`, []string{`If-Match: "1", "2"`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, `such as "17"`, []string{`If-Match: "01"`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, `such as "17"`, []string{`If-Match: "18446744073709551616"`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, "send it once", []string{`If-Match: "1"`, `If-Match: "1"`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, "it must be *", []string{`If-None-Match: "1"`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, "not both", []string{`If-Match: "1"`, `If-None-Match: *`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, "SESSION/NUMBER", []string{`Idempotency-Key: inc-1`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, "SESSION/NUMBER", []string{`Idempotency-Key: inc-1/0`}},
		{"PUT", "/kv/k", 400, server.CodeInvalid, "send it once", []string{`Idempotency-Key: inc-1/1`, `Idempotency-Key: inc-1/1`}},
		{"PUT", "/kv/k", 409, server.CodeSuperseded, "it may have happened", []string{`Idempotency-Key: inc-1/1`}},
		{"PUT", "/kv/k", 410, server.CodeForgotten, "it may have happened", []string{`Idempotency-Key: old-1/1`}},
	} {
		a := r.do(c.method, c.path, "", c.headers...)
		name := fmt.Sprintf("%.40s %.40s %s", c.method, c.path, c.headers)
		require.Equal(t, c.status, a.StatusCode, name)
		require.Equal(t, c.code, a.code(), name)
		require.Contains(t, strings.ReplaceAll(a.body, `\"`, `"`), c.says, name)
		if c.status == 405 {
			require.Equal(t, c.says, a.Header.Get("Allow"), name)
		}
	}
	require.Equal(t, "two", r.do("GET", "/kv/k", "").body, "a refusal changes nothing")
}

func TestAReadTakesTheConditionsOfHTTP(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{})
	require.Equal(t, 204, r.do("PUT", "/kv/k", "one").StatusCode)
	for _, c := range []struct {
		path    string
		status  int
		headers []string
	}{
		{"/kv/k", 304, []string{`If-None-Match: "1"`}},
		{"/kv/k", 304, []string{`If-None-Match: W/"1"`}},
		{"/kv/k", 304, []string{`If-None-Match: "7", "1"`}},
		{"/kv/k", 304, []string{`If-None-Match: "7"`, `If-None-Match: "1"`}},
		{"/kv/k", 304, []string{`If-None-Match: *`}},
		{"/kv/k", 304, []string{`If-Match: "1"`, `If-None-Match: "1"`}},
		{"/kv/k", 200, []string{`If-None-Match: "7"`}},
		{"/kv/k", 200, []string{`If-Match: "7", "1"`}},
		{"/kv/k", 200, []string{`If-Match: *`}},
		{"/kv/k", 412, []string{`If-Match: "7"`}},
		{"/kv/k", 412, []string{`If-Match: W/"1"`}},
		{"/kv/absent", 404, []string{`If-None-Match: *`}},
		{"/kv/absent", 404, []string{`If-Match: "1"`}},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := r.do(method, c.path, "", c.headers...)
			require.Equal(t, c.status, a.StatusCode, "%s %s", method, c.headers)
			switch {
			case c.status < 400:
				require.Equal(t, `"1"`, a.Header.Get("ETag"))
			case method == "GET":
				require.Contains(t, []server.Code{server.CodeConflict, server.CodeNotFound}, a.code())
			}
			require.Equal(t, c.status == 200 && method == "GET", a.body == "one")
		}
	}
}

func TestAConflictSaysTheVersionEvenIfThatIsZero(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{})
	require.Contains(t, r.do("PUT", "/kv/k", "", `If-Match: "7"`).body, `"version":0}`)
	r.do("PUT", "/kv/k", "")
	require.Contains(t, r.do("PUT", "/kv/k", "", `If-Match: "7"`).body, `"version":2}`)
}

func TestOddKeysAreKeysLikeOthers(t *testing.T) {
	store := newStore()
	r := startOnLoopback(t, store, server.Config{})
	for path, key := range map[string]string{
		"a//b": "a//b", "a/b": "a/b", "a%2Fb": "a/b", "/": "/", "//": "//", ".": ".", "..": "..", "%2E%2E": "..", "%2e": ".",
		"a/../b": "a/../b", "./a": "./a", "%2F": "/", "%252F": "%2F", "%3Fx": "?x", "a+b": "a+b", "a%2Bb": "a+b",
		"%20": " ", "%0A": "\n", "%00": "\x00", "%C3%A9": "é", "e%CC%81": "e\u0301", "%E2%82%AC": "€", "a%23b": "a#b",
		"a;b=c": "a;b=c", "kv": "kv", "a:b": "a:b",
	} {
		a := r.do("PUT", "/kv/"+path, path)
		require.Equal(t, 204, a.StatusCode, path)
		it, err := store.Get(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, path, string(it.Value), "the key %q by its path", key)
		require.Equal(t, path, r.do("GET", "/kv/"+path, "").body)
		page := r.do("GET", "/kv?limit=1&prefix="+url.QueryEscape(key), "").body
		require.NotContains(t, page, `"items":[]`, "the key %q as a prefix", key)
	}
}

func TestAScanGoesOnAfterTheLastKey(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{})
	for _, key := range []string{"a", "b", "c"} {
		r.do("PUT", "/kv/"+key, "")
	}
	require.JSONEq(t, `{"items":[{"key":"a","value":"","version":1},{"key":"b","value":"","version":2}],"more":true}`,
		r.do("GET", "/kv?limit=2", "").body)
	require.JSONEq(t, `{"items":[{"key":"c","value":"","version":3}],"more":false}`,
		r.do("GET", "/kv?limit=2&after=b", "").body)
}

func TestARepeatedRequestIsAppliedOnce(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{})
	r.do("POST", "/sessions", "")
	first := r.do("PUT", "/kv/k", "1", "Idempotency-Key: inc-1/1")
	require.Equal(t, `"1"`, first.Header.Get("ETag"))
	require.Equal(t, 204, r.do("PUT", "/kv/k", "2").StatusCode)
	again := r.do("PUT", "/kv/k", "1", "Idempotency-Key: inc-1/1")
	require.Equal(t, 204, again.StatusCode)
	require.Equal(t, `"1"`, again.Header.Get("ETag"))
	require.Equal(t, "2", r.do("GET", "/kv/k", "").body)
}

// failing is a store that answers every write with an error.
type failing struct {
	server.Store
	err error
}

func (f failing) Do(context.Context, kv.Command) (kv.Result, error) { return kv.Result{}, f.err }

func TestTheThreeOutcomesHaveDifferentCodes(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   server.Code
	}{
		{errors.New("disk on fire"), 500, server.CodeFailed},
		{fmt.Errorf("lost: %w", kv.ErrUnknown), 500, server.CodeUnknown},
		{fmt.Errorf("lost: %w", session.ErrForgotten), 410, server.CodeForgotten},
		{fmt.Errorf("bad: %w", kv.ErrInvalid), 400, server.CodeInvalid},
		{context.DeadlineExceeded, 503, server.CodeOverloaded},
	} {
		r := startOnLoopback(t, failing{newStore(), c.err}, server.Config{})
		a := r.do("PUT", "/kv/k", "")
		require.Equal(t, c.status, a.StatusCode)
		require.Equal(t, c.code, a.code())
	}
}

func TestStatusSaysWhatTheServerIsAndHowBusy(t *testing.T) {
	r := startOnLoopback(t, newStore(), server.Config{Status: func() map[string]any { return map[string]any{"sessions": 3} }})
	require.JSONEq(t, `{"role":"single","connections":1,"in_flight":0,"sessions":3}`, r.do("GET", "/status", "").body)
}

func TestAPortInUseSaysHowToPickAnother(t *testing.T) {
	l, err := server.Listen("127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = server.Listen(l.Addr().String())
	require.ErrorContains(t, err, "-listen")
	_, err = server.Listen("nonsense")
	require.ErrorContains(t, err, "HOST:PORT")
}
