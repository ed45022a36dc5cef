// Package route answers: which of several servers does a client talk to?
//
// All of them have the same data, or will have it, and one of them leads. A
// Route stands between a client and its wire, sends each request to one of the
// servers, and learns from the answers:
//
//   - Writes go to the leader. Who does not lead answers 307, with the leader's
//     address; the next request goes there.
//   - A server that cannot be reached, does not answer in time or says that it
//     cannot serve is left for the next one of the list.
//   - Reads go to the leader, too, or at the levels session and stale to one
//     server that may be any: the first of the list, as long as it answers.
//
// A Route never sends a request twice. To be sent elsewhere is an answer like
// "I am busy": nothing has happened, ask again. So the client has one set of
// rules for when to ask again, how often, and what it knows afterwards; those
// of package client, for which one server and several are the same. And the
// numbers of its requests hold everywhere: which have been applied is part of
// what the servers copy from each other.
package route

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/service"
)

// position is the header of an answer that says where in the history that is
// which a write did or a read shows.
const position = "Position"

// codeBehind is for answers that show less than the client has seen.
const codeBehind server.Code = "behind"

// Dial returns a client of the servers at an address, URL[,URL...], which reads
// at the given level.
func Dial(address string, level node.Level, c client.Config) (*client.Client, error) {
	servers, err := Parse(address)
	if err != nil {
		return nil, err
	}
	r, inner := New(servers, level), c.Wrap
	c.Wrap = func(t http.RoundTripper) http.RoundTripper {
		if inner != nil {
			t = inner(t)
		}
		return r.Wrap(t)
	}
	return client.New(servers[0], c)
}

// Parse reads a list of servers, URL[,URL...]. Its errors wrap kv.ErrInvalid.
func Parse(address string) (servers []string, err error) {
	for text := range strings.SplitSeq(address, ",") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" ||
			u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, fmt.Errorf("%w server address %q: it must be http://HOST:PORT, or several of them with commas between", kv.ErrInvalid, text)
		}
		base := "http://" + u.Host
		if slices.Contains(servers, base) {
			return nil, fmt.Errorf("%w list of servers: %s comes twice", kv.ErrInvalid, base)
		}
		servers = append(servers, base)
	}
	return servers, nil
}

// ParseLevel reads the name of a level. Its errors wrap kv.ErrInvalid.
func ParseLevel(text string) (node.Level, error) {
	switch l := node.Level(text); l {
	case node.Leader, node.Session, node.Stale:
		return l, nil
	}
	return "", fmt.Errorf("%w level %q: it must be leader, session or stale", kv.ErrInvalid, text)
}

// Route knows the servers, and what one client has seen of them. Every client
// needs its own. Any number of goroutines may use it.
//
// Invariants:
//   - A request is sent at most once.
//   - leader and reader change only by an answer of the server that they name, or
//     its silence: of many requests that fail at one server, the first moves on.
type Route struct {
	servers []string
	level   node.Level
	mu      sync.Mutex
	leader  string // who is thought to lead
	reader  string // whom reads go to that any server may answer
	seen    seen   // at the level session
}

// New returns a route to servers, of which there must be one, as Parse returns
// them.
func New(servers []string, level node.Level) *Route {
	return &Route{servers: servers, level: level, leader: servers[0], reader: servers[0]}
}

// Wrap returns the route on top of a transport: see client.Config.
func (r *Route) Wrap(t http.RoundTripper) http.RoundTripper { return wire{r, t} }

// wire is a Route on top of a transport.
type wire struct {
	*Route
	transport http.RoundTripper
}

// trip is a request on its way.
type trip struct {
	read bool            // any server may answer
	at   string          // the server that is asked
	need []node.Position // what the answer must include
}

// RoundTrip implements http.RoundTripper.
func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	t := w.begin(req)
	out, err := w.addressed(req, t)
	if err != nil {
		return nil, err
	}
	resp, err := w.transport.RoundTrip(out)
	if err != nil {
		if req.Context().Err() != context.Canceled { // then it is not the server's fault
			w.moveOn(t)
		}
		return nil, err
	}
	return w.arrived(t, resp)
}

