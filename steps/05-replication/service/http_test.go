package service_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/service"
)

func TestAFollowerSendsClientsToItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		for _, request := range []string{
			"GET /kv/k", "HEAD /kv/k", "PUT /kv/k", "DELETE /kv/k", "POST /sessions",
			"PUT /kv/a//b", "PUT /kv/..", "PUT /kv/a/../b", "DELETE /kv/a%2Fb", "PUT /kv/%3F%26%25%C3%A9", "PUT /kv//",
			"GET /kv?prefix=a%26&limit=3", "GET /kv/k?read=leader", "GET /kv?read=leader&after=x",
		} {
			method, path, _ := strings.Cut(request, " ")
			a := c.do(2, method, path, "")
			require.Equal(t, 307, a.StatusCode, request)
			require.Equal(t, "http://n1"+path, a.Header.Get("Location"), "where it is to be asked again, letter by letter")
			require.Empty(t, a.Header.Get("Position"))
			if method != "HEAD" {
				require.Equal(t, service.CodeNotLeader, a.code())
				require.Equal(t, "this node does not lead; n1 does, at http://n1", a.problem().Detail)
			}
		}
		require.Equal(t, 404, c.do(1, "GET", "/kv/k", "").StatusCode, "none of it has happened")
	})
}

func TestWithoutALeaderNothingIsToBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{idle: true})
		for _, request := range []string{"GET /kv/k", "PUT /kv/k", "GET /kv", "POST /sessions"} {
			method, path, _ := strings.Cut(request, " ")
			a := c.do(2, method, path, "")
			require.Equal(t, 503, a.StatusCode)
			require.Equal(t, service.CodeNoLeader, a.code(), request)
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.Empty(t, a.Header.Get("Location"))
		}
		require.Equal(t, service.CodeNotYet, c.do(2, "GET", "/kv/k?read=session", "").code())
		require.Equal(t, service.CodeNotYet, c.do(2, "GET", "/kv/k?read=stale", "").code(), "it would not know how old it is")
	})
}

func TestALeaderWhoseAddressIsNotKnownIsNoHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{mute: true})
		a := c.do(2, "PUT", "/kv/k", "v")
		require.Equal(t, service.CodeNoLeader, a.code())
		require.Contains(t, a.problem().Detail, "n1 does, and where clients reach that is not known here yet")
	})
}

func TestOfWhichLevelAReadIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.put(1, "k", "v")
		time.Sleep(100 * time.Millisecond) // a heartbeat tells the others
		for _, path := range []string{"/kv/k", "/kv?prefix=k"} {
			sep := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
			for level, status := range map[string]int{"": 307, "read=": 307, "read=leader": 307, "read=session": 200, "read=stale": 200} {
				full := strings.TrimRight(path+sep+level, "?&")
				require.Equal(t, 200, c.do(1, "GET", full, "").StatusCode, "the leader answers all: %s", full)
				require.Equal(t, status, c.do(2, "GET", full, "").StatusCode, full)
				require.Equal(t, status, c.do(2, "HEAD", full, "").StatusCode, full)
			}
		}
	})
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.put(1, "k", "v")
		for query, says := range map[string]string{
			"read=fresh":                         `"fresh": it must be leader, session or stale`,
			"read=Stale":                         `it must be leader, session or stale`,
			"read=stale&read=leader":             "more than once",
			"read=session&seen=3@1.n1&seen=":     "more than once",
			"read=session&seen=much":             `"much" is not a position, such as 41@2.n3`,
			"read=session&seen=3":                "is not a position",
			"read=session&seen=-3@1.n1":          "is not a position",
			"read=session&seen=3@1.n0":           "is not a position",
			"read=session&seen=" + longSeen:      "is not a position",
			"seen=3@1.n1":                        "seen goes with read=session",
			"read=stale&seen=3@1.n1":             "seen goes with read=session",
			"read=stale;x":                       "%3B",
			"read=session&seen=%zz":              "%25",
			"read=stale&other=1":                 "a key takes no query",
			"?":                                  "a key takes no query",
			"%72ead=stale&other=1":               "a key takes no query",
			"read=session&seen=3@1.n1&seen=%zz@": "%25",
		} {
			a := c.do(1, "GET", "/kv/k?"+query, "")
			require.Equal(t, server.CodeInvalid, a.code(), query)
			require.Contains(t, a.problem().Detail, says, query)
			require.Empty(t, a.Header.Get("Position"))
		}
		require.Equal(t, server.CodeInvalid, c.do(1, "GET", "/kv?read=stale&prefx=a", "").code())
		require.Equal(t, 200, c.do(1, "GET", "/kv/k?%72ead=stale", "").StatusCode, "so it may be written, too")
		for _, method := range []string{"PUT", "DELETE"} {
			require.Equal(t, server.CodeInvalid, c.do(1, method, "/kv/k?read=leader", "w").code(), "it means nothing for a write")
		}
		require.Equal(t, "v", c.do(1, "GET", "/kv/k", "").body)
	})
}

