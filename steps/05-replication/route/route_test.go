package route_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/route"
)

func TestARequestFindsTheLeaderAndTheNextOnesGoThere(t *testing.T) {
	one, leader, three := newFake(t, nil), newFake(t, leads), newFake(t, leads)
	one.takes(to(leader))
	c := dial(t, node.Leader, one, three, leader)
	require.NoError(t, put(t, c))
	require.Equal(t, []string{"POST /sessions"}, one.takes(nil))
	require.Equal(t, []string{"POST /sessions", "PUT /kv/k"}, leader.takes(nil))
	require.NoError(t, get(t, c))
	require.NoError(t, scan(t, c, "a&b"))
	require.Equal(t, []string{"GET /kv/k", "GET /kv?prefix=a%26b"}, leader.takes(nil), "reads of that level say nothing of it")

	leader.takes(to(three))
	require.NoError(t, put(t, c))
	require.Equal(t, []string{"PUT /kv/k"}, leader.takes(nil))
	require.Equal(t, []string{"PUT /kv/k"}, three.takes(nil), "there was somebody else promoted")
	require.Empty(t, one.takes(nil))
}

func TestALeaderThatIsNotOnTheListIsFound(t *testing.T) {
	one, leader := newFake(t, nil), newFake(t, leads)
	one.takes(to(leader))
	c := dial(t, node.Leader, one)
	require.NoError(t, put(t, c))
	leader.Close()
	one.takes(leads)
	require.NoError(t, put(t, c), "and left for the list when it has gone")
}

func TestARedirectSaysThatNothingHasHappened(t *testing.T) {
	one, two := newFake(t, nil), newFake(t, nil)
	one.takes(to(two))
	two.takes(to(one))
	c := dial(t, node.Leader, one, two)
	err := put(t, c)
	require.ErrorContains(t, err, "sends us to")
	require.ErrorContains(t, err, "because of not-leader")
	require.NotErrorIs(t, err, kv.ErrUnknown)
	require.Len(t, append(one.takes(leads), two.takes(nil)...), 6, "two who send us to each other get as many tries as anybody")
	require.NoError(t, put(t, c))

	one.takes(to(two)) // now it is the command itself
	two.takes(to(one))
	require.NotErrorIs(t, put(t, c), kv.ErrUnknown)
}

func TestARedirectDoesNotSettleAnEarlierSilence(t *testing.T) {
	one, two := newFake(t, leads), newFake(t, nil)
	two.takes(to(two))
	c := dial(t, node.Leader, one, two)
	require.NoError(t, put(t, c))
	one.takes(cut)
	err := put(t, c)
	require.ErrorIs(t, err, kv.ErrUnknown)
	require.Contains(t, one.takes(nil), "PUT /kv/k")
}

func TestAServerThatCannotServeIsLeft(t *testing.T) {
	for name, bad := range map[string]http.HandlerFunc{
		"cut":       cut,
		"hangs":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"draining":  refuse(503, "draining"),
		"no leader": refuse(503, "no-leader"),
		"itself": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "nowhere")
			w.WriteHeader(307)
		},
	} {
		for _, level := range []node.Level{node.Leader, node.Session, node.Stale} {
			one, two := newFake(t, bad), newFake(t, leads)
			c, err := route.Dial(one.URL+","+two.URL, level, client.Config{TryTimeout: 500 * time.Millisecond, Backoff: time.Millisecond})
			require.NoError(t, err)
			defer c.Close()
			for range 2 {
				require.NoError(t, get(t, c), name)
			}
			require.Len(t, one.takes(nil), 1, name)
			require.Len(t, two.takes(nil), 2, name)
		}
	}
}

func TestAServerThatIsGoneIsLeft(t *testing.T) {
	one, two := newFake(t, leads), newFake(t, leads)
	c := dial(t, node.Leader, one, two)
	one.Close()
	require.NoError(t, put(t, c))
	two.Close()
	require.ErrorContains(t, put(t, c), "refused")
}

func TestABusyServerIsNotLeft(t *testing.T) {
	for _, code := range []string{"overloaded", "in-progress"} {
		one, two := newFake(t, refuse(503, code)), newFake(t, leads)
		c := dial(t, node.Leader, one, two)
		require.ErrorContains(t, get(t, c), "because of "+code)
		require.Len(t, one.takes(nil), 6)
		require.Empty(t, two.takes(nil))
	}
}

