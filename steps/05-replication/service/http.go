package service

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/node"
)

// Wrap goes around the handler of a server: see server.Config. It lets reads say
// how fresh the answer must be, and answers what concerns the cluster.
func (s *Service) Wrap(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() == "/promote" {
			s.servePromote(w, r)
			return
		}
		r, f, err := fresh(r)
		if err != nil {
			server.NewProblem(http.StatusBadRequest, server.CodeInvalid, "%v", err).ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(&positioned{ResponseWriter: w, freshness: f}, r)
	})
}

// fresh returns a request as the server should see it. A write may not say how
// fresh its answer must be: in its query the server finds nothing but fault.
func fresh(r *http.Request) (*http.Request, *freshness, error) {
	f, bare := &freshness{level: node.Leader}, r.URL
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		var err error
		if f, err = parseFreshness(r.URL.RawQuery); err != nil {
			return r, nil, err
		}
		bare = withoutFreshness(r.URL)
	}
	r = r.WithContext(context.WithValue(r.Context(), freshnessKey{}, f))
	r.URL = bare
	return r, f, nil
}

// withoutFreshness returns u without what parseFreshness reads. What is left is
// as it came, so that the server can complain of it.
func withoutFreshness(u *url.URL) *url.URL {
	pairs := slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name) // it has been parsed
		return name == "read" || name == "seen"
	})
	bare := *u
	bare.RawQuery = strings.Join(pairs, "&")
	return &bare
}

// positioned adds to an answer what is known about its place in the history.
type positioned struct {
	http.ResponseWriter
	freshness *freshness
}

func (w *positioned) WriteHeader(status int) {
	f := w.freshness
	if f.at != (node.Position{}) {
		w.Header()["Position"] = []string{f.at.String()}
		if f.level == node.Stale {
			w.Header()["Lag"] = []string{fmt.Sprintf("entries=%d; seconds=%.3f", f.lag.Entries, f.lag.Heard.Seconds())}
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *positioned) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// promoteTime is how long a promotion may take. It is one turn, and perhaps the
// rest of the one before, with a sync each.
const promoteTime = 10 * time.Second

// servePromote makes this node the leader.
func (s *Service) servePromote(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		p := server.NewProblem(http.StatusMethodNotAllowed, server.CodeMethod, "%.80q is not for this path, which takes POST", r.Method)
		p.Header = http.Header{"Allow": {"POST"}}
		p.ServeHTTP(w, r)
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), promoteTime, fmt.Errorf("the disk has not answered within %v", promoteTime))
	defer cancel()
	var epoch node.Epoch
	err := s.loop.Call(ctx, func() (err error) {
		epoch, err = s.promote()
		return err
	})
	if err != nil {
		s.Refusal(err).ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"epoch": epoch.String()})
}