var longSeen = strings.Repeat("7", 5000)

func TestAnswersSayWhereInTheHistoryTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		a := c.do(1, "PUT", "/kv/k", "v")
		require.Equal(t, "2@1.n1", a.Header.Get("Position"), "after the settings")
		for _, one := range []struct {
			method, path, header string
			status               int
		}{
			{"GET", "/kv/k", "", 200}, {"HEAD", "/kv/k", "", 200}, {"GET", "/kv/none", "", 404}, {"GET", "/kv?prefix=k", "", 200}, {"HEAD", "/kv", "", 200},
			{"GET", "/kv/k", `If-None-Match: "2"`, 304}, {"GET", "/kv/k", `If-Match: "7"`, 412},
			{"GET", "/kv/k?read=session", "", 200}, {"GET", "/kv/k?read=stale", "", 200},
		} {
			a := c.do(1, one.method, one.path, "", one.header)
			require.Equal(t, one.status, a.StatusCode, one.path)
			require.Equal(t, "2@1.n1", a.Header.Get("Position"), one.path)
			require.Equal(t, strings.Contains(one.path, "stale"), a.Header.Get("Lag") != "", one.path)
		}
		require.Empty(t, c.do(1, "HEAD", "/kv/k", "").body)
		a = c.do(1, "PUT", "/kv/k", "w", "If-None-Match: *")
		require.Equal(t, 412, a.StatusCode)
		require.Equal(t, "3@1.n1", a.Header.Get("Position"), "that it was not so is part of the history")
		require.Equal(t, "4@1.n1", c.do(1, "DELETE", "/kv/none", "").Header.Get("Position"))
		require.Equal(t, "5@1.n1", c.do(1, "POST", "/sessions", "").Header.Get("Position"))
		require.Empty(t, c.do(1, "GET", "/status", "").Header.Get("Position"))
	})
}

func TestAStaleAnswerSaysHowOldItMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.put(1, "k", "v")
		require.Equal(t, "entries=0; seconds=0.000", c.do(1, "GET", "/kv/k?read=stale", "").Header.Get("Lag"), "the leader's never is")
		time.Sleep(100 * time.Millisecond)
		c.isolate(2, true)
		time.Sleep(3 * time.Second)
		c.put(1, "k", "w")
		a := c.do(2, "GET", "/kv/k?read=stale", "")
		require.Equal(t, "v", a.body)
		require.Equal(t, "2@1.n1", a.Header.Get("Position"))
		require.Regexp(t, `^entries=0; seconds=3\.0\d\d$`, a.Header.Get("Lag"), "it has not heard that there is more")
		c.isolate(2, false)
		c.sites[1].disk.hold()
		time.Sleep(time.Second)
		a = c.do(2, "GET", "/kv?read=stale", "")
		require.Contains(t, a.body, `"dg=="`, "base64 of v")
		require.Regexp(t, `^entries=1; seconds=\d\.\d\d\d$`, a.Header.Get("Lag"), "its disk is behind")
		c.sites[1].disk.release()
	})
}

func TestASessionWaitsForWhatItHasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.put(1, "k", "old")
		time.Sleep(100 * time.Millisecond)
		c.isolate(3, true)
		seen := c.put(1, "k", "new")
		path := "/kv/k?read=session&seen=" + seen
		require.Equal(t, "old", c.do(3, "GET", "/kv/k?read=session", "").body, "who has seen nothing is shown anything")

		began := time.Now()
		answers := c.later(t.Context(), 3, "GET", path, "")
		time.Sleep(time.Second)
		c.isolate(3, false)
		require.Equal(t, "new", (<-answers).body)
		require.Less(t, time.Since(began), 1100*time.Millisecond)

		c.isolate(3, true)
		path = "/kv?read=session&seen=" + c.put(1, "k", "newest")
		began = time.Now()
		a := c.do(3, "GET", path, "")
		require.Equal(t, 503, a.StatusCode)
		require.Equal(t, service.CodeNotYet, a.code())
		require.Equal(t, "not yet: this server is behind, and has not caught up within 2s", a.problem().Detail)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		require.Equal(t, 2*time.Second, time.Since(began), "it is not kept for longer")
	})
}

