package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

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

// Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Title   string      `json:"title"`
	Status  int         `json:"status"`
	Code    Code        `json:"code"`
	Detail  string      `json:"detail"`
	Version *kv.Version `json:"version,omitempty"` // conflict only: the key's current version

	allow string // method-not-allowed only: the methods that there are
}

func (p *Problem) Error() string { return p.Detail }

func problem(status int, code Code, format string, args ...any) *Problem {
	return &Problem{
		Title:  http.StatusText(status),
		Status: status,
		Code:   code,
		Detail: fmt.Sprintf(format, args...),
	}
}

func invalid(format string, args ...any) *Problem {
	return problem(http.StatusBadRequest, CodeInvalid, format, args...)
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
	return problem(status, code, "%v", err)
}

// conflict says that a condition did not hold.
func conflict(key string, v kv.Version) *Problem {
	p := problem(http.StatusPreconditionFailed, CodeConflict, "%q is at version %d", key, v)
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

func (p *Problem) setHeader(h http.Header) {
	if p.Status == http.StatusServiceUnavailable {
		h["Retry-After"] = []string{"1"} // second
	}
	if p.allow != "" {
		h["Allow"] = []string{p.allow}
	}
}
