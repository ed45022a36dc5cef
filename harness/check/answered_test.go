package check_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

func TestWhereNothingIsBrokenEverythingIsAnswered(t *testing.T) {
	checker := check.Answered("warm-up", check.Quiet)
	h := func(phase string, o history.Outcome) *history.History {
		return &history.History{Ops: []history.Op{{Client: 3, Phase: phase, Kind: history.Put, Key: "k", Call: 1e9, Outcome: o, Error: "no room"}}}
	}
	assert.Equal(t, check.Pass, checker(h("warm-up", history.OK)).Verdict)
	assert.Equal(t, check.Pass, checker(h("faults", history.Unknown)).Verdict)
	f := checker(h(check.Quiet, history.Fail))
	assert.Equal(t, check.Violation, f.Verdict)
	assert.Equal(t, `nothing was broken in the phase "quiet", and yet a put of "k" by client 3 at 1.000s failed: no room`, f.Reason)
	assert.Contains(t, checker(h("warm-up", history.Unknown)).Reason, "was left unknown: no room")
}
