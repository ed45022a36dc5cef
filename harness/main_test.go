package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/report"
	"zeyrho/harness/scenario"
)

func TestStepsAreNumbersRangesAndLists(t *testing.T) {
	for text, want := range map[string][]string{
		"":    {"01", "02", "03", "04", "05", "06"},
		"2":   {"02"},
		"02":  {"02"},
		"1-3": {"01", "02", "03"},
		"1,3": {"01", "03"},
	} {
		got, err := parseSteps(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"0", "9", "3-1", "x", "1-", "-1", ",", "1;3"} {
		_, err := parseSteps(text)
		assert.ErrorContains(t, err, "1 to 6", text)
	}
}

func TestACommandLineThatMakesNoSenseIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{"dance"},
		{"matrix", "stray"},
		{"matrix", "-frobnicate"},
		{"matrix", "-steps", "9"},
		{"matrix", "-seeds", "0"},
		{"matrix", "-world", "flat"},
		{"matrix", "-scenario", "basline"},
		{"run"},
		{"replay", "-scenario", "baseline"},
		{"judge"},
		{"judge", "no-such-file"},
	} {
		assert.Equal(t, exitUsage, dispatch(t.Context(), args), "%q", args)
	}
	assert.Equal(t, exitOK, dispatch(t.Context(), nil))
	assert.Equal(t, exitOK, dispatch(t.Context(), []string{"matrix", "-h"}))
}

func TestACellIsRunAndJudgedAgain(t *testing.T) {
	dir := t.TempDir()
	t.Chdir("..")
	file := filepath.Join(dir, "cells.json")
	status := dispatch(t.Context(), []string{"matrix", "-scenario", "kill-restart", "-steps", "1", "-seed", "7", "-json", file, "-keep", dir})
	assert.Equal(t, exitOK, status, "red as planned is as expected")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var m report.Matrix
	require.NoError(t, json.Unmarshal(text, &m))
	require.Len(t, m.Cells, 1)
	c := m.Cells[0]
	assert.True(t, m.OK)
	assert.Equal(t, "violation", c.Verdict)
	assert.Equal(t, "durability", c.Checker)
	assert.EqualValues(t, 7, c.Seed)
	assert.Equal(t, exitOK, dispatch(t.Context(), []string{"judge", c.History}))
}

func TestTheExitStatusIsThatOfTheWorstCell(t *testing.T) {
	pass := report.Cell{Expected: string(scenario.Pass), Verdict: "pass", OK: true}
	broken := report.Cell{Expected: string(scenario.Pass), Verdict: "violation"}
	blind := report.Cell{Expected: string(scenario.Fails), Verdict: "pass"}
	undecided := report.Cell{Expected: string(scenario.Pass), Verdict: "inconclusive"}
	for _, x := range []struct {
		cells []report.Cell
		want  int
	}{
		{[]report.Cell{pass}, exitOK},
		{[]report.Cell{undecided, pass}, exitInconclusive},
		{[]report.Cell{broken, undecided}, exitViolation},
		{[]report.Cell{pass, blind}, exitViolation},
	} {
		assert.Equal(t, x.want, status(&report.Matrix{Cells: x.cells}))
	}
}
