package check_test

import (
	"testing"

	"zeyrho/harness/check"
)

func TestSession(t *testing.T) {
	run(t, check.Session, map[string]string{
		"what others have written need not be seen": `
			1-2 c0 put x 1 -> done 1
			3-4 c0 put x 2 -> done 2
			5-6 c1 get x session n2 -> 1@1
			7-8 c1 get x session n2 -> 2@2
			9-10 c2 get x session n3 -> absent`,
		"an old value of a key that nobody had written meanwhile": `
			1-2 c0 put x 1 -> done 1
			3-4 c0 put y 1 -> done 2
			5-6 c1 get y session n2 -> 1@2
			7-8 c1 get x session n3 -> 1@1`,
		"a key that was deleted after what the client had seen": `
			1-2 c0 put x 1 -> done 1
			3-4 c1 get x session n2 -> 1@1
			5-6 c0 delete x -> done 2
			7-8 c1 get x session n2 -> absent
			9-10 c0 put x 2 -> done 3
			11-12 c1 get x session n2 -> 2@3`,
		"a key that somebody may have deleted": `
			1-2 c0 put x 1 -> done 1
			3-? c0 delete x
			5-6 c1 get x session n2 -> 1@1
			7-8 c1 get x session n2 -> absent`,
		"what is stale is promised nothing": `
			1-2 c0 put x 1 -> done 1
			3-4 c0 put x 2 -> done 2
			5-6 c1 get x session n2 -> 2@2
			7-8 c1 get x stale n3 -> 1@1`,
		"another client begins anew": `
			1-2 c0 put x 1 -> done 1
			3-4 c0 put x 2 -> done 2
			5-6 c1 get x session n2 -> 2@2
			7-8 c2 get x session n3 -> 1@1`,
	}, map[string]wrong{
		"its own write is not seen": {`
			1-2 c0 put x 1 -> done 1
			3-4 c1 put x 2 -> done 2
			5-6 c1 get x session n2 -> 1@1`,
			`client 1 read "1" (version 1) from "x" at 0.006s, but version 2 had been named to the same client (client 1 was told at 0.004s that its put of "2" to "x" was done (version 2)), and up to there client 1 had been told at 0.004s that "2" was written (version 2): it went back in time`},
		"its own delete is not seen": {`
			1-2 c0 put x 1 -> done 1
			3-4 c1 delete x -> done 2
			5-6 c1 get x session n2 -> 1@1`,
			`client 1 read "1" (version 1) from "x" at 0.006s, but version 2 had been named to the same client (client 1 was told at 0.004s that its delete of "x" was done (version 2)), and up to there client 1 had been told at 0.004s that it was deleted (version 2): it went back in time`},
		"a key is back in time": {`
			1-2 c0 put x 1 -> done 1
			3-4 c0 put x 2 -> done 2
			5-6 c1 get x session n2 -> 2@2
			7-8 c1 get x session n3 -> 1@1`,
			`client 1 read "1" (version 1) from "x" at 0.008s, but version 2 had been named to the same client (client 1 read "2" (version 2) from "x" at 0.006s), and up to there client 0 had been told at 0.004s that "2" was written (version 2): it went back in time`},
		"one key is behind another": {`
			1-2 c0 put x 1 -> done 1
			3-4 c0 put y 1 -> done 2
			5-6 c1 get y session n2 -> 1@2
			7-8 c1 get x session n3 -> absent`,
			`client 1 found "x" absent at 0.008s, but version 2 had been named to the same client (client 1 read "1" (version 2) from "y" at 0.006s), and up to there client 0 had been told at 0.002s that "1" was written (version 1): it went back in time`},
		"what was gone is back": {`
			1-2 c0 put x 1 -> done 1
			3-4 c1 get x session n2 -> 1@1
			5-6 c0 delete x -> done 2
			7-8 c1 get x session n2 -> absent
			9-10 c1 get x session n3 -> 1@1`,
			`client 1 read "1" (version 1) from "x" at 0.010s, but the same client had found "x" absent after this version: it went back in time`},
		"a page is behind": {`
			1-2 c0 put x 1 -> done 1
			3-4 c0 put y 1 -> done 2
			5-6 c1 get y session n2 -> 1@2
			7-8 c1 scan "" session n3 -> y=1@2`,
			`client 1 found "x" absent at 0.008s, but version 2 had been named to the same client (client 1 read "1" (version 2) from "y" at 0.006s), and up to there client 0 had been told at 0.002s that "1" was written (version 1): it went back in time`},
	})
}
