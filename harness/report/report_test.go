package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fatih/color"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/report"
	"zeyrho/harness/scenario"
)

var durability = scenario.Cell{
	Column: "03", World: scenario.Real, Expect: scenario.Fails, FixedBy: "04", Checker: "durability",
	Why: "The server kept everything in memory.",
}

// cells shows every look that a square can have.
func cells() []report.Cell {
	found := func(checker string, v check.Verdict, reason string) []check.Finding {
		return []check.Finding{{Checker: checker, Verdict: v, Reason: reason}}
	}
	kill := scenario.Scenario{Name: "kill-restart"}
	base := scenario.Scenario{Name: "baseline"}
	pass := scenario.Cell{Column: "01", World: scenario.Real, Expect: scenario.Pass}
	sim := scenario.Cell{Column: "02", World: scenario.Sim, Expect: scenario.Pass}
	blind := durability
	blind.Column = "02"
	return []report.Cell{
		report.NewCell(base, pass, 1, found("model", check.Pass, "")),
		report.NewCell(base, sim, 1, found("model", check.Inconclusive, "too little happened")),
		report.NewCell(base, scenario.Cell{Column: "03", World: scenario.Real, Expect: scenario.Pass}, 7, found("model", check.Violation, "client 1 read 2")),
		report.NewCell(kill, scenario.Cell{Column: "01", World: scenario.Real, Expect: scenario.NA}, 1, nil),
		report.NewCell(kill, blind, 1, found("durability", check.Pass, "")),
		report.NewCell(kill, durability, 1, found("durability", check.Violation, "\"k1\" is gone")),
	}
}

func matrix() *report.Matrix {
	m := &report.Matrix{}
	for _, c := range cells() {
		m.Add(c)
	}
	return m
}

func TestTheGridTellsTheLooksApartWithoutColour(t *testing.T) {
	color.NoColor = true
	var out bytes.Buffer
	m := matrix()
	m.WriteGrid(&out)
	m.WriteLegend(&out)
	m.WriteReasons(&out)
	golden := filepath.Join("testdata", "grid.txt")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), out.String())
	marks := map[string]bool{}
	for _, c := range cells() {
		marks[c.Mark()] = true
	}
	assert.Len(t, marks, 6, "two looks share a mark")
}

func TestAMatrixIsOKOnlyIfEveryCellIs(t *testing.T) {
	all := cells()
	assert.False(t, matrix().OK)
	good := &report.Matrix{}
	good.Add(all[0])
	good.Add(all[3])
	good.Add(all[5])
	assert.True(t, good.OK)
	good.Add(all[4])
	assert.False(t, good.OK, "lost teeth")
	good.Add(all[0])
	assert.False(t, good.OK, "and a good cell does not make up for it")
}

func TestTheJSONHasTheFieldsThatWerePromised(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, report.WriteJSON(&out, matrix()))
	var got struct {
		OK    *bool
		Cells []map[string]any
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.NotNil(t, got.OK)
	planned := got.Cells[5]
	for field, want := range map[string]any{
		"column": "03", "scenario": "kill-restart", "world": "real", "expected": "fails", "fixed_by": "04",
		"verdict": "violation", "checker": "durability", "seed": 1.0, "seconds": 0.0, "reason": `"k1" is gone`,
	} {
		assert.Equal(t, want, planned[field], field)
	}
	assert.Equal(t, "n/a", got.Cells[3]["expected"])
	assert.Equal(t, "n/a", got.Cells[3]["verdict"])
}

func TestTheUnexpectedFindingIsTheOneThatIsTold(t *testing.T) {
	c := report.NewCell(scenario.Scenario{Name: "kill-restart"}, durability, 1, []check.Finding{
		{Checker: "durability", Verdict: check.Violation, Reason: "planned"},
		{Checker: "coverage", Verdict: check.Inconclusive, Reason: "too little"},
		{Checker: "versions", Verdict: check.Violation, Reason: "news"},
	})
	assert.False(t, c.OK)
	assert.Equal(t, "versions", c.Checker)
	assert.Equal(t, "news", c.Reason)
}

func TestTheLegendCountsTheSquares(t *testing.T) {
	color.NoColor = true
	m := matrix()
	for _, c := range cells() { // once more, with another seed
		c.Seed++
		m.Add(c)
	}
	var grid, legend bytes.Buffer
	m.WriteGrid(&grid)
	m.WriteLegend(&legend)
	for mark, line := range map[string]string{"–": "in this world (4)", "✗ fails→04": "mends it (1)", "✓ pass": "loses (1)"} {
		assert.Contains(t, legend.String(), line)
		assert.Equal(t, strings.Count(grid.String(), mark), int(line[len(line)-2]-'0'), mark)
	}
}

func TestAPassIsThatOfAllCheckers(t *testing.T) {
	c := cells()[0]
	assert.Equal(t, "pass", c.Verdict)
	assert.Empty(t, c.Checker)
}

func TestACheckerSpeaksOnceUnlessItHasMoreToSay(t *testing.T) {
	color.NoColor = true
	pass := check.Finding{Checker: "coverage", Verdict: check.Pass}
	little := check.Finding{Checker: "coverage", Verdict: check.Inconclusive, Reason: "too little"}
	other := check.Finding{Checker: "model", Verdict: check.Pass}
	for _, x := range []struct {
		findings []check.Finding
		want     string
	}{
		{[]check.Finding{pass, other, pass}, "  coverage: pass\n  model: pass\n"},
		{[]check.Finding{pass, other, little}, "  model: pass\n  coverage: inconclusive\n    too little\n"},
		{[]check.Finding{little, pass, little}, "  coverage: inconclusive\n    too little\n  coverage: inconclusive\n    too little\n"},
	} {
		var out bytes.Buffer
		report.WriteFindings(&out, scenario.Cell{}, x.findings)
		assert.Equal(t, x.want, out.String())
	}
}

func TestThePictureIsWellFormed(t *testing.T) {
	var out bytes.Buffer
	matrix().WriteSVG(&out)
	assert.Contains(t, out.String(), "fails→04")
	assert.Contains(t, out.String(), "prefers-color-scheme: dark")
}

func TestThePictureInTheDocumentsIsThatOfThePlan(t *testing.T) {
	var out bytes.Buffer
	report.Plan(scenario.All()).WriteSVG(&out)
	const file = "../../docs/assets/matrix.svg"
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(out.Bytes(), got), "draw it anew: go run ./harness list -svg docs/assets/matrix.svg")
}
