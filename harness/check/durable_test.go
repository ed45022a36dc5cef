package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
)

func TestDurable(t *testing.T) {
	run(t, check.Durable, map[string]string{
		"the last write": `
			1-2 c0 put x 7 -> done 1
			3-4 c0 put x 8 -> done 2
			5-6 c0 put y 1 -> done 3
			7-8 c0 delete y -> done 4
			phase quiet
			100-101 c9 get x -> 8@2
			102-103 c9 get y -> absent`,
		"by scan": `
			1-2 c0 put x 7 -> done 1
			3-4 c0 put y 7 -> done 2
			5-6 c0 delete y -> done 3
			phase quiet
			100-101 c9 scan "" -> x=7@1`,
		"of two that overlap the one with the greater version": `
			1-5 c0 put x 7 -> done 2
			2-9 c1 put x 8 -> done 1
			phase quiet
			100-101 c9 get x -> 7@2`,
		"an unknown write before it, which took effect late": `
			1-? c0 put x 7
			3-4 c1 put x 8 -> done 1
			phase quiet
			100-101 c9 get x -> 7@5`,
		"an unknown delete": `
			1-2 c0 put x 7 -> done 1
			3-? c1 delete x
			phase quiet
			100-101 c9 get x -> absent`,
		"an unknown write that never happened": `
			1-2 c0 put x 7 -> done 1
			3-? c1 put x 8
			4-? c2 put y 8
			phase quiet
			100-101 c9 get x -> 7@1
			102-103 c9 get y -> absent`,
		"versions that began anew, for which others are to blame": `
			1-2 c0 put x 7 -> done 50
			30-40 c0 put x 8 -> done 1
			phase quiet
			100-101 c9 get x -> 8@1`,
	}, map[string]wrong{
		"a lost write": {`
			1-1100 c1 put x 8 -> done 13
			phase quiet
			9000-9300 c9 get x -> absent`,
			`client 9 found "x" absent at 9.300s, but client 1 had been told at 1.100s that "8" was written (version 13): that write was lost`},
		"an older value, on several keys": {`
			1-2 c0 put x 7 -> done 1
			3-4 c1 put x 8 -> done 2
			5-6 c1 put y 8 -> done 3
			7-8 c1 put z 8 -> done 4
			phase quiet
			100-101 c9 scan "" -> x=7@1`,
			`client 9 read "7" (version 1) from "x" at 0.101s, but client 1 had been told at 0.004s that "8" was written (version 2): that write was lost; 2 other keys went wrong too`},
		"a deleted key that came back": {`
			1-2 c0 put x 7 -> done 1
			3-4 c1 delete x -> done 2
			phase quiet
			100-101 c9 get x -> 7@1`,
			`client 9 read "7" (version 1) from "x" at 0.101s, but client 1 had been told at 0.004s that it was deleted (version 2): it came back`},
		"a write that had failed": {`
			3-4 c1 put x 8 -> fail
			phase quiet
			100-101 c9 get x -> 8@1`,
			`client 9 read "8" (version 1) from "x" at 0.101s, which nobody had written`},
	})
	inconclusive(t, check.Durable, `
		1-2 c0 put x 7 -> done 1
		3-4 c0 put y 7 -> done 2
		phase quiet
		100-101 c9 get x -> 7@1`,
		`nobody read "y" in the quiet phase, although it had been written`)
	inconclusive(t, check.Durable, `1-2 c0 get x -> absent`, "nothing was read in the quiet phase")
}

