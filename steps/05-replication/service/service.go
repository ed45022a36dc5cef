// Package service answers: how do people use a store that is several servers,
// when they may talk to any of them?
//
// It is what package server of step 03 serves, on a node: every request becomes
// one to the node's loop, and what the node says becomes an answer of HTTP. What
// is new to clients is this:
//
//	307 not-leader       another server has to be asked, which Location names
//	503 no-leader        nobody leads, as far as this server knows; come again
//	503 not-yet          this server is behind what was asked for; come again
//	409 history-changed  what this client has seen is not part of the history any more
//
// A read takes a level: GET /kv/k?read=LEVEL. With "leader", which is the
// default, it sees every write that was acknowledged before. With "session" it is
// answered by any server, and sees at least what the client has seen: every answer
// has a header Position, which the client gives back as &seen=POSITION. With
// "stale" it sees whatever the server has, and a header Lag says how old that may
// be.
//
//	POST /promote        200, JSON: this server leads from now on
package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
)

// The codes of problems, beside those of package server.
const (
	CodeNotLeader server.Code = "not-leader"
	CodeNoLeader  server.Code = "no-leader"
	CodeNotYet    server.Code = "not-yet"
	CodeVanished  server.Code = "history-changed"
	CodeRefused   server.Code = "refused" // 409: an operator's wish cannot be done; detail says why
)

// Service is a server.Store on a node, for any number of goroutines.
type Service struct {
	loop    *node.Loop
	url     func(node.ID) string
	promote func() (node.Epoch, error)

	mu     sync.Mutex
	flying map[session.Identity]int // copies of a numbered request that are under way
	doubts map[session.ID]uint64    // the last number of a session whose fate is not known
}

// maxDoubts bounds doubts. Beyond, everything is doubted.
const maxDoubts = 10_000

// New returns a service on the node that loop drives. url says where clients
// reach a node, or ""; promote makes the node lead, is called in a turn, and
// returns in what epoch.
func New(loop *node.Loop, url func(node.ID) string, promote func() (node.Epoch, error)) *Service {
	return &Service{loop: loop, url: url, promote: promote, flying: make(map[session.Identity]int), doubts: make(map[session.ID]uint64)}
}

// Get implements kv.Store. The level is the one that the request came with; see
// Wrap.
func (s *Service) Get(ctx context.Context, key string) (kv.Item, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Item{}, err
	}
	r, err := s.read(ctx, node.Query{Key: key})
	return r.Item, err
}

// Scan implements kv.Store.
func (s *Service) Scan(ctx context.Context, rg kv.Range) (kv.Page, error) {
	if err := rg.Check(); err != nil {
		return kv.Page{}, err
	}
	r, err := s.read(ctx, node.Query{Range: &rg})
	return r.Page, err
}

// patience is how long a read waits for a node to catch up. Its client may come
// again.
const patience = 2 * time.Second

func (s *Service) read(ctx context.Context, q node.Query) (node.Reply, error) {
	f := freshnessOf(ctx)
	q.Level, q.Seen = f.level, f.seen
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("this server is behind, and has not caught up within %v", patience))
	defer cancel()
	r, err := s.loop.Read(ctx, q)
	if err != nil {
		return node.Reply{}, s.Problem(err)
	}
	f.at, f.lag = r.At, r.Lag
	return r, nil
}

// Do implements kv.Store.
func (s *Service) Do(ctx context.Context, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	r, err := s.write(ctx, machine.Request{Command: c})
	return r.Result, s.Problem(err)
}

// OpenSession issues a session.
func (s *Service) OpenSession(ctx context.Context) (session.ID, error) {
	r, err := s.write(ctx, machine.Request{OpenSession: true})
	return session.ID(r.Opened), s.Problem(askAgain(err))
}

// askAgain is the error of a request that may come again without harm. What
// became of it is known to whoever leads then. But who is told that his session
// is forgotten, or has gone on, would be told the same again.
func askAgain(err error) error {
	if errors.Is(err, kv.ErrUnknown) && denies(err) {
		return fmt.Errorf("%w: %v", session.ErrInProgress, err)
	}
	return err
}

// DoOnce carries out c if the request id is fresh, and otherwise gives the
// answer that the request got the first time. If a copy is refused, that says
// nothing of one that is under way.
func (s *Service) DoOnce(ctx context.Context, id session.Identity, c kv.Command) (kv.Result, error) {
	if err := c.Check(); err != nil {
		return kv.Result{}, err
	}
	s.takeOff(id)
	r, err := s.write(ctx, machine.Request{Identity: id, Command: c})
	open := s.land(id, err)
	if err == nil || !denies(err) || errors.Is(err, kv.ErrUnknown) {
		return r.Result, s.Problem(askAgain(err))
	}
	if result, known := s.known(ctx, id); known {
		return result, nil
	}
	if open {
		return kv.Result{}, fmt.Errorf("%w: this one was refused: %v", session.ErrInProgress, err)
	}
	return kv.Result{}, s.Problem(err)
}

// known returns the answer that a request has got, if this node has applied it.
func (s *Service) known(ctx context.Context, id session.Identity) (result kv.Result, known bool) {
	s.loop.Look(func(n *node.Node) {
		if m := n.Replica().Machine(); m != nil {
			r, fresh, err := m.Answer(id)
			if known = !fresh && err == nil; known {
				result, freshnessOf(ctx).at = r, n.Replica().Applied()
			}
		}
	})
	return result, known
}

