// Package report answers: what came out, and was it what we expected?
//
// It knows the five things that a square of the matrix can say, and how to
// print them: as a grid for people, as JSON for programs, as an SVG for pages.
package report

import (
	"encoding/json"
	"io"

	"zeyrho/harness/check"
	"zeyrho/harness/scenario"
)

// Cell is the result of one cell of the matrix. Its JSON form is stable.
type Cell struct {
	Column   string  `json:"column"`
	Scenario string  `json:"scenario"`
	World    string  `json:"world"`
	Expected string  `json:"expected"` // pass, safe, fails, n/a
	FixedBy  string  `json:"fixed_by"`
	Verdict  string  `json:"verdict"` // pass, violation, inconclusive, n/a
	Checker  string  `json:"checker"` // whose verdict it is; "" for a pass, which is that of all
	Seed     uint64  `json:"seed"`
	Seconds  float64 `json:"seconds"`
	Reason   string  `json:"reason"`

	OK      bool   `json:"ok"`                // as expected
	Why     string `json:"why,omitempty"`     // what a planned failure means
	History string `json:"history,omitempty"` // a file, if the history was kept
}

// Matrix is the result of many.
type Matrix struct {
	Cells []Cell `json:"cells"`
	OK    bool   `json:"ok"` // every cell came out as expected
}

// NewCell judges the findings of a run against what its cell expects.
func NewCell(s scenario.Scenario, c scenario.Cell, seed uint64, findings []check.Finding) Cell {
	out := Cell{
		Column: c.Column, Scenario: s.Name, World: c.World, Expected: string(c.Expect), FixedBy: c.FixedBy,
		Seed: seed, OK: c.AsExpected(findings), Why: c.Why, Verdict: "n/a",
	}
	if c.Expect != scenario.NA {
		f := telling(c, findings)
		out.Verdict = string(f.Verdict)
		if f.Verdict != check.Pass {
			out.Checker, out.Reason = f.Checker, f.Reason
		}
	}
	return out
}

// Plan returns the matrix of some scenarios as it ought to come out. Nothing is
// run for it.
func Plan(scenarios []scenario.Scenario) *Matrix {
	m := &Matrix{}
	for _, s := range scenarios {
		for _, c := range s.Cells {
			out := Cell{Column: c.Column, Scenario: s.Name, World: c.World, Expected: string(c.Expect), FixedBy: c.FixedBy, OK: true, Why: c.Why}
			switch c.Expect {
			case scenario.NA:
				out.Verdict = "n/a"
			case scenario.Fails:
				out.Verdict, out.Checker = string(check.Violation), c.Checker
			default:
				out.Verdict = string(check.Pass)
			}
			m.Add(out)
		}
	}
	return m
}

// telling picks the finding that says most: the one that was not expected, then
// the violation that was, then any.
func telling(c scenario.Cell, findings []check.Finding) check.Finding {
	var best check.Finding
	rank := -1
	for _, f := range findings {
		planned := c.Expect == scenario.Fails && f.Checker == c.Checker
		r := 0
		switch {
		case f.Verdict == check.Violation && !planned:
			r = 3
		case f.Verdict == check.Inconclusive:
			r = 2
		case planned:
			r = 1
		}
		if r > rank {
			best, rank = f, r
		}
	}
	return best
}

// Add appends a cell.
func (m *Matrix) Add(c Cell) {
	m.OK = c.OK && (m.OK || len(m.Cells) == 0)
	m.Cells = append(m.Cells, c)
}

// Counts returns how many cells there are of each Look.
func (m *Matrix) Counts() map[Look]int {
	n := map[Look]int{}
	for _, c := range m.Cells {
		n[c.Look()]++
	}
	return n
}

// WriteJSON writes v, indented.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Look is what a square says, in one of six ways.
type Look int

// The six ways. The first three are as they should be.
const (
	Blank        Look = iota // the question makes no sense here
	Good                     // passed, as it must
	Planned                  // failed, as it must
	Unexpected               // failed, and must not
	LostTeeth                // passed, and must not: the harness has gone blind
	Inconclusive             // did too little, or could not decide
)

// Look returns how the cell looks.
func (c Cell) Look() Look {
	fails := c.Expected == string(scenario.Fails)
	switch {
	case c.Expected == string(scenario.NA):
		return Blank
	case c.OK && fails:
		return Planned
	case c.OK:
		return Good
	case c.Verdict == string(check.Inconclusive):
		return Inconclusive
	case c.Verdict == string(check.Pass):
		return LostTeeth
	}
	return Unexpected
}

// Mark is what the square shows: a symbol and a word, so that it can be read
// without colour.
func (c Cell) Mark() string {
	switch c.Look() {
	case Good:
		return "✓ " + c.Expected
	case Planned:
		return "✗ fails→" + c.FixedBy
	case Unexpected:
		return "‼ FAILED"
	case LostTeeth:
		return "⚠ LOST TEETH"
	case Inconclusive:
		return "? UNDECIDED"
	}
	return "–"
}