func TestCounter(t *testing.T) {
	run(t, check.Counter("n"), map[string]string{
		"all of them": `
			1-2 c0 put n 1 if absent -> done 1
			3-4 c1 put n 2 if absent -> conflict 1
			5-6 c1 put n 2 if 1 -> done 3
			phase quiet
			9-10 c0 get n -> 2@3`,
		"those that may have happened": `
			1-2 c0 put n 1 if absent -> done 1
			3-? c1 put n 2 if 1
			phase quiet
			9-10 c0 get n -> 2@3
			11-12 c0 scan "" -> n=2@3`,
		"or not": `
			1-? c1 put n 1 if absent
			phase quiet
			9-10 c0 get n -> absent`,
	}, map[string]wrong{
		"a lost increment": {`
			1-2 c0 put n 1 if absent -> done 1
			3-8 c1 put n 2 if 1 -> done 2
			4-9 c2 put n 2 if 1 -> done 3
			phase quiet
			10-11 c0 get n -> 2@3`,
			`client 0 read "2" (version 3) from "n" at 0.011s, after 3 increments acknowledged: 1 lost; client 1 was told at 0.008s that its put of "2" to "n" if at version 1 was done (version 2), and client 2 was told at 0.009s that its put of "2" to "n" if at version 1 was done (version 3)`},
		"an increment made twice": {`
			1-2 c0 put n 1 if absent -> done 1
			3-? c1 put n 2 if 1
			phase quiet
			10-11 c0 get n -> 3@3`,
			`client 0 read "3" (version 3) from "n" at 0.011s, after 1 increment acknowledged and 1 that may have happened: 1 too many, so some were made twice`},
		"no number": {`
			1-2 c0 put n 1 if absent -> done 1
			phase quiet
			10-11 c0 get n -> 1x@1`,
			`client 0 read "1x" (version 1) from "n" at 0.011s, which is not a number`},
	})
	inconclusive(t, check.Counter("n"), `1-2 c0 put n 1 if absent -> done 1`, `nobody read "n" in the quiet phase`)
	inconclusive(t, check.Counter("n"), `1-2 c0 put n 1 -> done 1
		3-4 c0 delete n -> done 2`, `"n" is deleted by operation 1: it is no counter`)
}

func TestTorn(t *testing.T) {
	a, b := check.MakeValue(1, 17, 64), check.MakeValue(2, 5, 64)
	run(t, check.Torn("v"), map[string]string{
		"whole values, and keys of another kind": `
			1-2 c0 put v ` + a + ` -> done 1
			3-4 c0 get v -> ` + a + `@1
			5-? c1 put v ` + b + `
			6-7 c0 scan "" -> v=` + b + `@2
			8-9 c0 put n 5 -> done 3
			10-11 c0 get n -> 5@3`,
	}, map[string]wrong{
		"a mixture of two": {`
			1-2 c0 put v ` + a + ` -> done 1
			1-? c1 put v ` + b + `
			3-4 c3 get v -> ` + a[:32] + b[32:] + `@1`,
			`client 3 read "c1.17.bjfqtakwfkmvrzvzstenxivwkvkmuiujrz"… (64 bytes) (version 1) from "v" at 0.004s: it begins like value 17 of client 1, but its checksum is wrong`},
		"a value of another key": {`
			1-2 c0 put v1 ` + check.MakeValue(1, 1, 0) + ` -> done 1
			3-4 c3 get v2 -> ` + check.MakeValue(1, 1, 0) + `@1`,
			`client 3 read "c1.1..787f04d3" (version 1) from "v2" at 0.004s, a whole value, but nobody had written it there`},
	})
}

func TestAValueThatWasChangedIsNoticed(t *testing.T) {
	for _, size := range []int{0, 1, 16, 64, 4096} {
		v := check.MakeValue(3, 9, size)
		require.NoError(t, check.CheckValue(v))
		require.GreaterOrEqual(t, len(v), size)
		require.LessOrEqual(t, len(v), max(size, 16))
		for i := range len(v) {
			require.Error(t, check.CheckValue(v[:i]), "cut after %d of %d", i, len(v))
			require.Error(t, check.CheckValue(v[:i]+"\x00"+v[i+1:]), "byte %d of %d changed", i, len(v))
		}
	}
	require.NotEqual(t, check.MakeValue(1, 2, 64), check.MakeValue(2, 1, 64))
}

