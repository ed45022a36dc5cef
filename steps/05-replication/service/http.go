package service

import (
	"encoding/json"
	"fmt"
	"net/http"

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
		inner.ServeHTTP(&positioned{ResponseWriter: w, freshness: f}, r)
	})
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
