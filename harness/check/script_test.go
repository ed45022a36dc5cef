package check_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// script makes a history from lines like these; instants are milliseconds:
//
//	phase faults                          begins a phase, at the next instant
//	10-20 c1 put x 7 if 4 -> done 5       or conflict 6, fail
//	10-?  c1 put x 7 if absent            of unknown outcome
//	10-20 c1 get x -> 7@5                 or absent
//	10-20 c1 delete x -> done 6           or absent
//	10-20 c1 scan a after b limit 2 -> ba=1@3 bb=2@4 more
//	15 fault n1 kill -9                   an event
//	15 sample n1 rss 100
//	15 position n1 epoch 1.n1 written 5 synced 5 committed 4 applied 4
//
// After a read's arguments may come its level and who answered: stale n2.
// "" is the empty string.
func script(t *testing.T, text string) *history.History {
	t.Helper()
	h := &history.History{Header: history.Header{Scenario: "test", Column: "01", World: "sim"}}
	phase, fresh := "warm-up", false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(strings.ReplaceAll(line, `""`, "\x00"))
		if words[0] == "phase" {
			phase, fresh = words[1], true
			continue
		}
		from, to, isOp := strings.Cut(words[0], "-")
		if fresh {
			h.Events = append(h.Events, history.Event{At: ms(t, from), Kind: "phase", Text: phase})
			fresh = false
		}
		if !isOp {
			h.Events = append(h.Events, event(t, ms(t, from), words[1:]))
			continue
		}
		op := history.Op{ID: len(h.Ops), Phase: phase, Call: ms(t, from), Outcome: history.Unknown}
		if to != "?" {
			op.Return = ms(t, to)
		}
		parse(t, &op, words[1:])
		h.Ops = append(h.Ops, op)
	}
	return h
}

func event(t *testing.T, at int64, words []string) history.Event {
	e := history.Event{At: at, Kind: words[0], Node: words[1], Text: strings.Join(words[2:], " ")}
	if e.Kind == "sample" {
		v, err := strconv.ParseFloat(words[3], 64)
		require.NoError(t, err)
		e.Text, e.Value = words[2], v
	}
	if e.Kind == history.Position {
		e.Text, e.Epoch, e.Positions = "", words[3], &history.Positions{
			Written: number(t, words[5]), Synced: number(t, words[7]), Committed: number(t, words[9]), Applied: number(t, words[11]),
		}
	}
	return e
}

func ms(t *testing.T, s string) int64 {
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return int64(n) * 1e6
}

func number(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(t, err)
	return n
}

func text(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func parse(t *testing.T, op *history.Op, words []string) {
	_, err := fmt.Sscanf(words[0], "c%d", &op.Client)
	require.NoError(t, err)
	op.Kind, op.Key = history.Kind(words[1]), text(words[2])
	words = words[3:]
	if op.Kind == history.Put {
		op.Value, words = text(words[0]), words[1:]
	}
	for len(words) > 0 && words[0] != "->" {
		switch words[0] {
		case "if":
			var v uint64
			if words[1] != "absent" {
				v = number(t, words[1])
			}
			op.If = &v
		case "after":
			op.After = text(words[1])
		case "limit":
			op.Limit = int(number(t, words[1]))
		case "session", "stale":
			op.Level, op.Node = words[0], words[1]
		default:
			t.Fatalf("word %q", words[0])
		}
		words = words[2:]
	}
	if len(words) > 0 {
		answer(t, op, words[1:])
	}
}

func answer(t *testing.T, op *history.Op, words []string) {
	op.Outcome, op.Status = history.OK, history.Done
	switch {
	case len(words) == 1 && words[0] == "fail":
		op.Outcome, op.Status, op.Error = history.Fail, "", "no"
	case len(words) == 1 && words[0] == "absent":
		op.Status = history.Absent
	case op.Kind == history.Get:
		op.Value, op.Version = item(t, words[0])
	case op.Kind == history.Scan:
		for _, w := range words {
			if w == "more" {
				op.More = true
				continue
			}
			key, rest, _ := strings.Cut(w, "=")
			it := history.Item{Key: text(key)}
			it.Value, it.Version = item(t, rest)
			op.Items = append(op.Items, it)
		}
	default:
		op.Status = history.Status(words[0])
		op.Version = number(t, words[1])
	}
}

func item(t *testing.T, s string) (string, uint64) {
	value, version, _ := strings.Cut(s, "@")
	return text(value), number(t, version)
}

// wrong is a history that is wrong in one way, and what must be said about it.
type wrong struct{ script, want string }

// run judges histories: good ones must pass, the others must be violations
// with the very sentence.
func run(t *testing.T, checker check.Checker, good map[string]string, bad map[string]wrong) {
	t.Helper()
	for name, text := range good {
		t.Run("pass "+name, func(t *testing.T) {
			f := judge(t, checker, text)
			require.Equal(t, check.Pass, f.Verdict, f.Reason)
			require.Empty(t, f.Reason)
		})
	}
	for name, c := range bad {
		t.Run("violation "+name, func(t *testing.T) {
			f := judge(t, checker, c.script)
			require.Equal(t, check.Violation, f.Verdict, f.Reason)
			require.Equal(t, c.want, f.Reason)
		})
	}
}

func judge(t *testing.T, checker check.Checker, text string) check.Finding {
	t.Helper()
	found := check.Judge(script(t, text), checker)
	require.Len(t, found, 1)
	require.NotEqual(t, "history", found[0].Checker, found[0].Reason)
	return found[0]
}

func inconclusive(t *testing.T, checker check.Checker, text, want string) {
	t.Helper()
	f := judge(t, checker, text)
	require.Equal(t, check.Inconclusive, f.Verdict, f.Reason)
	require.Equal(t, want, f.Reason)
}
