package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
)

// request is what a try sends.
type request struct {
	method, path string // the path is escaped
	query        string
	header       http.Header
	body         []byte
	limit        int64 // the longest body of an answer that makes sense
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	problem server.Problem // of an answer that is not a success
	sends   int            // how often the request was handed to a connection
}

// keyPath returns the escaped path of a key. Dots need no escape in general;
// but a segment of one or two would be taken for a direction on the way.
func keyPath(key string) string {
	if key == "." || key == ".." {
		return "/kv/" + strings.ReplaceAll(key, ".", "%2E")
	}
	return "/kv/" + url.PathEscape(key)
}

func queryOf(r kv.Range) string {
	q := url.Values{}
	if r.Prefix != "" {
		q.Set("prefix", r.Prefix)
	}
	if r.After != "" {
		q.Set("after", r.After)
	}
	if r.Limit != 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	return q.Encode()
}

// try sends q once and returns the whole answer. An error means that there is
// none; then answer.sends says whether q can have reached the server.
//
// The transport may send a request a second time by itself, when a connection
// that it had kept turns out to be closed. That too counts as a send.
func (c *Client) try(ctx context.Context, q request) (a answer, err error) {
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { a.sends++ }}
	req, err := c.httpRequest(httptrace.WithClientTrace(ctx, trace), q)
	if err != nil {
		return a, err
	}
	resp, err := c.wire.RoundTrip(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	limit := max(q.limit, 64<<10)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return a, fmt.Errorf("the answer broke off: %w", err)
	case int64(len(body)) > limit:
		return a, fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	a.status, a.header, a.body = resp.StatusCode, resp.Header, body
	if a.status >= 300 {
		// What is no problem of ours keeps the zero Code.
		_ = json.Unmarshal(body, &a.problem)
	}
	return a, nil
}

func (c *Client) httpRequest(ctx context.Context, q request) (*http.Request, error) {
	target := c.base + q.path + "?" + q.query
	req, err := http.NewRequestWithContext(ctx, q.method, strings.TrimSuffix(target, "?"), bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, q.header)
	return req, nil
}

// version reads the version of what the answer is about.
func (a answer) version() (kv.Version, error) {
	v, err := server.ParseETag(a.header.Get("ETag"))
	if err != nil {
		return 0, fmt.Errorf("the answer's ETag is %w", err)
	}
	return v, nil
}

// refusal turns an answer that is not a success into an error. It is wrapped in
// again if a later try may have better luck.
func (a answer) refusal() error {
	text := a.problem.Detail
	if a.problem.Code == "" {
		text = fmt.Sprintf("%.200q, which is not an answer of this kind of server", a.body)
	}
	err := fmt.Errorf("the server says: %s (%d %s)", text, a.status, http.StatusText(a.status))
	switch {
	case a.problem.Code == server.CodeInvalid || a.problem.Code == server.CodeTooLarge:
		return fmt.Errorf("%w: %w", kv.ErrInvalid, err)
	case a.status == http.StatusServiceUnavailable || a.status == http.StatusRequestTimeout,
		a.problem.Code == "" && a.status >= 500:
		return again{err: err, after: a.retryAfter()}
	}
	return err
}

// retryAfter returns how long the server asks us to wait, in the form that our
// server uses: a number of seconds.
func (a answer) retryAfter() time.Duration {
	n, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}

// again is the error of a try after which another one makes sense.
type again struct {
	err   error
	after time.Duration // not before that
	now   bool          // without a pause
}

func (a again) Error() string { return a.err.Error() }
func (a again) Unwrap() error { return a.err }

// longestPause is the longest pause between two tries, whatever the server
// asks for.
const longestPause = 2 * time.Second

// retry calls try until it returns nil or an error that is not an again, or
// until the attempts or the time are used up. The pauses between the tries grow
// and are drawn at random, lest all the clients that met the same trouble come
// back at the same instant.
func (c *Client) retry(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	pause := c.config.Backoff
	for n := 1; ; n++ {
		err := c.once(ctx, try)
		a, ok := err.(again)
		switch {
		case !ok:
			return err
		case n == c.config.Attempts || ctx.Err() != nil:
			return fmt.Errorf("%w (tries: %d)", a.err, n)
		case a.now:
			continue
		}
		wait := max(rand.N(pause)+1, min(a.after, longestPause))
		pause = min(2*pause, longestPause)
		if !sleep(ctx, wait) {
			return fmt.Errorf("%w (tries: %d)", a.err, n)
		}
	}
}

func (c *Client) once(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.TryTimeout)
	defer cancel()
	return try(ctx)
}

// sleep waits, and reports whether ctx still lives afterwards.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