// begin decides where a request goes.
func (r *Route) begin(req *http.Request) trip {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := req.URL.EscapedPath()
	if r.level == node.Leader || req.Method != http.MethodGet || path != "/kv" && !strings.HasPrefix(path, "/kv/") {
		return trip{at: r.leader}
	}
	return trip{read: true, at: r.reader, need: slices.Clone(r.seen)}
}

// addressed returns a copy of req for the server that t names.
func (r *Route) addressed(req *http.Request, t trip) (*http.Request, error) {
	at, err := url.Parse(t.at)
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host, out.Host = at.Scheme, at.Host, at.Host
	if t.read {
		query := "read=" + string(r.level)
		if len(t.need) > 0 {
			query += "&seen=" + url.QueryEscape(t.need[0].String())
		}
		out.URL.RawQuery = strings.TrimPrefix(out.URL.RawQuery+"&"+query, "&")
	}
	return out, nil
}

// arrived learns from an answer, and returns what the client gets.
func (r *Route) arrived(t trip, resp *http.Response) (*http.Response, error) {
	switch resp.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusServiceUnavailable, http.StatusConflict:
	default:
		return r.learn(t, resp), nil
	}
	p, err := problemIn(resp)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusTemporaryRedirect:
		return r.redirected(t, resp, p), nil
	case p.Code == service.CodeVanished:
		r.forget(t)
	case resp.StatusCode == http.StatusConflict:
		return r.learn(t, resp), nil
	case p.Code != server.CodeOverloaded && p.Code != server.CodeInProgress:
		r.moveOn(t)
	}
	return resp, nil
}

// redirected follows a redirect, from the next request on, to whatever server
// it names: who can answer in a server's name could lie about the data, too. Two
// servers that send us to each other do so for as long as the client has attempts.
func (r *Route) redirected(t trip, resp *http.Response, p server.Problem) *http.Response {
	leader, err := resp.Location()
	if err != nil || leader.Scheme != "http" || "http://"+leader.Host == t.at {
		r.moveOn(t)
		return again(resp, service.CodeNotLeader, "%s sends us to %q, which is nowhere else", t.at, resp.Header.Get("Location"))
	}
	r.move(t, "http://"+leader.Host)
	return again(resp, service.CodeNotLeader, "%s sends us to http://%s: %s", t.at, leader.Host, p.Detail)
}

// learn notes what an answer shows. If that is not all that the client has seen,
// another try will have better luck.
func (r *Route) learn(t trip, resp *http.Response) *http.Response {
	at, err := node.ParsePosition(resp.Header.Get(position))
	if err != nil || r.level != node.Session {
		return resp
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.read {
		r.seen.add(at)
		return resp
	}
	if r.seen.shown(t.need, at) {
		return resp
	}
	resp.Body.Close()
	return again(resp, codeBehind, "%s has not got beyond %v yet", t.at, at)
}

// forget drops what the servers do not have any more, so that the client can go
// on. That it has to is the error that it gets.
func (r *Route) forget(t trip) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(t.need) > 0 {
		r.seen.drop(t.need[0])
	}
}

// moveOn leaves the server of t for the next one of the list.
func (r *Route) moveOn(t trip) {
	i := slices.Index(r.servers, t.at) // -1 if we were sent there
	r.move(t, r.servers[(i+1)%len(r.servers)])
}

func (r *Route) move(t trip, to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place := &r.leader
	if t.read {
		place = &r.reader
	}
	if *place == t.at {
		*place = to
	}
}

// problemIn reads the problem in an answer, and leaves it there. What is none of
// ours has no code.
func problemIn(resp *http.Response) (p server.Problem, err error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	resp.Body.Close()
	if err != nil {
		return p, fmt.Errorf("the answer broke off: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	_ = json.Unmarshal(body, &p)
	return p, nil
}

// again returns, in the place of an answer, one that says that nothing has
// happened and that the next try may follow at once.
func again(instead *http.Response, code server.Code, format string, args ...any) *http.Response {
	p := server.NewProblem(http.StatusServiceUnavailable, code, format, args...)
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return &http.Response{
		Status: "503 " + p.Title, StatusCode: p.Status,
		Proto: instead.Proto, ProtoMajor: instead.ProtoMajor, ProtoMinor: instead.ProtoMinor,
		Header:        http.Header{"Content-Type": {"application/problem+json"}, "Retry-After": {"0"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       instead.Request,
	}
}
