package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/05-replication/cluster"
)

// say types lines into a shell that has the verbs, and returns the answers, with
// the ports masked.
func say(verbs []shell.Verb, lines ...string) string {
	var out bytes.Buffer
	shell.Shell{Verbs: verbs, In: strings.NewReader(strings.Join(lines, "\n")), Out: &out}.Run(context.Background())
	return regexp.MustCompile(`127\.0\.0\.1:\d{5}`).ReplaceAllString(out.String(), "127.0.0.1:_____")
}

// node is a server that says of itself what a test likes.
func node(t *testing.T, status int, body string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestStatusShowsHowFarEveryNodeIs(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hangs.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	verbs := cluster.Verbs([]string{
		node(t, 200, `{"id":"n1","role":"leader","epoch":"1.n1","last":90,"synced":90,"committed":90,"applied":90,"keys":17}`),
		node(t, 200, `{"id":"n2","role":"leader","epoch":"2.n2","acks":2,"last":12345,"synced":12344,"committed":12340,"applied":12339,"keys":17}`),
		node(t, 200, `{"id":"n3","role":"follower","epoch":"2.n2","last":12345,"synced":12340,"committed":12340,"applied":12340,"lag":3,"keys":17}`),
		node(t, 200, `{"id":"n4","role":"follower","epoch":"2.n2","last":12000,"synced":12000,"committed":12000,"applied":12000,"lag":0,"lag_seconds":61.7,"keys":9,"alarm":"the disk\nmakes a noise"}`),
		node(t, 200, `{"id":"n5","role":"learner","epoch":"2.n2","last":0,"snapshot":{"percent":40.4}}`),
		node(t, 200, `{"id":"n6","role":"starting","keys":3}`),
		node(t, 200, `<html>`),
		node(t, 200, `{"id":"n7","last":"many"}`),
		node(t, 503, `{"code":"draining","detail":"the server is about to stop"}`),
		node(t, 404, `nothing`),
		hangs.URL,
		gone.URL,
	})
	require.Equal(t, `
node  url                     role      epoch   last  synced  committed  applied    lag  keys  note
n1    http://127.0.0.1:_____  leader    1.n1      90      90         90       90  12255    17  has not heard that it was replaced
n2    http://127.0.0.1:_____  leader    2.n2   12345   12344      12340    12339      0    17
n3    http://127.0.0.1:_____  follower  2.n2   12345   12340      12340    12340      0    17
n4    http://127.0.0.1:_____  follower  2.n2   12000   12000      12000    12000    345     9  has not heard its leader for 62 s
n5    http://127.0.0.1:_____  learner   2.n2       0       -          -        -  12345     -  behind, receiving a snapshot: 40 %
n6    http://127.0.0.1:_____  starting  -          -       -          -        -      -     3
-     http://127.0.0.1:_____  -         -          -       -          -        -      -     -  what it answers is not the status of a node
-     http://127.0.0.1:_____  -         -          -       -          -        -      -     -  what it answers is not the status of a node
-     http://127.0.0.1:_____  -         -          -       -          -        -      -     -  the server is about to stop
-     http://127.0.0.1:_____  -         -          -       -          -        -      -     -  the answer is 404 Not Found
-     http://127.0.0.1:_____  -         -          -       -          -        -      -     -  does not answer
-     http://127.0.0.1:_____  -         -          -       -          -        -      -     -  unreachable
a write is acknowledged when 2 disks have it
alarm: n4: the disk makes a noise
`, "\n"+say(verbs, "status"))
	require.Equal(t, 1, strings.Count(say(verbs, "status live"), "node  url"), "without a terminal once is enough")
	require.Equal(t, `error: there is no "dead" here; usage: status [live]`+"\n", say(verbs, "status dead"))
}

func TestWithoutALeaderLagIsWhatANodeHasHeard(t *testing.T) {
	verbs := cluster.Verbs([]string{node(t, 200, `{"id":"n3","role":"follower","epoch":"2.n2","last":7,"lag":3}`)})
	require.Equal(t, `
node  url                     role      epoch  last  synced  committed  applied  lag  keys  note
n3    http://127.0.0.1:_____  follower  2.n2      7       -          -        -    3     -
nobody leads: "promote N" makes a node lead; the one with the longest log loses least
`, "\n"+say(verbs, "status"))
}

func TestPromoteLongestChoosesTheLogThatIsWorthMost(t *testing.T) {
	for want, logs := range map[string][3]string{
		"n2": {`"last":9,"last_epoch":"1.n1"`, `"last":8,"last_epoch":"2.n3"`, `"last":7,"last_epoch":"2.n3"`},
		"n3": {`"last":9,"last_epoch":"1.n1"`, `"last":8,"last_epoch":"1.n1"`, `"last":10,"last_epoch":"1.n1"`},
	} {
		var urls []string
		for i, log := range logs {
			urls = append(urls, node(t, 200, fmt.Sprintf(`{"id":"n%d","role":"follower","epoch":"4.n%[1]d",%s}`, i+1, log)))
		}
		require.Equal(t, want+" leads, in epoch 4."+want+"\n", say(cluster.Verbs(urls), "promote longest"))
	}
	require.Equal(t, "error: no node answers that could lead\n",
		say(cluster.Verbs([]string{node(t, 200, `{"id":"n1","role":"leader","last":1}`)}), "promote longest"))
}

func TestPromoteAsksTheNodeWhereverItIs(t *testing.T) {
	var asked []string
	two := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		io.WriteString(w, `{"id":"n2","epoch":"3.n2"}`)
	}))
	defer two.Close()
	three := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			w.WriteHeader(409)
			io.WriteString(w, `{"code":"refused","detail":"its log is empty"}`)
			return
		}
		io.WriteString(w, `{"id":"n3"}`)
	}))
	defer three.Close()
	verbs := cluster.Verbs([]string{three.URL, node(t, 200, `{"id":"n7"}`), two.URL})
	require.Equal(t, `n2 leads, in epoch 3.n2
n2 leads, in epoch 3.n2
error: n3: its log is empty
error: n1 is not among those that answer
error: n7 says: "{\"id\":\"n7\"}"
error: which node?; usage: promote N | longest
error: "x" is not the number of a node, which is 1 or more; usage: promote N | longest
error: "3" is too much; usage: promote N | longest
`, say(verbs, "promote 2", "promote n2", "promote 3", "promote 1", "promote 7", "promote", "promote x", "promote 2 3"))
	require.Contains(t, asked, "POST /promote")
}

