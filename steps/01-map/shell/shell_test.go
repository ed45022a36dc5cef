package shell_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/01-map/store"
)

// ask gives lines to a shell on a new store and returns its answers.
func ask(t *testing.T, lines string) (answers string, status int) {
	t.Helper()
	return askStore(t, store.Open(), lines)
}

func askStore(t *testing.T, s kv.Store, lines string) (answers string, status int) {
	t.Helper()
	var out bytes.Buffer
	status = shell.Shell{Store: s, In: strings.NewReader(lines), Out: &out, Greeting: "for people"}.Run(t.Context())
	return out.String(), status
}

// failing is a store in which nothing works.
type failing struct{ err error }

func (s failing) Get(context.Context, string) (kv.Item, error)      { return kv.Item{}, s.err }
func (s failing) Do(context.Context, kv.Command) (kv.Result, error) { return kv.Result{}, s.err }
func (s failing) Scan(context.Context, kv.Range) (kv.Page, error)   { return kv.Page{}, s.err }

func TestTheExitStatusSaysWhetherALineFailed(t *testing.T) {
	for _, test := range []struct {
		lines  string
		status int
	}{
		{"", 0},
		{"get k\nput k v if 7\ndelete k\nscan\n\n# no\nhelp\nexit\n", 0},
		{"gett k\nget k\n", 1},
		{"get \"k\nexit", 1},
		{"exit\ngett k", 0},
	} {
		_, status := ask(t, test.lines)
		assert.Equal(t, test.status, status, test.lines)
	}
}

func TestALastLineNeedsNoEnd(t *testing.T) {
	answers, _ := ask(t, "put k v\r\nget k")
	assert.Equal(t, "ok, version 1\n\"v\", version 1\n", answers)
}

func TestWhatMayHaveHappenedIsNotCalledAnError(t *testing.T) {
	lost := fmt.Errorf("put %q: no reply: %w", "k", kv.ErrUnknown)
	answers, status := askStore(t, failing{lost}, "put k v\n")
	assert.Equal(t, "unknown: put \"k\": no reply: it may have happened\n", answers)
	assert.Equal(t, 1, status)
}

func TestAnErrorIsOneLine(t *testing.T) {
	broken := errors.Join(errors.New("one"), errors.New("two"))
	for _, line := range []string{"get k\n", "put k v\n", "delete k\n", "scan\n"} {
		answers, status := askStore(t, failing{broken}, line)
		assert.Equal(t, "error: one two\n", answers)
		assert.Equal(t, 1, status)
	}
}

func TestTheLargestValueFitsInALine(t *testing.T) {
	key := strings.Repeat(`\x6b`, kv.MaxKey)
	value := strings.Repeat(`\xff`, kv.MaxValue)
	answers, status := ask(t, fmt.Sprintf("put \"%s\" \"%s\" if absent\nscan\n", key, value))
	assert.Equal(t, 0, status)
	assert.Equal(t, fmt.Sprintf("ok, version 1\n%q = \"%s\", version 1\n1 key\n",
		strings.Repeat("k", kv.MaxKey), value), answers)
}

func TestALongerLineIsOneErrorAndTheShellGoesOn(t *testing.T) {
	just, long := strings.Repeat("x", shell.MaxLine-1), strings.Repeat("x", 3*shell.MaxLine)
	answers, status := ask(t, just+"\n"+long+"\nget k\n"+long)
	lines := strings.Split(answers, "\n")
	require.Len(t, lines, 5, answers)
	assert.Contains(t, lines[0], "error: there is no command")
	assert.Equal(t, "error: the line is longer than 4199424 bytes, which is the limit", lines[1])
	assert.Equal(t, "absent", lines[2])
	assert.Equal(t, lines[1], lines[3])
	assert.Equal(t, 1, status)
	assert.Less(t, len(answers), 1000, "an error does not repeat the whole line")
}

func TestBytesThatAreNotUTF8AreNamed(t *testing.T) {
	answers, _ := ask(t, "get 日\xfe\nput k \"\xff\"\nput \ufffd v\n")
	assert.Equal(t, `error: column 6: not UTF-8; write such a byte as "\xfe", in quotes
error: column 8: not UTF-8; write such a byte as "\xff", in quotes
ok, version 1
`, answers)
}

// conversation is a shell on a pipe that has not come to its end.
type conversation struct {
	in      *io.PipeWriter
	answers *bufio.Reader
	status  chan int
}

func converse(ctx context.Context, verbs ...shell.Verb) *conversation {
	in, typed := io.Pipe()
	heard, out := io.Pipe()
	c := &conversation{typed, bufio.NewReader(heard), make(chan int, 1)}
	go func() {
		c.status <- shell.Shell{Store: store.Open(), In: in, Out: out, Verbs: verbs}.Run(ctx)
		out.Close()
	}()
	return c
}

