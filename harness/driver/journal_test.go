package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// report04 runs a verb that prints JSON.
func report04(t *testing.T, into any, args ...string) error {
	t.Helper()
	c, err := parse(args[0], args[1:])
	require.NoError(t, err)
	var out bytes.Buffer
	failure := verbs()[args[0]].run(c, &out)
	require.NoError(t, json.Unmarshal(out.Bytes(), into))
	return failure
}

func TestAStoreKeepsItsPromisesWhileItsDiskStandsStill(t *testing.T) {
	seenAll := map[string]bool{}
	for _, what := range []string{"errors", "overload", "sharing"} {
		var r struct{ Findings []seen }
		require.NoError(t, report04(t, &r, "held", "-what", what))
		for _, f := range r.Findings {
			require.True(t, f.OK, f.Text)
			seenAll[f.Checker] = true
		}
	}
	require.Len(t, seenAll, len(looks()))
}

func TestAnOverloadIsReportedInTenthsOfASecond(t *testing.T) {
	var r struct {
		Capacity float64
		Samples  []struct{ Came, Served, Wasted int }
	}
	phases := []string{"-calm", "1s", "-rush", "1s", "-after", "3s"}
	require.NoError(t, report04(t, &r, append([]string{"overload"}, phases...)...))
	require.Len(t, r.Samples, 50)
	require.Greater(t, r.Capacity, 100.0)
	require.NoError(t, report04(t, &r, append([]string{"overload", "-unbounded"}, phases...)...), "to be seen, and no failure")
	wasted := 0
	for _, s := range r.Samples {
		wasted += s.Wasted
	}
	require.Positive(t, wasted)
}

func TestAStoreThatIsFilledForMonthsIsReadAsAWhole(t *testing.T) {
	var f filling
	require.NoError(t, report04(t, &f, "fill", "-dir", t.TempDir(), "-ops", "5000", "-clients", "50"))
	require.Equal(t, filling{Writes: 5000, Keys: fillKeys, Live: f.Live, Entries: 5001, Files: f.Files}, f)
	require.InDelta(t, 100*fillKeys, f.Live, 10*fillKeys)
	require.Error(t, fillTooFew())
}

// fillTooFew asks for fewer writes than there are keys.
func fillTooFew() error {
	return runFill(config{dir: "x", ops: 10, clients: 1}, nil)
}
