package real_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

func script(t *testing.T, answers ...string) *real.Client {
	c, err := newWorld(t).StartClient(helper("script", answers...))
	require.NoError(t, err)
	return c
}

func TestAnswersAreUnderstood(t *testing.T) {
	tests := []struct {
		op   history.Op
		says string
		want history.Answer
	}{
		{history.Op{Kind: history.Get, Key: "k"}, `"a \"b\"\n", version 17`,
			history.Answer{Outcome: history.OK, Status: history.Done, Value: "a \"b\"\n", Version: 17}},
		{history.Op{Kind: history.Get, Key: "k"}, `"", version 17`,
			history.Answer{Outcome: history.OK, Status: history.Done, Version: 17}},
		{history.Op{Kind: history.Get, Key: "k"}, `absent`,
			history.Answer{Outcome: history.OK, Status: history.Absent}},
		{history.Op{Kind: history.Put, Key: "k"}, `ok, version 18`,
			history.Answer{Outcome: history.OK, Status: history.Done, Version: 18}},
		{history.Op{Kind: history.Put, Key: "k x", If: new(uint64(3))}, `conflict: "k x" is at version 9`,
			history.Answer{Outcome: history.OK, Status: history.Conflict, Version: 9}},
		{history.Op{Kind: history.Delete, Key: "k", If: new(uint64(3))}, `conflict: "k" is absent`,
			history.Answer{Outcome: history.OK, Status: history.Conflict}},
		{history.Op{Kind: history.Delete, Key: "k"}, `absent`,
			history.Answer{Outcome: history.OK, Status: history.Absent}},
		{history.Op{Kind: history.Scan}, `0 keys`,
			history.Answer{Outcome: history.OK, Status: history.Done}},
		{history.Op{Kind: history.Scan}, "\"a\" = \"1\", version 4\n1 key, more after \"a\"",
			history.Answer{Outcome: history.OK, Status: history.Done, More: true,
				Items: []history.Item{{Key: "a", Value: "1", Version: 4}}}},
		{history.Op{Kind: history.Put, Key: "k"}, `error: the disk is full`,
			history.Answer{Outcome: history.Fail, Error: "the disk is full"}},
		{history.Op{Kind: history.Put, Key: "k"}, `unknown: it may have happened`,
			history.Answer{Outcome: history.Unknown, Error: "it may have happened"}},
		{history.Op{Kind: history.Scan}, "\"a\" = \"1\", version 4\nerror: the server has gone",
			history.Answer{Outcome: history.Fail, Error: "the server has gone"}},
	}
	var says []string
	for _, tt := range tests {
		says = append(says, tt.says)
	}
	c := script(t, says...)
	for _, tt := range tests {
		got, err := c.Do(within(t, 10*time.Second), tt.op)
		require.NoError(t, err, tt.says)
		require.Equal(t, tt.want, got, tt.says)
	}
}

func TestWhatIsNotInTheProtocolIsNeverTakenForAnAnswer(t *testing.T) {
	tests := []struct {
		op   history.Op
		says string
	}{
		{history.Op{Kind: history.Get, Key: "k"}, ``},
		{history.Op{Kind: history.Get, Key: "k"}, `ok, version 1`},
		{history.Op{Kind: history.Get, Key: "k"}, `"v", version 1 `},
		{history.Op{Kind: history.Get, Key: "k"}, `"v", version 01`},
		{history.Op{Kind: history.Get, Key: "k"}, `"v", version -1`},
		{history.Op{Kind: history.Get, Key: "k"}, `"v, version 1`},
		{history.Op{Kind: history.Get, Key: "k"}, "`v`, version 1"},
		{history.Op{Kind: history.Get, Key: "k"}, `"\u0041", version 1`},
		{history.Op{Kind: history.Put, Key: "k"}, `absent`},
		{history.Op{Kind: history.Put, Key: "k"}, `panic: runtime error`},
		{history.Op{Kind: history.Put, Key: "k"}, `conflict: "k" is at version 9`},
		{history.Op{Kind: history.Put, Key: "k", If: new(uint64(1))}, `conflict: "j" is at version 9`},
		{history.Op{Kind: history.Put, Key: "k", If: new(uint64(1))}, `conflict: "k" is at version`},
		{history.Op{Kind: history.Scan}, `1 key`},
		{history.Op{Kind: history.Scan}, `0 key`},
		{history.Op{Kind: history.Scan}, `0 keys, more after "a"`},
		{history.Op{Kind: history.Scan}, `"a" = "1"`},
	}
	for _, tt := range tests {
		c := script(t, tt.says)
		a, err := c.Do(within(t, 10*time.Second), tt.op)
		var unexpected *real.Unexpected
		require.ErrorAs(t, err, &unexpected, tt.says)
		require.Equal(t, tt.says, unexpected.Line)
		require.Equal(t, history.Unknown, a.Outcome, "it was asked, after all")
		a, err = c.Get(t.Context(), "k")
		require.ErrorAs(t, err, &unexpected, "nothing that comes later can be trusted")
		require.Equal(t, history.Fail, a.Outcome)
		c.Kill()
	}
}

