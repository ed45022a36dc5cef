package crash

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/04-journal/machine"
)

// told returns the answers that the last n requests of the book ought to get.
func told(b *book, n int) (answers []machine.Answer) {
	for _, e := range b.log[len(b.log)-n:] {
		answers = append(answers, machine.Answer{Result: e.want.result, Session: e.want.opened})
	}
	return answers
}

func ask(t *testing.T, b *book, batch ...Request) {
	n := len(b.begin(batch))
	require.NoError(t, b.answered(n, told(b, n)))
}

func put(value string) Request { return Request{Do: "put", Key: "k", Value: value} }

func newPage(policy string) *book { return newBook(&Plan{Sync: policy, Sessions: 2}) }

func TestTheLogIsWhatItAddsUpTo(t *testing.T) {
	b := newPage(Batchwise)
	ask(t, b, Request{Do: "open"}, put("1"))
	ask(t, b, Request{Do: "put", Key: "k", Value: "2", If: "now", Numbered: true})
	ask(t, b, Request{Do: "again"})
	assert.Equal(t, []item{{"k", "2", 4}}, b.states[4].items)
	assert.Equal(t, reply{result: kv.Result{Status: kv.Done, Version: 4}, copied: true}, b.log[3].want)
	assert.Equal(t, kv.Result{Status: kv.Conflict, Version: 4}, b.with(t, Request{Do: "delete", Key: "k", If: "never"}))
	assert.Equal(t, kv.Result{Status: kv.NotFound}, b.with(t, Request{Do: "delete", Key: "no"}))
}

func (b *book) with(t *testing.T, r Request) kv.Result {
	ask(t, b, r)
	return b.log[len(b.log)-1].want.result
}

func TestAForgottenSessionIsToldThatItMayHaveHappened(t *testing.T) {
	b := newPage(Batchwise)
	ask(t, b, Request{Do: "open"}, Request{Do: "open", Client: 1}, Request{Do: "open", Client: 2})
	b.begin([]Request{{Do: "put", Key: "k", Value: "1", Numbered: true}})
	assert.True(t, b.log[3].want.late)
	assert.Empty(t, b.states[4].items)
	require.NoError(t, b.answered(1, []machine.Answer{{Err: kv.ErrUnknown}}))
}

func TestAWrongAnswerIsSeen(t *testing.T) {
	b := newPage(Batchwise)
	b.begin([]Request{put("1")})
	assert.ErrorContains(t, b.answered(1, []machine.Answer{{Result: kv.Result{Status: kv.Done, Version: 3}}}), `A puts k = "1", and is told done, version 3 instead of done, version 2`)
	assert.Error(t, b.answered(1, nil))
}

func TestWhatIsMissingOrTooMuchIsSaid(t *testing.T) {
	b := newPage(Batchwise)
	ask(t, b, put("1"))
	ask(t, b, put("2"))
	for _, c := range []struct {
		n       int
		items   []item
		checker string
		reason  string
	}{
		{1, []item{{"k", "1", 2}}, "durability", `A had been told that k = "2" was done, and now k is "1" (version 2)`},
		{0, nil, "durability", `k is absent (and 1 more)`},
		{2, []item{{"k", "x", 3}}, "prefix", `k as "x" (version 3) instead of "2" (version 3)`},
		{0, []item{{"k", "2", 3}}, "prefix", `says that its last version is 1`},
		{3, []item{{"k", "2", 3}}, "durability", `its last version is 4`},
	} {
		checker, reason := b.explain(c.n, b.safe, c.items)
		assert.Equal(t, c.checker, checker)
		assert.Contains(t, reason, c.reason)
	}
}

func TestEveryPolicyIsJudgedByWhatItPromises(t *testing.T) {
	for policy, want := range map[string]check.Verdict{Batchwise: check.Violation, Never: check.Pass} {
		b := newPage(policy)
		ask(t, b, put("1"))
		assert.Equal(t, want, check.Durable(b.history(b.safe, nil)).Verdict, policy)
		assert.Equal(t, check.Violation, check.Durable(b.history(b.acked, nil)).Verdict, "a kill takes nothing away")
	}
}

func TestWhatWasRefusedMustNotBeThere(t *testing.T) {
	b := newPage(Batchwise)
	b.begin([]Request{put("1")})
	b.undone(1)
	_, reason := b.explain(1, 0, []item{{"k", "1", 2}})
	assert.Contains(t, reason, "would not")
	assert.Equal(t, check.Violation, check.Durable(b.history(0, []item{{"k", "1", 2}})).Verdict)
	ask(t, b, put("2"))
	assert.Equal(t, kv.Version(2), b.states[1].items[0].version, "its version is used again")
}
