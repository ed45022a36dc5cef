package check_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

var lin = check.Linearizable(20 * time.Second)

func TestLinearizable(t *testing.T) {
	run(t, lin, map[string]string{
		"nothing at all": `
			1-2 c0 scan "" ->`,
		"one after another": `
			1-2 c0 get x -> absent
			3-4 c0 put x 7 -> done 1
			5-6 c1 get x -> 7@1
			7-8 c1 delete x -> done 5
			9-10 c0 get x -> absent
			11-12 c0 delete x -> absent
			13-14 c0 put x "" if absent -> done 9
			15-16 c0 get x -> ""@9
			17-18 c0 put x 8 if 1 -> conflict 9
			19-20 c0 delete x if absent -> conflict 9
			21-22 c0 delete x if 9 -> done 10
			23-24 c0 put x 8 if 9 -> conflict 0
			25-26 c0 delete x if absent -> absent`,
		"concurrent writes in the order of their versions, not of their replies": `
			1-10 c0 put x 7 -> done 2
			2-5 c1 put x 8 -> done 1
			11-12 c2 get x -> 7@2`,
		"a read beside a write sees the old value after another saw the new": `
			1-2 c0 put x 7 -> done 1
			3-9 c0 put x 8 -> done 2
			4-8 c1 get x -> 8@2
			5-8 c2 get x -> 7@1`,
		"a write of unknown outcome that surfaces late": `
			1-2 c0 put x 7 -> done 1
			3-? c1 put x 8
			4-5 c0 get x -> 7@1
			6-7 c0 put x 9 -> done 4
			8-9 c0 get x -> 9@4
			10-11 c0 get x -> 8@6`,
		"a write of unknown outcome that never happens": `
			1-2 c0 put x 7 -> done 1
			3-? c1 delete x
			4-5 c0 get x -> 7@1`,
		"one known by its version only": `
			1-? c1 put x 8
			4-5 c0 put x 9 if absent -> conflict 3
			6-7 c0 put x 9 if 3 -> done 4`,
		"a chain of them": `
			1-2 c0 put x 7 -> done 1
			3-? c1 delete x
			4-? c2 put x 8 if absent
			5-6 c0 get x -> 8@5`,
		"what failed did not happen": `
			1-2 c0 put x 7 -> done 1
			3-4 c0 put x 8 -> fail
			5-6 c0 get x -> 7@1`,
		"a lost read": `
			1-2 c0 put x 7 -> done 1
			3-? c1 get x
			5-6 c0 get x -> 7@1`,
	}, map[string]wrong{
		"two writes on one condition": {`
			1-2 c0 put x 7 -> done 1
			3-9 c1 put x 8 if 1 -> done 2
			4-8 c2 put x 9 if 1 -> done 3`,
			`client 2 was told at 0.008s that its put of "9" to "x" if at version 1 was done (version 3), but client 1 was told at 0.009s that "8" was written (version 2), on the same condition: only one of the two can be`},
		"a stale read": {`
			1000-1001 c0 put x 7 -> done 12
			1002-1100 c1 put x 8 -> done 13
			1200-1203 c3 get x -> 7@12`,
			`client 3 read "7" (version 12) from "x" at 1.203s, after client 1 had been told at 1.100s that "8" was written (version 13); right would have been "8" (version 13)`},
		"reads that go back in time": {`
			1-2 c0 put x 7 -> done 1
			3-20 c0 put x 8 -> done 2
			4-5 c1 get x -> 8@2
			6-7 c2 get x -> 7@1`,
			`client 2 read "7" (version 1) from "x" at 0.007s, after client 1 had read "8" (version 2) at 0.005s; right would have been "8" (version 2)`},
		"a lost write": {`
			1-2 c0 put x 7 -> done 1
			3-4 c1 get x -> absent`,
			`client 1 found "x" absent at 0.004s, after client 0 had been told at 0.002s that "7" was written (version 1), and nobody deleted it; right would have been "7" (version 1)`},
		"a value from nowhere": {`
			1-2 c0 put x 7 -> done 1
			3-4 c1 get x -> 8@1`,
			`client 1 read "8" (version 1) from "x" at 0.004s, although nobody had written that by then; right would have been "7" (version 1)`},
		"a value from the future": {`
			1-2 c1 get x -> 7@1
			3-4 c0 put x 7 -> done 1`,
			`client 1 read "7" (version 1) from "x" at 0.002s, although nobody had written that by then; right would have been absent`},
		"a refused write that happened": {`
			1-2 c0 put x 7 -> fail
			3-4 c1 get x -> 7@1`,
			`client 1 read "7" (version 1) from "x" at 0.004s, although client 0 had been told at 0.002s that its put of that value failed; right would have been absent`},
		"a conflict that wrote": {`
			1-2 c0 put x 6 -> done 1
			3-4 c0 put x 7 if 5 -> conflict 1
			5-6 c1 get x -> 7@3`,
			`client 1 read "7" (version 3) from "x" at 0.006s, although client 0, who alone tried to write that, was told at 0.004s of a conflict; right would have been "6" (version 1)`},
		"the version of another write": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 put x 8 -> done 2
			5-6 c1 get x -> 8@1`,
			`client 1 read "8" (version 1) from "x" at 0.006s, but client 0 had been told at 0.004s that "8" was written (version 2); right would have been "8" (version 2)`},
		"a lost update": {`
			1-2 c0 put x 7 -> done 12
			3-9 c1 put x 8 if 12 -> done 13
			4-10 c2 put x 9 if 12 -> done 14`,
			`client 2 was told at 0.010s that its put of "9" to "x" if at version 12 was done (version 14), but client 1 had been told at 0.009s that "8" was written (version 13), so version 12 was no longer there; right would have been a conflict, the key being at version 13`},
		"put if absent over something": {`
			1-2 c0 put x 7 -> done 1
			3-4 c1 put x 8 if absent -> done 2`,
			`client 1 was told at 0.004s that its put of "8" to "x" if absent was done (version 2), after client 0 had been told at 0.002s that "7" was written (version 1), and nobody deleted it; right would have been a conflict, the key being at version 1`},
		"a conflict with what was asked for": {`
			1-2 c0 put x 7 -> done 1
			3-4 c1 put x 8 if 1 -> conflict 1`,
			`client 1 was told at 0.004s that its put of "8" to "x" if at version 1 met a conflict, the key being at version 1, although that is what it asked for; right would have been done`},
		"a conflict that names an old version": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 put x 8 -> done 2
			5-6 c1 delete x if 3 -> conflict 1`,
			`client 1 was told at 0.006s that its delete of "x" if at version 3 met a conflict, the key being at version 1, after client 0 had been told at 0.004s that "8" was written (version 2); right would have been a conflict, the key being at version 2`},
		"versions that fall": {`
			1-2 c0 put x 7 -> done 5
			3-4 c1 put x 8 -> done 4`,
			`client 1 was told at 0.004s that its put of "8" to "x" was done (version 4), after client 0 had been told at 0.002s that "7" was written (version 5): versions must grow`},
		"a version given twice": {`
			1-6 c0 put x 7 -> done 5
			3-4 c1 put x 8 -> done 5`,
			`client 0 was told at 0.006s that its put of "7" to "x" was done (version 5), but the same version had been given to client 1 at 0.004s, for its put of "8" to "x"`},
		"a version that was used before a delete": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 delete x -> done 2
			5-6 c0 put x 8 -> done 1`,
			`client 0 was told at 0.006s that its put of "8" to "x" was done (version 1), after client 0 had been told at 0.004s that it was deleted (version 2): versions must grow`},
		"an unknown write that happens twice": {`
			1-? c0 put x 7
			3-4 c1 get x -> 7@1
			5-6 c1 put x 8 -> done 2
			7-8 c1 get x -> 7@3`,
			`client 1 read "7" (version 3) from "x" at 0.008s, which no order of the operations on "x" up to then explains; right would have been "8" (version 2)`},
		"an unknown write with two versions": {`
			1-? c0 put x 7
			3-4 c1 get x -> 7@1
			5-6 c1 get x -> 7@2`,
			`client 1 read "7" (version 2) from "x" at 0.006s, which no order of the operations on "x" up to then explains; right would have been "7" (version 1)`},
		"a delete that comes back": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 delete x -> done 2
			5-6 c1 get x -> 7@1`,
			`client 1 read "7" (version 1) from "x" at 0.006s, after client 0 had been told at 0.004s that it was deleted (version 2); right would have been absent`},
		"nothing to delete where there was something": {`
			1-2 c0 put x 7 -> done 1
			3-4 c1 delete x -> absent`,
			`client 1 was told at 0.004s that there was no "x" to delete, after client 0 had been told at 0.002s that "7" was written (version 1), and nobody deleted it; right would have been done`},
		"something to delete where there was nothing": {`
			1-2 c1 delete x -> done 1`,
			`client 1 was told at 0.002s that its delete of "x" was done (version 1), which no order of the operations on "x" up to then explains; right would have been absent`},
		"an empty value taken for absence": {`
			1-2 c0 put x "" -> done 1
			3-4 c0 get x -> absent`,
			`client 0 found "x" absent at 0.004s, after client 0 had been told at 0.002s that "" was written (version 1), and nobody deleted it; right would have been "" (version 1)`},
		"version 0": {`
			1-2 c0 put x 7 -> done 0`,
			`client 0 was told at 0.002s that its put of "7" to "x" was done (version 0), but 0 is no version`},
	})
}