func (c *conversation) ask(t *testing.T, line string) string {
	t.Helper()
	_, err := io.WriteString(c.in, line+"\n")
	require.NoError(t, err)
	answer, err := c.answers.ReadString('\n')
	require.NoError(t, err)
	return answer
}

func TestAnAnswerIsSentBeforeTheNextRequest(t *testing.T) {
	c := converse(t.Context())
	for i := range 3 {
		assert.Equal(t, fmt.Sprintf("ok, version %d\n", i+1), c.ask(t, "put k v"))
	}
	require.NoError(t, c.in.Close())
	assert.Equal(t, 0, <-c.status)
}

func TestTheShellEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := converse(ctx)
	c.ask(t, "get k")
	cancel()
	assert.Equal(t, 0, <-c.status)
}

func TestASignalEndsAPipe(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		c := converse(t.Context())
		c.ask(t, "get k")
		require.NoError(t, syscall.Kill(syscall.Getpid(), sig))
		assert.Equal(t, 0, <-c.status)
	}
}

func TestTheEndOfTheContextReachesTheCommandThatRuns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := converse(ctx, shell.Verb{Name: "hang", Run: func(ctx context.Context, _ []shell.Word, _ io.Writer) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	assert.Equal(t, "error: context canceled\n", c.ask(t, "hang"))
	assert.Equal(t, 1, <-c.status)
}

// deaf is an output that fails.
type deaf struct{ err error }

func (d deaf) Write([]byte) (int, error) { return 0, d.err }

func TestTheShellEndsWhenItsAnswersAreLost(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
	}{
		{syscall.EPIPE, 0}, // the reader has heard enough
		{syscall.ENOSPC, 1},
	} {
		in := strings.NewReader(strings.Repeat("get k\n", 1000))
		status := shell.Shell{Store: store.Open(), In: in, Out: deaf{test.err}}.Run(t.Context())
		assert.Equal(t, test.status, status, test.err)
	}
}

func TestAStepAddsVerbsOfItsOwn(t *testing.T) {
	promote := shell.Verb{
		Name: "promote", Usage: "NODE", Help: "make a node the leader\nIt must be a follower.",
		Run: func(_ context.Context, args []shell.Word, out io.Writer) error {
			if len(args) != 1 {
				return shell.UsageError("promote needs a node")
			}
			_, err := fmt.Fprintln(out, "promoted", args[0].Text)
			return err
		},
	}
	c := converse(t.Context(), promote)
	assert.Equal(t, "promoted b\n", c.ask(t, `promote "b"`))
	assert.Equal(t, "error: promote needs a node; usage: promote NODE\n", c.ask(t, "promote"))
	assert.Contains(t, c.ask(t, "demote"), "help, exit, quit, promote")
	assert.Equal(t, "promote NODE\n", c.ask(t, "help promote"))
}

// What is written with strconv.Quote is understood, and what the shell writes
// is what strconv.Quote writes: so programs can talk to it.
func FuzzWhatIsQuotedComesBack(f *testing.F) {
	for _, seed := range []string{"", "plain", "a b", `"`, `\`, "\n", "\r\n", "\x00\xff", "日本", "\ufffd", "'", "`", "#", "\u00a0", "\xed\xa0\x80"} {
		f.Add("k"+seed, seed)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if kv.Put(key, []byte(value)).Check() != nil {
			t.Skip()
		}
		k, v := strconv.Quote(key), strconv.Quote(value)
		answers, status := ask(t, fmt.Sprintf("put %s %s\nget %s\nscan %s\ndelete %s if 1\n", k, v, k, k, k))
		assert.Equal(t, 0, status)
		assert.Equal(t, fmt.Sprintf("ok, version 1\n%s, version 1\n%s = %s, version 1\n1 key\nok, version 2\n", v, k, v), answers)
	})
}

// Whatever is typed, it gets an answer of whole lines, and does not disturb
// the line that follows.
func FuzzAnyLineIsAnswered(f *testing.F) {
	for _, seed := range []string{"", "#", "get k", "put k v if absent", "put k \"a\\xff\" if 3", "scan a after b limit 2", `get "k`, `get k"`, "\xff", "get \u2028", "help put", "delete k if x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n") || strings.HasPrefix(strings.TrimSpace(line), "exit") || strings.HasPrefix(strings.TrimSpace(line), "quit") {
			t.Skip()
		}
		answers, status := ask(t, line+"\nget \"the next\"\n")
		first, ok := strings.CutSuffix(answers, "absent\n")
		require.True(t, ok, "%q", answers)
		failed := strings.HasPrefix(first, "error: ")
		assert.Equal(t, failed, status == 1)
		if failed {
			assert.Equal(t, 1, strings.Count(first, "\n"))
		}
	})
}
