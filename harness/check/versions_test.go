package check_test

import (
	"testing"

	"zeyrho/harness/check"
)

func TestVersions(t *testing.T) {
	run(t, check.Versions, map[string]string{
		"positions in a history, with gaps": `
			1-2 c0 put x 7 -> done 1
			3-4 c0 put y 8 -> done 5
			5-6 c0 put x 9 if 3 -> conflict 1
			7-8 c0 scan "" -> x=7@1 y=8@5
			9-10 c0 delete x -> done 6`,
		"writes side by side in any order": `
			1-9 c0 put x 7 -> done 3
			2-8 c1 put y 8 -> done 1
			2-7 c2 put z 8 -> done 2`,
		"the version of an unknown write": `
			1-? c0 put x 7
			2-3 c1 put y 8 -> done 4
			4-5 c1 get x -> 7@2
			6-7 c2 put x 6 if absent -> conflict 2`,
	}, map[string]wrong{
		"one version for two keys": {`
			1-9 c0 put x 7 -> done 3
			2-8 c1 put y 8 -> done 3`,
			`version 3 belongs to two writes: client 1 was told at 0.008s that its put of "8" to "y" was done (version 3), and client 0 was told at 0.009s that its put of "7" to "x" was done (version 3)`},
		"one version for two writes of a key": {`
			1-9 c0 put x 7 -> done 3
			2-8 c1 put x 7 -> done 3`,
			`version 3 belongs to two writes: client 1 was told at 0.008s that its put of "7" to "x" was done (version 3), and client 0 was told at 0.009s that its put of "7" to "x" was done (version 3)`},
		"one version for two values": {`
			1-2 c0 put x 7 -> done 3
			3-4 c1 get x -> 8@3`,
			`version 3 belongs to two writes: client 0 was told at 0.002s that its put of "7" to "x" was done (version 3), and client 1 read "8" (version 3) from "x" at 0.004s`},
		"a conflict that names another key's version": {`
			1-2 c0 put x 7 -> done 3
			3-4 c1 put y 8 if 1 -> conflict 3`,
			`version 3 belongs to two writes: client 0 was told at 0.002s that its put of "7" to "x" was done (version 3), and client 1 was told at 0.004s that its put of "8" to "y" if at version 1 met a conflict, the key being at version 3`},
		"a value at the version of a delete": {`
			1-2 c0 put x 7 -> done 2
			3-4 c0 delete x -> done 3
			5-6 c1 scan x -> x=7@3`,
			`version 3 belongs to two writes: client 0 was told at 0.004s that its delete of "x" was done (version 3), and client 1 read "7" (version 3) from "x" at 0.006s`},
		"a later write with a smaller version": {`
			1-2 c0 put x 7 -> done 3
			3-4 c1 put y 8 -> done 2`,
			`client 1 was told at 0.004s that its put of "8" to "y" was done (version 2), which it called at 0.003s, after version 3 had been named: client 0 was told at 0.002s that its put of "7" to "x" was done (version 3): versions must grow`},
		"a later write with a smaller version than was read": {`
			1-? c0 put x 7
			3-4 c1 get x -> 7@3
			5-6 c2 put y 8 -> done 2`,
			`client 2 was told at 0.006s that its put of "8" to "y" was done (version 2), which it called at 0.005s, after version 3 had been named: client 1 read "7" (version 3) from "x" at 0.004s: versions must grow`},
		"version 0": {`
			1-2 c0 put x 7 -> done 0`,
			`client 0 was told at 0.002s that its put of "7" to "x" was done (version 0), but 0 is no version`},
	})
}

