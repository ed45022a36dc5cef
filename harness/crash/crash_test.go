package crash_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/crash"
)

func run(t *testing.T, o crash.Options) *crash.Report {
	r, err := crash.Run(o)
	require.NoError(t, err)
	return r
}

func passes(t *testing.T, r *crash.Report) {
	t.Helper()
	assert.Equal(t, check.Pass, r.Verdict, "%s: %s\n%s", r.Checker, r.Reason, r.Story)
}

func TestWhatWasAcknowledgedSurvivesEveryLossOfPower(t *testing.T) {
	for _, policy := range []string{crash.Batchwise, crash.Interval, crash.Never} {
		r := run(t, crash.Options{What: "power", Sync: policy, Seed: 5, States: 1})
		passes(t, r)
		for _, kind := range []string{"power", "kill", "power, then power", "kill, then power"} {
			assert.NotZero(t, r.Kinds[kind], "%s: %s", policy, kind)
		}
	}
}

func TestADiskThatFailsMakesNobodyLie(t *testing.T) {
	r := run(t, crash.Options{What: "errors", Sync: crash.Batchwise, Seed: 5, States: 1})
	passes(t, r)
	assert.Greater(t, r.Coverage.Faults, 100)
}

func TestRotIsRefusedAndTheExceptionIsCounted(t *testing.T) {
	r := run(t, crash.Options{What: "rot", Sync: crash.Batchwise, Seed: 5, States: 1})
	passes(t, r)
	assert.NotZero(t, r.Coverage.Confessed)
	assert.NotZero(t, r.Kinds["a file is missing"])
}

func TestTheSameSeedGivesTheSameToTheLetter(t *testing.T) {
	for _, o := range []crash.Options{
		{What: "power", Sync: crash.Never, Seed: 2},
		{What: "errors", Sync: crash.Interval, Seed: 2},
		{What: "rot", Sync: crash.Batchwise, Seed: 2},
		{What: "lying-sync", Sync: crash.Batchwise, Seed: 2, Shrink: true},
	} {
		r := run(t, o)
		assert.Equal(t, r, run(t, o), o.What)
		o.Seed++
		assert.NotEqual(t, r.Hash, run(t, o).Hash, "another seed is another run")
	}
}

// What comes of a disk that lies is also what comes of a store that does not
// sync. So this is the test of whether anything would be seen at all.
func TestALyingSyncLosesWhatWasAcknowledged(t *testing.T) {
	r := run(t, crash.Options{What: "lying-sync", Sync: crash.Batchwise, Seed: 3, Shrink: true})
	require.Equal(t, check.Violation, r.Verdict)
	assert.Equal(t, "durability", r.Checker)
	assert.Equal(t, 1, r.Plan.Requests(), "one write is enough to show it")
	assert.Contains(t, r.Story, "says that it is done, and does nothing")
	assert.Contains(t, r.Story, "=> "+r.Reason)
	assert.Less(t, strings.Count(r.Story, "\n"), 20)

	text, err := json.Marshal(r.Plan)
	require.NoError(t, err)
	var p crash.Plan
	require.NoError(t, json.Unmarshal(text, &p))
	again, err := crash.Replay(p)
	require.NoError(t, err)
	assert.Equal(t, r.Reason, again.Reason)
	assert.Equal(t, r.Story, again.Story)
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	_, err := crash.Run(crash.Options{What: "flood", Sync: crash.Batchwise})
	assert.ErrorContains(t, err, "lying-sync")
	_, err = crash.Run(crash.Options{What: "power", Sync: "sometimes"})
	assert.ErrorContains(t, err, "interval")
	_, err = crash.Replay(crash.Plan{})
	assert.Error(t, err)
}
