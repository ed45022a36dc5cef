package check_test

import (
	"testing"

	"zeyrho/harness/check"
)

func TestModel(t *testing.T) {
	run(t, check.Model, map[string]string{
		"everything that a map does": `
			1-2 c0 get x -> absent
			3-4 c0 put x 7 -> done 1
			5-6 c0 put y "" -> done 4
			7-8 c1 get y -> ""@4
			9-10 c0 put x 8 if 2 -> conflict 1
			11-12 c0 put x 8 if 1 -> done 6
			13-14 c0 delete z -> absent
			15-16 c0 scan "" -> x=8@6 y=""@4
			17-18 c0 scan "" limit 1 -> x=8@6 more
			19-20 c0 scan "" after x limit 1 -> y=""@4
			21-22 c0 scan y -> y=""@4
			23-24 c0 delete x if 6 -> done 9
			25-26 c0 scan x ->
			27-28 c0 put x 7 if absent -> done 10`,
		"a page that ends before its limit": `
			1-2 c0 put x 7 -> done 1
			3-4 c0 put y 7 -> done 2
			5-6 c0 scan "" limit 2 -> x=7@1 more`,
		"an unknown write, seen late in a scan": `
			1-2 c0 put x 7 -> done 1
			3-? c1 put x 8
			4-? c2 delete y
			5-6 c0 get x -> 7@1
			7-8 c0 put y 1 -> done 2
			9-10 c0 scan "" -> x=8@3
			11-12 c0 get x -> 8@3`,
		"an unknown write that never happens": `
			1-? c1 put x 8
			3-4 c0 get x -> absent
			5-6 c0 scan "" ->`,
		"more, because of an unknown write": `
			1-2 c0 put x 7 -> done 1
			3-? c1 put y 8
			4-5 c0 scan "" limit 1 -> x=7@1 more`,
		"refusals": `
			1-2 c0 put x 7 -> fail
			3-4 c0 get x -> absent`,
	}, map[string]wrong{
		"a wrong value": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 get x -> 8@1`,
			`client 0 read "8" (version 1) from "x" at 0.004s; right would have been "7" (version 1)`},
		"a wrong version": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 get x -> 7@2`,
			`client 0 read "7" (version 2) from "x" at 0.004s; right would have been "7" (version 1)`},
		"empty taken for absent": {`
			1-2 c0 put x "" -> done 1
			3-4 c0 get x -> absent`,
			`client 0 found "x" absent at 0.004s; right would have been "" (version 1)`},
		"a version that starts anew after a delete": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 delete x -> done 2
			5-6 c0 put x 8 -> done 1`,
			`client 0 was told at 0.006s that its put of "8" to "x" was done (version 1), after client 0 was told at 0.004s that its delete of "x" was done (version 2): versions must grow`},
		"a version used for two keys": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 put y 8 -> done 1`,
			`client 0 was told at 0.004s that its put of "8" to "y" was done (version 1), after client 0 was told at 0.002s that its put of "7" to "x" was done (version 1): versions must grow`},
		"a condition that is ignored": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 put x 8 if 9 -> done 2`,
			`client 0 was told at 0.004s that its put of "8" to "x" if at version 9 was done (version 2); right would have been a conflict, the key being at version 1`},
		"a condition that is refused": {`
			1-2 c0 put x 7 if absent -> conflict 0`,
			`client 0 was told at 0.002s that its put of "7" to "x" if absent met a conflict, the key being absent; right would have been done`},
		"a scan that is not sorted": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 put y 8 -> done 2
			5-6 c0 scan "" -> y=8@2 x=7@1`,
			`client 0 scanned "" at 0.006s and got "x" after "y": the page is not sorted`},
		"a scan that shows a key twice": {`
			1-2 c0 put x 7 -> done 1
			5-6 c0 scan "" -> x=7@1 x=7@1`,
			`client 0 scanned "" at 0.006s and got "x" twice`},
		"a scan outside its prefix": {`
			1-2 c0 put x 7 -> done 1
			5-6 c0 scan y -> x=7@1`,
			`client 0 scanned "y" at 0.006s and got "x", which does not begin like that`},
		"a scan that forgets its cursor": {`
			1-2 c0 put x 7 -> done 1
			5-6 c0 scan "" after x -> x=7@1`,
			`client 0 scanned "" at 0.006s and got "x", which does not come after "x"`},
		"a scan beyond its limit": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 put y 8 -> done 2
			5-6 c0 scan "" limit 1 -> x=7@1 y=8@2`,
			`client 0 scanned "" at 0.006s and got 2 keys, where the limit was 1`},
		"a scan that leaves a key out": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 put y 8 -> done 2
			5-6 c0 scan "" -> x=7@1`,
			`client 0 scanned "" at 0.006s and did not get "y"; right would have been "8" (version 2)`},
		"a scan that shows what is gone": {`
			1-2 c0 put x 7 -> done 1
			3-4 c0 delete x -> done 2
			5-6 c0 scan "" -> x=7@1`,
			`client 0 scanned "" at 0.006s and got "x" as "7" (version 1); right would have been absent`},
		"more where there is nothing": {`
			1-2 c0 put x 7 -> done 1
			5-6 c0 scan "" limit 1 -> x=7@1 more`,
			`client 0 scanned "" at 0.006s and was told that there is more after "x", but there is nothing`},
		"more of nothing": {`
			5-6 c0 scan "" -> more`,
			`client 0 scanned "" at 0.006s and got an empty page that says that there is more`},
		"an unknown write that happens twice": {`
			1-? c0 put x 7
			3-4 c1 get x -> 7@1
			5-6 c1 delete x -> done 2
			7-8 c1 get x -> 7@3`,
			`client 1 read "7" (version 3) from "x" at 0.008s; right would have been absent`},
		"an unknown write with a version from before its call": {`
			1-2 c0 put y 1 -> done 5
			3-? c0 put x 7
			4-5 c1 get x -> 7@4`,
			`client 1 read "7" (version 4) from "x" at 0.005s; right would have been "7" or absent`},
	})
	inconclusive(t, check.Model, `
		1-5 c0 put x 7 -> done 1
		2-6 c1 put x 8 -> done 2`,
		"operations 0 and 1 overlap: their order is not known")
}