func TestTheFirstImpossibleReplyIsNamedWithItsWitness(t *testing.T) {
	f := judge(t, lin, `
		1-2 c0 put y 1 -> done 1
		3-4 c0 put x 7 -> done 2
		5-6 c1 put x 8 -> done 3
		7-8 c2 get x -> 7@2
		9-10 c3 get x -> 7@2`)
	require.Equal(t, []int{3, 2}, f.Ops)
}

func TestTooManyClientsOnAKeyAreNotJudged(t *testing.T) {
	h := &history.History{}
	for i := range 11 {
		h.Ops = append(h.Ops, history.Op{ID: i, Client: i, Phase: "faults", Kind: history.Put, Key: "x", Value: fmt.Sprint(i),
			Call: 1, Return: 2, Outcome: history.OK, Status: history.Done, Version: uint64(i + 1)})
	}
	f := lin(h)
	require.Equal(t, check.Inconclusive, f.Verdict)
	require.Equal(t, `11 operations on "x" run at the same time; more than 10 are too many to order`, f.Reason)
	h.Ops = h.Ops[:10]
	require.Equal(t, check.Pass, lin(h).Verdict)
}

func TestARunOutOfTimeIsInconclusive(t *testing.T) {
	f := check.Linearizable(0)(script(t, `1-2 c0 put x 7 -> done 1`))
	require.Equal(t, check.Inconclusive, f.Verdict)
	require.Equal(t, `the time was not enough to order the 1 operations on "x"`, f.Reason)
}

func TestTheOperationsOnAKeyCanBeSeenOnAPage(t *testing.T) {
	h := script(t, `
		1-2 c0 put x 7 -> done 1
		2 fault n1 kill
		3-? c2 put x 9
		3-4 c1 get x -> absent`)
	var page bytes.Buffer
	require.NoError(t, check.WriteLinHTML(&page, h, "x", time.Second))
	require.Contains(t, page.String(), "found \\\"x\\\" absent")
	require.ErrorContains(t, check.WriteLinHTML(&page, h, "y", time.Second), "no operation")
}
