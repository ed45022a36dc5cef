package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
)

// reply is an answer that is ready to be sent.
type reply struct {
	status  int
	kind    []string // the Content-Type; nil if there is no body
	body    []byte
	version kv.Version // the ETag, unless 0
	problem *Problem   // may ask for further headers
	leave   func()     // if there is one: gives back the room that body takes
}

// The values of Content-Type. Headers are lists.
var (
	rawBytes    = []string{"application/octet-stream"}
	jsonText    = []string{"application/json"}
	problemJSON = []string{"application/problem+json"}
)

// errBusy is the answer to what is one too many.
var errBusy = problemOf(kv.ErrOverloaded)

// serve is the handler of all requests.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	a, err := s.route(w, r)
	if err != nil {
		a = problemOf(err).reply()
	}
	if a.leave != nil {
		defer a.leave()
	}
	if s.draining.Load() {
		w.Header()["Connection"] = []string{"close"}
	}
	a.send(w, r)
	s.log(r, a.status, err, began)
}

// send answers r.
func (a reply) send(w http.ResponseWriter, r *http.Request) {
	a.setHeader(w.Header(), r)
	if r.Body != http.NoBody {
		// A request that was refused may still have its body to come. Left
		// alone, net/http would wait for that before it lets the answer go.
		w.Header()["Connection"] = []string{"close"}
	}
	w.WriteHeader(a.status)
	w.Write(a.body) // if that fails the client has gone, or is cut
}

func (a reply) setHeader(h http.Header, r *http.Request) {
	if a.kind != nil {
		h["Content-Type"] = a.kind
		h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
	if a.version != 0 {
		h["Etag"] = []string{ETag(a.version)}
	}
	if a.problem != nil {
		a.problem.setHeader(h, r)
	}
}

// log tells of a request: aloud if the store failed, else to those who debug.
// A refusal because of too much load must not add to the load.
func (s *Server) log(r *http.Request, status int, err error, began time.Time) {
	level := slog.LevelDebug
	if status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !s.config.Log.Enabled(r.Context(), level) {
		return
	}
	s.config.Log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.EscapedPath(),
		"status", status, "took", time.Since(began), "error", err)
}

// route goes by the escaped path, because a key may hold anything. ServeMux
// would first clean the path, and then a//b and a/b were the same key.
func (s *Server) route(w http.ResponseWriter, r *http.Request) (reply, error) {
	if s.draining.Load() {
		return reply{}, NewProblem(http.StatusServiceUnavailable, CodeDraining, "the server is about to stop")
	}
	path := r.URL.EscapedPath()
	if key, ok := strings.CutPrefix(path, "/kv/"); ok {
		return s.key(w, r, key)
	}
	switch path {
	case "/kv":
		return s.only(r, "GET, HEAD", s.scan)
	case "/status":
		return s.only(r, "GET, HEAD", s.status)
	case "/sessions":
		return s.only(r, "POST", s.openSession)
	}
	return reply{}, NewProblem(http.StatusNotFound, CodeNoSuchPath,
		"there is nothing at %.80q; there are /kv/{key}, /kv, /sessions and /status", path)
}

// only calls f if the request has one of the methods in allow.
func (s *Server) only(r *http.Request, allow string, f func(*http.Request) (reply, error)) (reply, error) {
	for m := range strings.SplitSeq(allow, ", ") {
		if r.Method == m {
			return f(r)
		}
	}
	return reply{}, wrongMethod(r, allow)
}

func wrongMethod(r *http.Request, allow string) *Problem {
	p := NewProblem(http.StatusMethodNotAllowed, CodeMethod, "%.80q is not for this path, which takes %s", r.Method, allow)
	p.Header = http.Header{"Allow": {allow}}
	return p
}

// key answers what concerns one key.
func (s *Server) key(w http.ResponseWriter, r *http.Request, escaped string) (reply, error) {
	key, err := keyOf(r, escaped)
	if err != nil {
		return reply{}, err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return s.get(r, key)
	case http.MethodPut:
		return s.change(w, r, kv.Put(key, nil))
	case http.MethodDelete:
		return s.change(w, r, kv.Delete(key))
	}
	return reply{}, wrongMethod(r, "GET, HEAD, PUT, DELETE")
}

