package join_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/host"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/service"
	"zeyrho/steps/06-catchup/join"
	"zeyrho/steps/06-catchup/store"
)

// site is a node with a handler, and no others to talk to.
type site struct {
	http.Handler
	node *store.Node
	loop *node.Loop
}

func newSite(t *testing.T, id node.ID, first bool) site {
	t.Helper()
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	loop := node.NewLoop(node.LoopConfig{Send: func(node.Message) {}})
	n, err := store.Open(store.Config{Self: id, Replication: replication.Config{New: first, Peers: []node.ID{3 - id}, Acks: 1}}, loop, d)
	require.NoError(t, err)
	loop.Drive(n.Node)
	t.Cleanup(func() { require.NoError(t, loop.Close()) })
	at := host.Site{Loop: loop, Service: service.New(loop, func(node.ID) string { return "" }, nil)}
	at.Inner = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	return site{join.Handler(at, n.Catchup), n, loop}
}

func (s site) ask(method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func (s site) status() (members map[string]any) {
	s.loop.Look(func(n *node.Node) { members = join.Status(n, s.node.Replication.Status(), s.node.Catchup.Status()) })
	return members
}

func TestALeaderIsToldOfALearner(t *testing.T) {
	s := newSite(t, 1, true)
	w := s.ask("POST", "/members", `{"id": 4, "peer": "127.0.0.1:7114"}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	require.Eventually(t, func() bool { return s.status()["learners"] != nil }, 5e9, 1e6)
	text, err := json.Marshal(s.status()["learners"])
	require.NoError(t, err)
	require.Contains(t, string(text), "127.0.0.1:7114")

	w = s.ask("POST", "/members", `{"id": 4, "peer": "127.0.0.1:7115"}`)
	require.Equal(t, http.StatusAccepted, w.Code, "it has moved")
}

func TestWhatIsNoLearnerIsRefused(t *testing.T) {
	leader, other := newSite(t, 1, true), newSite(t, 2, false)
	for _, c := range []struct {
		at           site
		method, body string
		code         int
		says         string
	}{
		{leader, "GET", "", http.StatusMethodNotAllowed, "takes POST"},
		{leader, "POST", "four", http.StatusBadRequest, `{\"id\": 4`},
		{leader, "POST", `{"id": 4, "port": 7}`, http.StatusBadRequest, "port"},
		{leader, "POST", `{"id": 2, "peer": "127.0.0.1:7112"}`, http.StatusConflict, "n2 is in the cluster already"},
		{leader, "POST", `{"id": 4}`, http.StatusConflict, "an address"},
		{other, "POST", `{"id": 4, "peer": "127.0.0.1:7114"}`, http.StatusServiceUnavailable, "does not lead"},
	} {
		w := c.at.ask(c.method, "/members", c.body)
		require.Equal(t, c.code, w.Code, "%s %s: %s", c.method, c.body, w.Body)
		require.Contains(t, w.Body.String(), c.says)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	}
	require.Nil(t, leader.status()["learners"])
}

func TestOtherPathsAreForOthers(t *testing.T) {
	require.Equal(t, http.StatusTeapot, newSite(t, 1, true).ask("GET", "/kv/members", "").Code)
}
