package scenario_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/scenario"
)

// The cells that the course promises, one letter a column: + pass, ~ safe, a
// digit d fails and step 0d mends it, . does not apply.
const promised = `
baseline            ++++++
bad-input           ++++++
contention          2+++++
many-processes      2+++++
holder-killed       .+....
client-paused       .3++++
slow-clients        ..++++
lost-reply          ..++++
lost-reply-and-kill ..4+++
kill-restart        4+4+++
power-loss          444+++
disk-gone           ...5++
wrong-promotion     ....77
disk-errors         ...~~~
bit-rot             ...~~~
rolling-restart     ..++++
overload            ..++++
gray-node           ....~~
months-of-writes    .6.66+
bad-network         ....++
follower-reads      ....77
late-joiner         ....6+
broken-transfer     .....+
leader-dies         ....77
leader-paused       ....77
split               ....77
one-way-split       ....~~
clock-jumps         ....++
multi-key           .88888
`

func TestEveryPromisedCellIsInTheMatrix(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(promised), "\n")
	all := scenario.All()
	require.Len(t, all, len(lines))
	for i, line := range lines {
		name, marks, _ := strings.Cut(line, " ")
		s := all[i]
		require.Equal(t, name, s.Name)
		for c, mark := range strings.TrimSpace(marks) {
			column := scenario.Columns()[c]
			found := 0
			for _, cell := range s.Cells {
				if cell.Column == column {
					found++
					assertCell(t, s.Name, cell, mark)
				}
			}
			assert.Positive(t, found, "%s has no cell for %s", name, column)
		}
	}
}

func assertCell(t *testing.T, name string, c scenario.Cell, mark rune) {
	t.Helper()
	switch mark {
	case '+':
		assert.Equal(t, scenario.Pass, c.Expect, "%s × %s", name, c.Column)
	case '~':
		assert.Equal(t, scenario.Safe, c.Expect, "%s × %s", name, c.Column)
	case '.':
		assert.Equal(t, scenario.NA, c.Expect, "%s × %s", name, c.Column)
		return
	default:
		assert.Equal(t, scenario.Fails, c.Expect, "%s × %s", name, c.Column)
		assert.Equal(t, "0"+string(mark), c.FixedBy, "%s × %s", name, c.Column)
		assert.NotEmpty(t, c.Checker, "%s × %s names no checker", name, c.Column)
		assert.NotEmpty(t, c.Why, "%s × %s does not say what it means", name, c.Column)
	}
	assert.NotNil(t, c.Run)
	assert.NotEmpty(t, c.Checkers)
}

func TestACellWithoutEvidenceIsNeverAsExpected(t *testing.T) {
	nothing := &history.History{Header: history.Header{Scenario: "none", Column: "01", World: scenario.Real, Seed: 1}}
	for _, s := range scenario.All() {
		for _, c := range s.Cells {
			if c.Expect != scenario.NA {
				assert.False(t, c.AsExpected(c.Judge(nothing)), "%s × %s is content with an empty history", s.Name, c.Column)
			}
		}
	}
}

func finding(checker string, v check.Verdict) check.Finding {
	return check.Finding{Checker: checker, Verdict: v}
}

func TestWhatIsAsExpected(t *testing.T) {
	pass := scenario.Cell{Expect: scenario.Pass}
	fails := scenario.Cell{Expect: scenario.Fails, Checker: "durability"}
	for _, x := range []struct {
		what     string
		cell     scenario.Cell
		findings []check.Finding
		want     bool
	}{
		{"all pass", pass, []check.Finding{finding("model", check.Pass)}, true},
		{"one violation", pass, []check.Finding{finding("model", check.Pass), finding("versions", check.Violation)}, false},
		{"undecided is not a pass", pass, []check.Finding{finding("model", check.Inconclusive)}, false},
		{"nothing was checked", pass, nil, false},
		{"the planned failure", fails, []check.Finding{finding("durability", check.Violation), finding("model", check.Pass)}, true},
		{"the planned failure did not show", fails, []check.Finding{finding("durability", check.Pass)}, false},
		{"another failure in its place", fails, []check.Finding{finding("model", check.Violation)}, false},
		{"another failure beside it", fails, []check.Finding{finding("durability", check.Violation), finding("model", check.Violation)}, false},
		{"undecided beside it", fails, []check.Finding{finding("durability", check.Violation), finding("model", check.Inconclusive)}, false},
	} {
		assert.Equal(t, x.want, x.cell.AsExpected(x.findings), x.what)
	}
}

func TestTroubleOfTheHarnessIsNoPass(t *testing.T) {
	s, err := scenario.Find("baseline")
	require.NoError(t, err)
	c, ok := s.Cell("02", scenario.Real)
	require.True(t, ok)
	h := &history.History{Events: []history.Event{{Kind: "trouble", Text: "no such program"}}}
	findings := c.Judge(h)
	assert.Equal(t, finding("harness", check.Inconclusive).Verdict, findings[len(findings)-1].Verdict)
	assert.Equal(t, "no such program", findings[len(findings)-1].Reason)
}

func TestAScenarioThatDoesNotExistIsNamedWithThoseThatDo(t *testing.T) {
	_, err := scenario.Find("basline")
	assert.ErrorContains(t, err, `no scenario "basline"`)
	assert.ErrorContains(t, err, "baseline")
}