func TestWhoHasSeenWhatIsNoMoreIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{acks: 1})
		c.put(1, "k", "kept")
		time.Sleep(100 * time.Millisecond)
		c.isolate(1, true)
		seen := c.put(1, "k", "lost")
		require.Equal(t, "2.n2", c.promote(2))
		require.Equal(t, "4@2.n2", c.put(2, "other", ""))
		c.isolate(1, false)
		time.Sleep(time.Second)
		for id := range node.ID(3) {
			a := c.do(id+1, "GET", "/kv/k?read=session&seen="+seen, "")
			require.Equal(t, 409, a.StatusCode)
			require.Equal(t, service.CodeVanished, a.code())
			require.Contains(t, a.problem().Detail, "3@1.n1 was seen, and the history is at 4@2.n2")
			require.Equal(t, "kept", c.do(id+1, "GET", "/kv/k?read=session&seen=2@1.n1", "").body)
		}
	})
}

func TestValuesAreBoundedHereToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{nodes: 1})
		large := strings.Repeat("v", kv.MaxValue)
		chunks := fmt.Sprintf("%x\r\n%s\r\n", len(large), large)
		for body, status := range map[string]int{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(large), large):        204,
			fmt.Sprintf("Content-Length: %d\r\n\r\n%sv", len(large)+1, large):     413,
			"Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n":           204,
			"Transfer-Encoding: chunked\r\n\r\n" + chunks + "1\r\nv\r\n0\r\n\r\n": 413,
		} {
			a := c.exchange(c.connect(1), "PUT /kv/k HTTP/1.1\r\nHost: h\r\n"+body)
			require.Equal(t, status, a.StatusCode)
			require.Equal(t, status == 413, a.Close, "the rest of it is not waited for")
		}
	})
}

func TestANodeAtItsEndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{nodes: 1})
		c.sites[0].disk.fails(syscall.EIO, "sync")
		require.Equal(t, server.CodeUnknown, c.do(1, "PUT", "/kv/k", "").code())
		<-c.sites[0].Ended()
		for _, request := range []string{"GET /kv/k", "PUT /kv/k", "GET /kv?read=stale", "POST /sessions"} {
			method, path, _ := strings.Cut(request, " ")
			a := c.do(1, method, path, "")
			require.Equal(t, server.CodeFailed, a.code(), request)
			require.Contains(t, a.problem().Detail, "come to its end: ")
		}
		require.Equal(t, service.CodeRefused, c.do(1, "POST", "/promote", "").code())
		require.Contains(t, c.do(1, "GET", "/status", "").body, `"last":2`, "one may still look")
	})
}

// A service without Wrap is one for the leader.
func TestWhoComesWithoutALevelAsksTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		_, err := c.sites[1].service.Get(t.Context(), "k")
		require.ErrorContains(t, err, "n1 does")
		it, err := c.sites[0].service.Get(t.Context(), "k")
		require.NoError(t, err)
		require.False(t, it.Exists())
		for _, s := range c.sites {
			_, err := s.service.Get(t.Context(), "")
			require.ErrorIs(t, err, kv.ErrInvalid)
			_, err = s.service.Scan(t.Context(), kv.Range{Limit: -1})
			require.ErrorIs(t, err, kv.ErrInvalid)
			_, err = s.service.Do(t.Context(), kv.Put(strings.Repeat("k", kv.MaxKey+1), nil))
			require.ErrorIs(t, err, kv.ErrInvalid)
		}
	})
}

func TestTheStatusSaysWhoLeadsAndWhoFollowsHow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.put(1, "k", "v")
		time.Sleep(time.Second)
		c.isolate(3, true)
		time.Sleep(2 * time.Second)
		var leader, follower struct {
			ID, Role, Epoch, Leader, Cluster string
			Acks, Committed, Applied         int
			LagSeconds                       *float64 `json:"lag_seconds"`
			Peers                            []struct {
				ID            string
				Match, Behind int
				LastHeard     int `json:"last_heard_ms"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(c.do(1, "GET", "/status", "").body), &leader))
		require.Equal(t, []any{"n1", "leader", "1.n1", "n1", 2, 2}, []any{leader.ID, leader.Role, leader.Epoch, leader.Leader, leader.Acks, leader.Applied})
		require.Len(t, leader.Peers, 2)
		require.Less(t, leader.Peers[0].LastHeard, 100)
		require.GreaterOrEqual(t, leader.Peers[1].LastHeard, 2000)
		require.Nil(t, leader.LagSeconds)

		require.NoError(t, json.Unmarshal([]byte(c.do(3, "GET", "/status", "").body), &follower))
		require.Equal(t, []any{"n3", "follower", "1.n1", "n1", 2}, []any{follower.ID, follower.Role, follower.Epoch, follower.Leader, follower.Applied})
		require.Equal(t, leader.Cluster, follower.Cluster)
		require.InDelta(t, 2, *follower.LagSeconds, 0.1)
		require.Empty(t, follower.Peers)

		alone := start(t, options{nodes: 1})
		require.Contains(t, alone.do(1, "GET", "/status", "").body, `"peers":[]`)
	})
}