func TestAPersonCausesTheAccidents(t *testing.T) {
	c := start(t, cluster.Config{Args: func(i int) []string {
		return []string{"-say", fmt.Sprintf(`{"id":"n%d","role":"follower","last":%d}`, i, i)}
	}})
	_, err := http.Post(c.URLs()[2]+"/crash", "", nil)
	require.Error(t, err)
	require.Eventually(t, func() bool { return state(t, c, 3) != "running" }, 10*time.Second, time.Millisecond)
	got := say(c.Verbs(), "pause 1", "kill 2", "status", "promote 1", "promote 2", "promote 3",
		"resume 1", "promote 1", "wipe 1", "wipe 2", "start 2", "start 2", "stop 2", "log 2 1", "log 2 0", "kill", "kill 9", "help kill")
	require.Equal(t, `n1 is paused
n2 is down
node  url                     role  epoch  last  synced  committed  applied  lag  keys  note
n1    http://127.0.0.1:_____  -     -         -       -          -        -    -     -  paused
n2    http://127.0.0.1:_____  -     -         -       -          -        -    -     -  down
n3    http://127.0.0.1:_____  -     -         -       -          -        -    -     -  down: exit status 3 (see "log 3")
nobody leads: "promote N" makes a node lead; the one with the longest log loses least
error: n1 is paused; resume it first
error: n2 is down; start it first
error: n3 is down; start it first
n1 is running
n1 leads, in epoch 7.n1
error: n1 is running; kill it first
n2 has an empty disk
n2 is running
error: n2 is running already
n2 is down
ended in good order
error: "0" is not a number above zero; usage: log N [LINES]
error: which node?; usage: kill N
error: there is no n9; there are n1 to n3
kill N
end node N at once, as kill -9 does
Its disk stays. "start N" brings it back.
`, got)
	require.Equal(t, 2, strings.Count(say(c.Verbs(), "log 2"), "$ "), "every start is in there")
}