func TestAnAnswerThatNobodyAskedForIsNoticed(t *testing.T) {
	c := script(t, "ok, version 1\nok, version 2")
	_, err := c.Put(within(t, 10*time.Second), "k", "v", nil)
	require.NoError(t, err)
	c.Kill() // so that the second line has been read
	_, err = c.Put(t.Context(), "k", "v", nil)
	require.ErrorContains(t, err, "nobody asked")
}

func TestALateAnswerIsNotTheAnswerToTheNextQuestion(t *testing.T) {
	c := script(t, `"first", version 1`, `"second", version 2`)
	require.NoError(t, c.Stop())
	a, err := c.Get(within(t, 20*time.Millisecond), "k")
	require.NoError(t, err)
	require.Equal(t, history.Unknown, a.Outcome)
	require.Contains(t, a.Error, "no answer to")

	a, err = c.Get(within(t, 20*time.Millisecond), "k")
	require.NoError(t, err)
	require.Equal(t, history.Fail, a.Outcome, "it was never asked")
	require.Contains(t, a.Error, "not asked")

	require.NoError(t, c.Continue())
	a, err = c.Get(within(t, 10*time.Second), "k")
	require.NoError(t, err)
	require.Equal(t, "second", a.Value)
}

func TestAHugeQuestionToAStoppedClientKeepsItsDeadline(t *testing.T) {
	c := script(t, "ok, version 1", "ok, version 2")
	require.NoError(t, c.Stop())
	a, err := c.Put(within(t, 20*time.Millisecond), "k", strings.Repeat("\xff", 1<<20), nil)
	require.NoError(t, err)
	require.Equal(t, history.Unknown, a.Outcome)
	require.NoError(t, c.Continue())
	a, err = c.Put(within(t, 10*time.Second), "k", "v", nil)
	require.NoError(t, err)
	require.Equal(t, uint64(2), a.Version)
}

func TestDyingInTheMiddleIsUnknown(t *testing.T) {
	for how, words := range map[string]string{"die": "killed by SIGKILL", "exit": "exit status 3"} {
		c := script(t, "ok, version 1", how)
		_, err := c.Put(within(t, 10*time.Second), "k", "v", nil)
		require.NoError(t, err)
		a, err := c.Put(within(t, 10*time.Second), "k", "v", nil)
		require.NoError(t, err)
		require.Equal(t, history.Unknown, a.Outcome)
		require.Contains(t, a.Error, words)
		a, err = c.Put(within(t, 10*time.Second), "k", "v", nil)
		require.NoError(t, err)
		require.Equal(t, history.Fail, a.Outcome, "the dead are not asked")
	}
}

func TestAnAnswerGivenBeforeDeathCounts(t *testing.T) {
	c := script(t, "ok, version 1")
	require.NoError(t, c.Stop())
	asked := make(chan history.Answer)
	go func() {
		a, _ := c.Put(context.Background(), "k", "v", nil)
		asked <- a
	}()
	require.NoError(t, c.Continue())
	a := <-asked
	c.Kill()
	require.Equal(t, history.OK, a.Outcome)
}

func TestNonsenseIsNotAsked(t *testing.T) {
	c := script(t)
	for _, op := range []history.Op{
		{Kind: "increment", Key: "k"},
		{Kind: history.Get, Key: "k", If: new(uint64(1))},
		{Kind: history.Put, Key: "k", Limit: 3},
	} {
		_, err := c.Do(t.Context(), op)
		require.Error(t, err)
	}
	exit, err := c.Close(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Equal(t, "ended normally", exit.String())
}