// denies says whether an error would be taken to mean that a request has not
// happened, whichever copy of it. To be sent elsewhere means no such thing: who
// leads knows of other copies. And who is told that his session has gone on, or
// is forgotten, is told that it may have happened.
func denies(err error) bool {
	_, elsewhere := errors.AsType[*node.NotLeaderError](err)
	return !elsewhere && !errors.Is(err, session.ErrForgotten) && !errors.Is(err, session.ErrSuperseded)
}

func (s *Service) takeOff(id session.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying[id]++
}

// land is told how a copy of a request has ended. It reports whether, although
// this one did not happen, another one may have.
func (s *Service) land(id session.Identity, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying[id]--; s.flying[id] == 0 {
		delete(s.flying, id)
	}
	switch {
	case err == nil:
		if s.doubts[id.Session] <= id.Number {
			delete(s.doubts, id.Session)
		}
		return false
	case errors.Is(err, session.ErrForgotten):
		delete(s.doubts, id.Session) // they will stay that, whatever is asked
		return false
	case errors.Is(err, kv.ErrUnknown) && denies(err):
		if len(s.doubts) < maxDoubts {
			s.doubts[id.Session] = max(s.doubts[id.Session], id.Number)
		}
		return false
	}
	return s.flying[id] > 0 || s.doubts[id.Session] >= id.Number || len(s.doubts) >= maxDoubts
}

func (s *Service) write(ctx context.Context, r machine.Request) (node.Reply, error) {
	reply, err := s.loop.Write(ctx, r)
	if err == nil {
		freshnessOf(ctx).at = reply.At
	}
	return reply, err
}

// Problem puts what a node says into the words of HTTP. What it does not know,
// package server does.
func (s *Service) Problem(err error) error {
	if e, ok := errors.AsType[*node.NotLeaderError](err); ok {
		to := ""
		if e.Leader != 0 {
			to = s.url(e.Leader)
		}
		switch {
		case e.Leader != 0 && to == "":
			return server.NewProblem(http.StatusServiceUnavailable, CodeNoLeader, "%v, and where clients reach that is not known here yet", err)
		case to == "":
			return server.NewProblem(http.StatusServiceUnavailable, CodeNoLeader, "%v", err)
		}
		p := server.NewProblem(http.StatusTemporaryRedirect, CodeNotLeader, "%v, at %s", err, to)
		p.Elsewhere = to
		return p
	}
	switch {
	case errors.Is(err, node.ErrVanished):
		return server.NewProblem(http.StatusConflict, CodeVanished, "%v", err)
	case errors.Is(err, node.ErrNotYet):
		return server.NewProblem(http.StatusServiceUnavailable, CodeNotYet, "%v", err)
	}
	return err
}

// Refusal puts into the words of HTTP why the wish of an operator, which was a
// Call, was not fulfilled.
func (s *Service) Refusal(err error) *server.Problem {
	if p, ok := errors.AsType[*server.Problem](s.Problem(err)); ok {
		return p
	}
	if errors.Is(err, kv.ErrUnknown) {
		return server.NewProblem(http.StatusInternalServerError, server.CodeUnknown, "%v", err)
	}
	return server.NewProblem(http.StatusConflict, CodeRefused, "%v", err)
}

// freshness is what a request says about how fresh its answer must be, and what
// is known of the answer.
type freshness struct {
	level node.Level
	seen  node.Position
	at    node.Position
	lag   node.Lag
}

type freshnessKey struct{}

// freshnessOf returns the freshness of a request. Who comes without asks as if
// for the leader.
func freshnessOf(ctx context.Context) *freshness {
	if f, ok := ctx.Value(freshnessKey{}).(*freshness); ok {
		return f
	}
	return &freshness{level: node.Leader}
}

// parseFreshness reads ?read= and &seen= in the query of a read. What else there
// is in it is for others.
func parseFreshness(query string) (*freshness, error) {
	q, err := url.ParseQuery(query)
	if err != nil { // it may be what we look for that cannot be read
		return nil, fmt.Errorf("%w query: %v; escape & as %%26, ; as %%3B and %% as %%25", kv.ErrInvalid, err)
	}
	if len(q["read"]) > 1 || len(q["seen"]) > 1 {
		return nil, fmt.Errorf("%w query: read or seen came more than once; send it once", kv.ErrInvalid)
	}
	f := &freshness{level: node.Leader}
	switch level := node.Level(q.Get("read")); level {
	case node.Leader, node.Session, node.Stale:
		f.level = level
	case "":
	default:
		return nil, fmt.Errorf("%w read level %.60q: it must be leader, session or stale", kv.ErrInvalid, level)
	}
	text := q.Get("seen")
	if text == "" {
		return f, nil
	}
	if f.seen, err = node.ParsePosition(text); err != nil {
		return nil, fmt.Errorf("%w seen: %w", kv.ErrInvalid, err)
	}
	if f.level != node.Session {
		return nil, fmt.Errorf("%w query: seen goes with read=session; at other levels nobody would look at it", kv.ErrInvalid)
	}
	return f, nil
}