func TestOfManyThatFailAtOneServerTheFirstMovesOn(t *testing.T) {
	const readers = 8
	var all sync.WaitGroup
	all.Add(readers)
	// None is refused before all are there.
	one := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		all.Done()
		all.Wait()
		refuse(503, "draining")(w, r)
	})
	two, three := newFake(t, leads), newFake(t, leads)
	c := dial(t, node.Leader, one, two, three)
	var ended sync.WaitGroup
	for range readers {
		ended.Go(func() {
			if err := get(t, c); err != nil {
				t.Error(err)
			}
		})
	}
	ended.Wait()
	require.Len(t, two.takes(nil), readers)
	require.Empty(t, three.takes(nil))
}

func TestReadsThatAnyServerMayAnswerStayWithOne(t *testing.T) {
	follower, leader := newFake(t, nil), newFake(t, leads)
	c := dial(t, node.Stale, follower, leader)
	follower.takes(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			leads(w, r)
		} else {
			to(leader)(w, r)
		}
	})
	require.NoError(t, put(t, c))
	require.NoError(t, get(t, c))
	require.NoError(t, scan(t, c, "x"))
	_, err := c.Status(t.Context())
	require.Error(t, err) // it is no JSON, but it is whom the client asks that matters
	require.Equal(t, []string{"POST /sessions", "GET /kv/k?read=stale", "GET /kv?prefix=x&read=stale"}, follower.takes(nil))
	require.Equal(t, []string{"POST /sessions", "PUT /kv/k", "GET /status"}, leader.takes(nil))
}

func TestALearnerSendsReadersElsewhere(t *testing.T) {
	learner, leader := newFake(t, nil), newFake(t, leads)
	learner.takes(to(leader))
	c := dial(t, node.Session, learner, leader)
	require.NoError(t, get(t, c))
	require.NoError(t, get(t, c))
	require.Len(t, learner.takes(nil), 1)
	require.Len(t, leader.takes(nil), 2)
}

func TestParse(t *testing.T) {
	servers, err := route.Parse("http://a:1,http://b:2/,http://[::1]:3")
	require.NoError(t, err)
	require.Equal(t, []string{"http://a:1", "http://b:2", "http://[::1]:3"}, servers)
	for bad, says := range map[string]string{
		"":                       `""`,
		"http://a:1,":            `""`,
		"http://a:1, http://b:2": `" http://b:2"`,
		"a:1":                    `"a:1"`,
		"https://a:1":            `"https://a:1"`,
		"http://a:1/kv":          `"http://a:1/kv"`,
		"http://a:1,http://a:1/": "http://a:1 comes twice",
	} {
		_, err := route.Parse(bad)
		require.ErrorIs(t, err, kv.ErrInvalid, bad)
		require.ErrorContains(t, err, says)
		_, err = route.Dial(bad, node.Leader, client.Config{})
		require.ErrorIs(t, err, kv.ErrInvalid, bad)
	}
	level, err := route.ParseLevel("session")
	require.NoError(t, err)
	require.Equal(t, node.Session, level)
	_, err = route.ParseLevel("fresh")
	require.ErrorContains(t, err, `"fresh": it must be leader, session or stale`)
}

// It is about whom it has asked, and not about whom others have found meanwhile.
func TestALateFailureMovesNobody(t *testing.T) {
	goOn := make(chan struct{})
	one, two, three := newFake(t, nil), newFake(t, leads), newFake(t, leads)
	c := dial(t, node.Leader, one, two, three)
	asked := make(chan struct{})
	one.takes(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		one.takes(to(three))
		<-goOn
		refuse(503, "draining")(w, r)
	})
	slow := make(chan error)
	go func() { slow <- get(t, c) }()
	<-asked
	require.NoError(t, get(t, c), "one has sent us to three")
	close(goOn)
	require.NoError(t, <-slow)
	require.NoError(t, get(t, c))
	require.Empty(t, two.takes(nil))
	require.Len(t, three.takes(nil), 3)
}
