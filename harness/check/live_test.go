package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

func TestLive(t *testing.T) {
	run(t, check.Live(2, 2, 50*time.Millisecond), map[string]string{
		"everybody goes on, one under another number": `
			phase liveness
			100-101 c0 get x -> absent
			102-103 c0 put x 1 -> done 1
			100-? c1 put x 2
			110-120 c2 get x -> 1@1
			121-130 c2 get x -> 1@1`,
	}, map[string]wrong{
		"one is stuck": {`
			1-2 c1 get x -> absent
			phase liveness
			100-101 c0 get x -> absent
			102-103 c0 put x 1 -> done 1
			104-105 c1 get x -> 1@1
			106-151 c1 get x -> 1@1`,
			`within 50ms of healing (at 0.100s), 1 of 2 clients completed 2 operations each; client 1 completed 1`},
		"all are refused": {`
			phase liveness
			100-101 c0 get x -> fail`,
			`within 50ms of healing (at 0.100s), 0 of 2 clients completed 2 operations each; client 0 completed 0`},
	})
	inconclusive(t, check.Live(1, 1, time.Second), `1-2 c0 get x -> absent`, `the run has no phase "liveness"`)
}

func TestGap(t *testing.T) {
	run(t, check.Gap("faults", 50*time.Millisecond), map[string]string{
		"answers all the time": `
			1-2 c0 get x -> absent
			phase faults
			100-101 c0 get x -> absent
			102-150 c0 get x -> absent
			150-152 c0 get x -> fail
			phase liveness
			180-181 c0 get x -> absent`,
	}, map[string]wrong{
		"silence in the middle": {`
			phase faults
			100-110 c0 get x -> absent
			120-130 c1 get x -> fail
			115-181 c3 get x -> absent
			phase liveness
			190-191 c0 get x -> absent`,
			`in the phase "faults" nobody got an answer for 71ms from 0.110s on, and the bound is 50ms; client 3 was the first to get one again, after waiting for 66ms`},
		"silence to the end": {`
			phase faults
			100-110 c0 get x -> absent
			120-? c1 get x
			phase liveness
			190-191 c0 get x -> absent`,
			`in the phase "faults" nobody got an answer for 80ms from 0.110s on, and the bound is 50ms; it lasted until the phase ended`},
	})
	inconclusive(t, check.Gap("faults", time.Second), `1-2 c0 get x -> absent`, `the run has no phase "faults"`)
}

func TestARunInWhichTooLittleHappenedIsInconclusive(t *testing.T) {
	c := check.Coverage(check.Need{OK: 2, Unknown: 1, Conflicts: 1, Kinds: map[history.Kind]int{history.Scan: 1}, Faults: []string{"kill", "lost-reply"}})
	inconclusive(t, c, `
		1-2 c0 get x -> absent
		3 fault n1 kill-9 is another`,
		`too little happened: 1 operation that went well instead of 2; 0 operations that had an unknown outcome instead of 1; 0 operations that met a conflict instead of 1; 0 operations that were a scan and went well instead of 1; the fault "kill" never fired; the fault "lost-reply" never fired`)
	require.Equal(t, check.Pass, judge(t, c, `
		1-2 c0 put x 1 if 5 -> conflict 0
		3-? c0 get x
		3-4 c1 scan "" ->
		5 fault n1 kill: after 3 operations
		5 fault n1 lost-reply`).Verdict)
}

func TestARunBeginsWithALookAtAnEmptyStore(t *testing.T) {
	require.Equal(t, check.Pass, judge(t, check.StartedEmpty, `1-2 c0 scan "" ->`).Verdict)
	inconclusive(t, check.StartedEmpty, `1-2 c0 scan "" -> x=1@1`, `the store was not empty when the run began: it held "x"`)
	inconclusive(t, check.StartedEmpty, `1-2 c0 get x -> absent`, `the run did not begin with a scan of everything`)
	require.Equal(t, check.Inconclusive, check.StartedEmpty(&history.History{}).Verdict)
}

func TestTheWorstFindingDecides(t *testing.T) {
	pass, violation, unsure := check.Finding{Checker: "a", Verdict: check.Pass}, check.Finding{Checker: "b", Verdict: check.Violation}, check.Finding{Checker: "c", Verdict: check.Inconclusive}
	require.Equal(t, check.Pass, check.All([]check.Finding{pass, pass}).Verdict)
	require.Equal(t, unsure, check.All([]check.Finding{pass, unsure, pass}))
	require.Equal(t, violation, check.All([]check.Finding{unsure, violation, pass}))
	require.Equal(t, check.Inconclusive, check.All(nil).Verdict)
}

func TestAMalformedHistoryIsNeverAPass(t *testing.T) {
	h := script(t, `
		1-5 c0 get x -> absent
		2-3 c0 get x -> absent`)
	found := check.Judge(h, check.Versions, check.Model)
	require.Len(t, found, 1)
	require.Equal(t, check.Inconclusive, found[0].Verdict)
	require.Contains(t, found[0].Reason, "client 0 called operation 1 before operation 0 was answered")
}
