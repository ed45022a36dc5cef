package check_test

import (
	"testing"
	"time"

	"zeyrho/harness/check"
)

func TestAgree(t *testing.T) {
	run(t, check.Agree(2), map[string]string{
		"pages of two nodes": `
			phase quiet
			1-2 c0 scan "" stale n1 -> a=1@1 b=2@5 more
			3-4 c0 scan "" after b stale n1 -> c=3@4
			5-6 c1 scan "" stale n2 -> a=1@1 b=2@5 c=3@4`,
		"what was shown before does not count": `
			1-2 c0 scan "" stale n1 -> a=1@1
			3-4 c0 scan "" stale n2 -> b=1@2
			phase quiet
			5-6 c0 scan "" stale n1 -> a=1@1 b=1@2
			7-8 c1 scan "" stale n2 -> a=1@1 b=1@2`,
	}, map[string]wrong{
		"another value": {`
			phase quiet
			1-2 c0 scan "" stale n1 -> a=1@1
			3-4 c1 scan "" stale n2 -> a=2@1`,
			`when nobody wrote any more, n1 had "1" (version 1) in "a", and n2 had "2" (version 1) in "a"`},
		"another version": {`
			phase quiet
			1-2 c0 scan "" stale n1 -> a=1@1
			3-4 c1 scan "" stale n2 -> a=1@2`,
			`when nobody wrote any more, n1 had "1" (version 1) in "a", and n2 had "1" (version 2) in "a"`},
		"a key too few": {`
			phase quiet
			1-2 c0 scan "" stale n1 -> a=1@1 b=1@2
			3-4 c1 scan "" stale n2 -> a=1@1`,
			`when nobody wrote any more, n1 had "1" (version 2) in "b", and n2 had nothing in "b"`},
		"no answer": {`
			phase quiet
			1-2 c0 scan "" stale n1 -> a=1@1
			3-4 c1 scan "" stale n2 -> fail`,
			`asked at 0.003s for everything, n2 does not show what it has: no`},
	})
	inconclusive(t, check.Agree(2), `
		phase quiet
		1-2 c0 scan "" stale n1 -> a=1@1
		3-4 c0 scan "" -> a=1@1`, `in the quiet phase, 1 of 2 nodes said what they hold`)
}

func TestConverge(t *testing.T) {
	run(t, check.Converge(2, 50*time.Millisecond), map[string]string{
		"one comes later": `
			phase quiet
			100 position n1 epoch 1.n1 written 5 synced 5 committed 5 applied 5
			101 position n2 epoch 1.n1 written 5 synced 4 committed 4 applied 4
			140 position n2 epoch 1.n1 written 5 synced 5 committed 5 applied 5`,
	}, map[string]wrong{
		"too late": {`
			phase quiet
			100 position n1 epoch 1.n1 written 5 synced 5 committed 5 applied 5
			101 position n2 epoch 1.n1 written 5 synced 4 committed 4 applied 4
			160 position n2 epoch 1.n1 written 5 synced 5 committed 5 applied 5`,
			`the nodes held the same entries only 60ms after the last write, and the bound is 50ms`},
		"another epoch": {`
			phase quiet
			100 position n1 epoch 1.n1 written 5 synced 5 committed 5 applied 5
			101 position n2 epoch 2.n2 written 5 synced 5 committed 5 applied 5`,
			`after the last write (at 0.100s) the nodes never held the same entries; in the end n1 had written up to 5, synced 5, committed 5 and applied 5, in epoch 1.n1; n2 had written up to 5, synced 5, committed 5 and applied 5, in epoch 2.n2`},
		"not applied": {`
			phase quiet
			100 position n1 epoch 1.n1 written 5 synced 5 committed 5 applied 5
			101 position n2 epoch 1.n1 written 5 synced 5 committed 5 applied 4`,
			`after the last write (at 0.100s) the nodes never held the same entries; in the end n1 had written up to 5, synced 5, committed 5 and applied 5, in epoch 1.n1; n2 had written up to 5, synced 5, committed 5 and applied 4, in epoch 1.n1`},
	})
	inconclusive(t, check.Converge(2, time.Second), `
		phase quiet
		100 position n1 epoch 1.n1 written 5 synced 5 committed 5 applied 5`, `in the quiet phase, 1 of 2 nodes said how far they were`)
	inconclusive(t, check.Converge(2, time.Second), `1-2 c0 get x -> absent`, `the run has no phase "quiet"`)
}
