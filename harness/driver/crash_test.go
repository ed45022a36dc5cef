package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/crash"
)

func TestAPlanThatFailsIsReplayedFromItsFile(t *testing.T) {
	c := config{seed: 1, what: "lying-sync", crash: crashConfig{sync: crash.Batchwise, shrink: true}}
	var out bytes.Buffer
	assert.ErrorAs(t, runCrash(c, &out), &violation{})
	var first, again crash.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &first))
	text, err := json.Marshal(first.Plan)
	require.NoError(t, err)
	c.crash.plan = filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(c.crash.plan, text, 0o644))
	out.Reset()
	assert.ErrorAs(t, runCrash(c, &out), &violation{})
	require.NoError(t, json.Unmarshal(out.Bytes(), &again))
	assert.Equal(t, first.Reason, again.Reason)
	assert.Equal(t, first.Story, again.Story)
}

func TestAReportOfCrashesCanBeReadByPeople(t *testing.T) {
	var out bytes.Buffer
	writeCrashes(&out, &crash.Report{
		Verdict: check.Pass, States: 3, Kinds: map[string]int{"power": 2, "kill": 1},
		Coverage: crash.Coverage{Workloads: 1, Confessed: 4},
	})
	assert.Equal(t, "pass: 3 crash states in 1 workloads; 1 kill; 2 power\n4 times the end of the last file was damaged, and that looks like a commit that was never completed\n", out.String())
}
