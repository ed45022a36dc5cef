package service

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/node"
)

// Wrap goes around the handler of a server: see server.Config. It lets requests
// say how fresh an answer must be, and answers what concerns the cluster.
func (s *Service) Wrap(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() == "/promote" {
			s.servePromote(w, r)
			return
		}
		f, err := parseFreshness(r.URL.Query())
		if err != nil {
			server.NewProblem(http.StatusBadRequest, server.CodeInvalid, "%v", err).ServeHTTP(w, r)
			return
		}
		r = r.WithContext(withFreshness(r.Context(), f))
		r.URL = withoutFreshness(r.URL)
		inner.ServeHTTP(&positioned{ResponseWriter: w, freshness: f}, r)
	})
}

// withoutFreshness returns u without what parseFreshness reads. What is left is
// as it came, so that the server can complain of it.
func withoutFreshness(u *url.URL) *url.URL {
	pairs := slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
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

// servePromote makes this node the leader.
func (s *Service) servePromote(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		p := server.NewProblem(http.StatusMethodNotAllowed, server.CodeMethod, "%.80q is not for this path, which takes POST", r.Method)
		p.Header = http.Header{"Allow": {"POST"}}
		p.ServeHTTP(w, r)
		return
	}
	if err := s.loop.Call(r.Context(), s.promote); err != nil {
		server.NewProblem(http.StatusConflict, CodeRefused, "%v", err).ServeHTTP(w, r)
		return
	}
	var epoch node.Epoch
	s.loop.Look(func(n *node.Node) { epoch, _ = n.Replica().Epoch() })
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"epoch": epoch.String()})
}
