package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
)

// write is a command on its way to the server.
//
// Invariant: if no try can have reached the server, maybe is false. Once it is
// true, only the answer to the command itself settles what happened: that a
// later try was refused says nothing of an earlier one, which may still be
// somewhere on the wire.
type write struct {
	client  *Client
	command kv.Command
	number  uint64 // 0: none yet, or none in the client's present session
	maybe   bool
	result  kv.Result
}

// try sends the command once, in a session.
func (w *write) try(ctx context.Context) error {
	if err := w.identify(ctx); err != nil {
		return err
	}
	a, err := w.client.try(ctx, w.request())
	if err != nil {
		w.maybe = w.maybe || a.sends > 0
		return again{err: err}
	}
	if done, err := w.read(a); done {
		return err
	}
	// A refusal is about the last send. If there were others, they are open.
	w.maybe = w.maybe || a.sends > 1
	if a.problem.Code == server.CodeForgotten && !w.maybe {
		// Nothing has been applied under this number, so it can be exchanged.
		w.client.session, w.number = "", 0
		return again{err: errors.New("the server forgets sessions as fast as they are opened"), now: true}
	}
	w.maybe = w.maybe || mayHaveHappened(a.problem.Code)
	return a.refusal()
}

// mayHaveHappened says whether a refusal with this code leaves the outcome
// open. No code at all: it is not our server that answers, but a gateway,
// perhaps, that has passed the request on.
func mayHaveHappened(code server.Code) bool {
	switch code {
	case server.CodeForgotten, server.CodeSuperseded, server.CodeUnknown, server.CodeInProgress, "":
		return true
	}
	return false
}

// identify opens a session if there is none, and takes a number if the command
// has none. A session that is opened twice does no harm: one of the two is
// never used, and forgotten some day.
func (w *write) identify(ctx context.Context) error {
	c := w.client
	if c.session == "" {
		id, err := c.openSession(ctx)
		if err != nil {
			return err
		}
		c.session, c.number = id, 0
	}
	if w.number == 0 {
		c.number++
		w.number = c.number
	}
	return nil
}

func (c *Client) openSession(ctx context.Context) (session.ID, error) {
	a, err := c.try(ctx, request{method: http.MethodPost, path: "/sessions", limit: 1 << 10})
	switch {
	case err != nil:
		return "", again{err: fmt.Errorf("open a session: %w", err)}
	case a.status != http.StatusCreated:
		return "", a.refusal()
	}
	var opened struct{ Session session.ID }
	if err := json.Unmarshal(a.body, &opened); err != nil || opened.Session == "" {
		return "", fmt.Errorf("open a session: the answer is %.80q", a.body)
	}
	return opened.Session, nil
}

// request returns the HTTP form of the command.
func (w *write) request() request {
	id := session.Identity{Session: w.client.session, Number: w.number}
	q := request{
		method: http.MethodPut,
		path:   keyPath(w.command.Key),
		header: http.Header{"Idempotency-Key": {id.String()}},
		body:   w.command.Value,
	}
	if w.command.Op == kv.OpDelete {
		q.method, q.body = http.MethodDelete, nil
	}
	switch c := w.command.If; {
	case c.Checked && c.Version == 0:
		q.header["If-None-Match"] = []string{"*"}
	case c.Checked:
		q.header["If-Match"] = []string{server.ETag(c.Version)}
	}
	return q
}

// read takes the result from an answer, if there is one in it.
func (w *write) read(a answer) (done bool, err error) {
	switch {
	case a.status == http.StatusNoContent:
		v, err := a.version()
		if err != nil { // it was done, but when?
			w.maybe = true
		}
		w.result = kv.Result{Status: kv.Done, Version: v}
		return true, err
	case a.problem.Code == server.CodeConflict && a.problem.Version != nil:
		w.result = kv.Result{Status: kv.Conflict, Version: *a.problem.Version}
		return true, nil
	case a.problem.Code == server.CodeNotFound && w.command.Op == kv.OpDelete:
		w.result = kv.Result{Status: kv.NotFound}
		return true, nil
	}
	return false, nil
}
