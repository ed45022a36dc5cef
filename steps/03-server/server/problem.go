package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
)

// Code is the stable name of a kind of problem. Programs compare it; the rest
// of a Problem is for people, and may change.
type Code string

// The codes. The package comment says what each of them means.
const (
	CodeInvalid    Code = "invalid"
	CodeNotFound   Code = "not-found"
	CodeNoSuchPath Code = "no-such-path"
	CodeMethod     Code = "method-not-allowed"
	CodeSlow       Code = "slow-request"
	CodeSuperseded Code = "request-superseded"
	CodeForgotten  Code = "session-forgotten"
	CodeConflict   Code = "conflict"
	CodeTooLarge   Code = "too-large"
	CodeFailed     Code = "failed"
	CodeUnknown    Code = "unknown"
	CodeOverloaded Code = "overloaded"
	CodeDraining   Code = "draining"
	CodeInProgress Code = "in-progress"
)

// Problem is the body of every answer that is not a success (RFC 9457). A store
// that returns one as its error says by itself what the answer is. It is a
// handler, too, which answers every request with that.
type Problem struct {
	Title   string      `json:"title"`
	Status  int         `json:"status"`
	Code    Code        `json:"code"`
	Detail  string      `json:"detail"`
	Version *kv.Version `json:"version,omitempty"` // conflict only: the key's current version

	Header http.Header `json:"-"` // further headers of the answer, such as Allow
	// Elsewhere is the URL of another server, such as http://HOST:PORT, if the
	// request belongs there: the answer's Location is the same path and query at
	// that server. The status should be 307, which keeps method and body.
	Elsewhere string `json:"-"`
}

func (p *Problem) Error() string { return p.Detail }

// ServeHTTP answers a request with the problem.
func (p *Problem) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.reply().send(w, r) }

// NewProblem returns a problem with the title that belongs to the status.
func NewProblem(status int, code Code, format string, args ...any) *Problem {
	return &Problem{
		Title:  http.StatusText(status),
		Status: status,
		Code:   code,
		Detail: fmt.Sprintf(format, args...),
	}
}

func invalid(format string, args ...any) *Problem {
	return NewProblem(http.StatusBadRequest, CodeInvalid, format, args...)
}

// problemOf turns any error into a problem. What it does not know is a failure
// of the store; and a store's error that does not wrap kv.ErrUnknown means
// that nothing has happened.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	status, code := http.StatusInternalServerError, CodeFailed
	switch {
	case errors.Is(err, session.ErrForgotten):
		status, code = http.StatusGone, CodeForgotten
	case errors.Is(err, session.ErrSuperseded):
		status, code = http.StatusConflict, CodeSuperseded
	case errors.Is(err, session.ErrInProgress):
		status, code = http.StatusServiceUnavailable, CodeInProgress
	case errors.Is(err, kv.ErrUnknown):
		code = CodeUnknown
	case errors.Is(err, kv.ErrInvalid):
		status, code = http.StatusBadRequest, CodeInvalid
	case errors.Is(err, kv.ErrOverloaded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		status, code = http.StatusServiceUnavailable, CodeOverloaded
	}
	return NewProblem(status, code, "%v", err)
}

// conflict says that a condition did not hold.
func conflict(key string, v kv.Version) *Problem {
	p := NewProblem(http.StatusPreconditionFailed, CodeConflict, "%q is at version %d", key, v)
	if v == 0 {
		p.Detail = fmt.Sprintf("%q is absent", key)
	}
	p.Version = &v
	return p
}

// reply returns the answer that carries the problem.
func (p *Problem) reply() reply {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return reply{status: p.Status, kind: problemJSON, body: append(body, '\n'), problem: p}
}

func (p *Problem) setHeader(h http.Header, r *http.Request) {
	if p.Status == http.StatusServiceUnavailable {
		h["Retry-After"] = []string{"1"} // second
	}
	if p.Elsewhere != "" {
		h["Location"] = []string{p.Elsewhere + target(r)}
	}
	maps.Copy(h, p.Header)
}

// target returns path and query of a request as they came over the wire,
// whatever a Config.Wrap has done to r.URL.
func target(r *http.Request) string {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil { // there was no wire
		u = r.URL
	}
	return u.RequestURI()
}