func TestOnce(t *testing.T) {
	run(t, check.Once, map[string]string{
		"each once": `
			1-2 c0 put x 7 -> done 1
			3-4 c0 get x -> 7@1
			5-? c0 put x 8
			6-7 c1 get x -> 8@2
			8-9 c2 scan x -> x=8@2`,
		"put again by the client itself": `
			1-? c0 put x 7
			3-4 c1 put x 7 -> done 3
			5-6 c1 get x -> 7@3
			7-8 c1 get x -> 7@5`,
	}, map[string]wrong{
		"applied twice": {`
			1-2 c0 put x 7 -> done 12
			3-4 c1 put x 8 -> done 13
			5-6 c2 get x -> 7@15`,
			`client 0 was told at 0.002s that its put of "7" to "x" was done (version 12), and client 2 read "7" (version 15) from "x" at 0.006s: the put by client 0 was applied twice`},
		"an unknown put applied twice": {`
			1-? c0 put x 7
			3-4 c1 get x -> 7@1
			5-6 c2 get x -> 7@2`,
			`client 1 read "7" (version 1) from "x" at 0.004s, and client 2 read "7" (version 2) from "x" at 0.006s: the put by client 0 was applied twice`},
		"once too often": {`
			1-? c0 put x 7
			1-? c1 put x 7
			3-4 c2 get x -> 7@1
			5-6 c2 get x -> 7@2
			7-8 c2 get x -> 7@3`,
			`client 2 read "7" (version 3) from "x" at 0.008s, and the same value was seen with 3 versions, although it was put only 2 times: it was applied once too often`},
		"a conflict, and yet applied": {`
			1-2 c0 put x 6 -> done 1
			3-4 c1 put x 7 if 1 -> conflict 2
			5-6 c2 get x -> 7@2`,
			`client 2 read "7" (version 2) from "x" at 0.006s, although client 1 was told at 0.004s that its put of "7" to "x" if at version 1 met a conflict, the key being at version 2: it was refused and applied`},
		"failed, and yet applied": {`
			3-4 c1 put x 7 -> fail
			5-6 c2 get x -> 7@2`,
			`client 2 read "7" (version 2) from "x" at 0.006s, although client 1 had been told at 0.004s that its put of "7" to "x" failed: it was refused and applied`},
	})
}

func TestBank(t *testing.T) {
	const open = `
		1-2 c0 put acct/1 50 -> done 1
		3-4 c0 put acct/2 50 -> done 2
		phase faults
		`
	run(t, check.Bank("acct/", 100, "faults", "quiet"), map[string]string{
		"a transfer": open + `
			10-11 c0 put acct/1 40 if 1 -> done 3
			12-13 c0 put acct/2 60 if 2 -> done 4
			14-15 c1 scan acct/ -> acct/1=40@3 acct/2=60@4
			16-17 c1 scan acct/ limit 1 -> acct/1=40@3 more`,
		"one by one, at the end": open + `
			10-11 c0 put other 40 -> done 3
			phase quiet
			14-15 c1 get acct/1 -> 50@1
			16-17 c1 get acct/2 -> 50@2`,
	}, map[string]wrong{
		"half a transfer": {open + `
			5-6 c1 scan acct/ -> acct/1=50@1 acct/2=50@2
			10-11 c0 put acct/1 40 if 1 -> done 3
			12-? c0 put acct/2 60 if 2
			14-15 c1 scan acct/ -> acct/1=40@3 acct/2=50@2`,
			`client 1 scanned "acct/" at 0.015s: the accounts hold 90, not 100: 10 was lost; client 1 still saw the right total at 0.006s; the first write since then that did not go well: client 0 called its put of "60" to "acct/2" if at version 2 at 0.012s (unknown)`},
		"money from nowhere": {open + `
			14-15 c1 scan acct/ -> acct/1=60@3 acct/2=50@2`,
			`client 1 scanned "acct/" at 0.015s: the accounts hold 110, not 100: 10 was made`},
		"a torn amount": {open + `
			14-15 c1 scan acct/ -> acct/1=6x@3 acct/2=50@2`,
			`client 1 scanned "acct/" at 0.015s: the account "acct/1" holds "6x", which is no amount`},
		"one by one, at the end": {open + `
			phase quiet
			14-15 c1 get acct/1 -> 50@1
			16-17 c1 get acct/2 -> absent`,
			`read one by one in the quiet phase, the accounts hold 50, not 100`},
	})
	inconclusive(t, check.Bank("acct/", 100), open+`
		14-15 c1 get acct/1 -> 50@1`, `nobody looked at all accounts of "acct/" at once`)
}