func (s *Server) get(r *http.Request, key string) (reply, error) {
	var it kv.Item
	err := s.askStore(r, func(ctx context.Context) (err error) {
		it, err = s.store.Get(ctx, key)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	switch {
	case !it.Exists():
		return reply{}, absent(key)
	case !wanted(r.Header, it.Version):
		return reply{}, conflict(key, it.Version)
	case known(r.Header, it.Version):
		return reply{status: http.StatusNotModified, version: it.Version}, nil
	}
	leave, err := room(s.answers, len(it.Value))
	return reply{status: http.StatusOK, kind: rawBytes, body: it.Value, version: it.Version, leave: leave}, err
}

// change carries out a command, once if the request says who it is. The body
// is read last, and not at all if there is anything else to complain of.
func (s *Server) change(w http.ResponseWriter, r *http.Request, c kv.Command) (reply, error) {
	c, err := commandOf(r, c)
	if err != nil {
		return reply{}, err
	}
	id, once, err := identityOf(r)
	if err != nil {
		return reply{}, err
	}
	if c.Op == kv.OpPut {
		if c.Value, err = s.readBody(w, r); err != nil {
			return reply{}, err
		}
	}
	result, err := s.apply(r, id, once, c)
	switch {
	case err != nil:
		return reply{}, err
	case result.Status == kv.Conflict:
		return reply{}, conflict(c.Key, result.Version)
	case result.Status == kv.NotFound:
		return reply{}, absent(c.Key)
	}
	return reply{status: http.StatusNoContent, version: result.Version}, nil
}

func (s *Server) apply(r *http.Request, id session.Identity, once bool, c kv.Command) (result kv.Result, err error) {
	err = s.askStore(r, func(ctx context.Context) (err error) {
		if once {
			result, err = s.store.DoOnce(ctx, id, c)
		} else {
			result, err = s.store.Do(ctx, c)
		}
		return err
	})
	return result, err
}

func absent(key string) *Problem {
	return NewProblem(http.StatusNotFound, CodeNotFound, "%q is absent", key)
}

// A page of a scan, as JSON. Values are base64, since JSON holds only text.
type page struct {
	Items []item `json:"items"`
	More  bool   `json:"more"`
}

type item struct {
	Key     string     `json:"key"`
	Value   []byte     `json:"value"`
	Version kv.Version `json:"version"`
}

// scan takes room before it knows how large the page will be: as large as all
// the values that a store hands out to requests in flight, a few are enough.
func (s *Server) scan(r *http.Request) (a reply, err error) {
	rg, err := rangeOf(r)
	if err != nil {
		return reply{}, err
	}
	leave, err := room(s.answers, kv.MaxPage)
	if err != nil {
		return reply{}, err
	}
	defer func() {
		if a.leave == nil {
			leave()
		}
	}()
	var found kv.Page
	err = s.askStore(r, func(ctx context.Context) (err error) {
		found, err = s.store.Scan(ctx, rg)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	if a, err = jsonReply(http.StatusOK, pageOf(found)); len(a.body) > small {
		a.leave = leave
	}
	return a, err
}

func pageOf(found kv.Page) page {
	p := page{make([]item, len(found.Items)), found.More}
	for i, it := range found.Items {
		p.Items[i] = item{it.Key, it.Value, it.Version}
		if it.Value == nil {
			p.Items[i].Value = []byte{} // "" in JSON, and not null
		}
	}
	return p
}

func (s *Server) openSession(r *http.Request) (reply, error) {
	var answer struct {
		Session string `json:"session"`
	}
	err := s.askStore(r, func(ctx context.Context) error {
		id, err := s.store.OpenSession(ctx)
		answer.Session = string(id)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	return jsonReply(http.StatusCreated, answer)
}

// status is answered however many requests are in flight: one wants to know how
// a server does above all when it is busy.
func (s *Server) status(*http.Request) (reply, error) {
	members := map[string]any{
		"role":        "single",
		"connections": s.conns.count(),
		"in_flight":   len(s.inflight),
	}
	if s.config.Status != nil {
		maps.Copy(members, s.config.Status())
	}
	return jsonReply(http.StatusOK, members)
}

func jsonReply(status int, v any) (reply, error) {
	var body bytes.Buffer
	err := json.NewEncoder(&body).Encode(v) // with a newline, and no copy for it
	return reply{status: status, kind: jsonText, body: body.Bytes()}, err
}

// askStore runs f, the store's part of a request, if not too many are in flight.
func (s *Server) askStore(r *http.Request, f func(context.Context) error) error {
	select {
	case s.inflight <- struct{}{}:
	default:
		return errBusy
	}
	defer func() { <-s.inflight }()
	c := connOf(r)
	s.conns.serving(c)
	defer s.conns.served(c)
	ctx, cancel := context.WithTimeout(r.Context(), s.config.Timeout)
	defer cancel()
	return f(ctx)
}

const small = 64 << 10 // bytes; a body up to this size needs no room

// room bounds the memory of what is large: of bodies above small bytes at most
// Config.Transfers are on their way in at a time (s.bodies), and as many on
// their way out (s.answers). Who is one too many is refused, and nobody is cut
// to make room: a server that cuts the slow ones when it is busy throws away
// work, and its clients begin again. The room that a body has taken is given
// back with leave.
//
// So clients who send slowly on purpose can keep others from sending large
// bodies until the time-outs of their requests, and those who read slowly, from
// large answers and scans. Small bodies come and go meanwhile. Real systems ask
// for a least rate in each transfer.
func room(places chan struct{}, size int) (leave func(), err error) {
	if size <= small {
		return func() {}, nil
	}
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	default:
		return nil, errBusy
	}
}

// readBody reads the value of a put, if it can be served, and leaves r without
// a body. (Too many may be in flight again when it is there: see askStore.)
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	size := r.ContentLength
	switch {
	case size > kv.MaxValue:
		return nil, tooLarge()
	case len(s.inflight) == cap(s.inflight):
		return nil, errBusy
	}
	if size < 0 { // sent in chunks; it says at the end how much it was
		size = kv.MaxValue
	}
	leave, err := room(s.bodies, int(size))
	if err != nil {
		return nil, err
	}
	defer leave()
	var body []byte
	if r.ContentLength >= 0 {
		body = make([]byte, size)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, kv.MaxValue))
	}
	if err != nil {
		return nil, bodyError(err)
	}
	r.Body = http.NoBody
	return body, nil
}

func tooLarge() *Problem {
	return NewProblem(http.StatusRequestEntityTooLarge, CodeTooLarge, "the value is larger than %d bytes, which is the limit", kv.MaxValue)
}

func bodyError(err error) *Problem {
	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case large:
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return NewProblem(http.StatusRequestTimeout, CodeSlow, "the body did not arrive in time")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return NewProblem(http.StatusRequestTimeout, CodeSlow, "the body broke off")
	}
	return invalid("body: %v", err)
}