func TestScans(t *testing.T) {
	run(t, check.Scans, map[string]string{
		"one instant in the middle of writes": `
			1-2 c0 put a 1 -> done 1
			3-4 c0 put b 1 -> done 2
			5-20 c9 scan "" -> a=2@3 b=1@2
			6-7 c0 put a 2 -> done 3
			8-9 c0 put b 2 -> done 4`,
		"a write that was under way is not seen": `
			1-2 c0 put a 1 -> done 1
			3-20 c0 put a 2 -> done 2
			5-6 c9 scan "" -> a=1@1
			7-8 c8 scan "" -> a=2@2`,
		"a key deleted and put again": `
			1-2 c0 put a 1 -> done 1
			3-4 c0 put b 1 -> done 2
			5-20 c9 scan "" -> b=1@2
			6-7 c0 delete a -> done 3
			8-9 c0 put a 2 -> done 4`,
		"an unknown write seen late, an unknown delete, an unknown write never seen": `
			1-2 c0 put a 1 -> done 1
			3-4 c0 put b 1 -> done 2
			5-? c1 put a 9
			6-? c2 delete b
			7-? c3 put c 5
			8-9 c9 scan "" -> a=1@1 b=1@2
			10-11 c9 scan "" -> a=9@7`,
		"what lies beyond the page": `
			1-2 c0 put a 1 -> done 1
			3-4 c0 put b 1 -> done 2
			5-6 c9 scan "" limit 1 -> a=1@1 more
			7-8 c9 scan "" after a -> b=1@2
			9-10 c9 scan b -> b=1@2`,
	}, map[string]wrong{
		"shards looked at one by one": {`
			1-2 c0 put a 1 -> done 7
			3-4 c0 put b 1 -> done 8
			5-20 c9 scan "" -> a=1@7 b=2@10
			6-7 c0 put a 2 -> done 9
			8-9 c0 put b 2 -> done 10`,
			`client 9 scanned "" at 0.020s: the page shows "b" as "2" (version 10) beside "a" as "1" (version 7), but the latter had been replaced by version 9 before: no instant had both (client 0 was told at 0.007s that its put of "2" to "a" was done (version 9))`},
		"a key that moved past the scan": {`
			1-2 c0 put a 1 -> done 1
			5-20 c9 scan "" ->
			6-7 c0 put b 1 -> done 2
			8-9 c0 delete a -> done 3`,
			`client 9 scanned "" at 0.020s: the page leaves out "a", which was there when the rest of the page became true (at version 1): client 0 was told at 0.002s that its put of "1" to "a" was done (version 1)`},
		"a stale item": {`
			1-2 c0 put a 1 -> done 1
			3-4 c0 put a 2 -> done 2
			5-6 c9 scan "" -> a=1@1`,
			`client 9 scanned "" at 0.006s: the page shows "a" as "1" (version 1), which version 2 had replaced, although version 2 had been named before the scan was called at 0.005s: client 0 was told at 0.004s that its put of "2" to "a" was done (version 2)`},
		"an item from the future": {`
			1-2 c0 put b 1 -> done 1
			3-? c1 put a 1
			5-6 c9 scan "" -> a=1@4 b=1@1
			7-8 c0 put b 2 -> done 3`,
			`client 9 scanned "" at 0.006s: the page shows "a" as "1" (version 4), although version 3 belongs to a write that was called only later, at 0.007s: client 0 was told at 0.008s that its put of "2" to "b" was done (version 3)`},
		"a missing key": {`
			1-2 c0 put a 1 -> done 1
			3-4 c0 put b 1 -> done 2
			5-6 c9 scan "" -> b=1@2`,
			`client 9 scanned "" at 0.006s: the page leaves out "a", which was there when the rest of the page became true (at version 2): client 0 was told at 0.002s that its put of "1" to "a" was done (version 1)`},
		"a deleted key": {`
			1-2 c0 put a 1 -> done 1
			3-4 c0 delete a -> done 2
			5-6 c9 scan "" -> a=1@1`,
			`client 9 scanned "" at 0.006s: the page shows "a" as "1" (version 1), which version 2 had replaced, although version 2 had been named before the scan was called at 0.005s: client 0 was told at 0.004s that its delete of "a" was done (version 2)`},
		"a value from nowhere": {`
			1-2 c0 put a 1 -> done 1
			5-6 c9 scan "" -> a=2@1`,
			`client 9 scanned "" at 0.006s: the page shows "a" as "2" (version 1), which nobody wrote`},
		"a page out of order": {`
			1-2 c0 put a 1 -> done 1
			3-4 c0 put b 1 -> done 2
			5-6 c9 scan "" -> b=1@2 a=1@1`,
			`client 9 scanned "" at 0.006s and got "a" after "b": the page is not sorted`},
	})
}
