package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"

	"zeyrho/harness/scenario"
)

// row is a line of the grid: a scenario in one world.
type row struct {
	name  string
	cells map[string]Cell // by column; the worst one, if several seeds ran
}

// rows groups the cells, in their order, and returns the columns beside them.
func (m *Matrix) rows() (rows []*row, columns []string) {
	byName := map[string]*row{}
	for _, c := range m.Cells {
		name := c.Scenario
		if c.World == "sim" && c.Look() != Blank {
			name += " (sim)"
		}
		r := byName[name]
		if r == nil {
			r = &row{name, map[string]Cell{}}
			byName[name] = r
			rows = append(rows, r)
		}
		if old, ok := r.cells[c.Column]; !ok || c.Look() > old.Look() {
			r.cells[c.Column] = c
		}
		if !slices.Contains(columns, c.Column) {
			columns = append(columns, c.Column)
		}
	}
	slices.Sort(columns)
	return mergeBlank(rows), columns
}

// mergeBlank puts squares that do not apply into the row of the same scenario
// that has something to say, if there is only a row in the other world.
func mergeBlank(rows []*row) []*row {
	var out []*row
	for _, r := range rows {
		sim := slices.IndexFunc(rows, func(o *row) bool { return o.name == r.name+" (sim)" })
		if sim < 0 || !r.blank() {
			out = append(out, r)
			continue
		}
		for col, c := range r.cells {
			if _, ok := rows[sim].cells[col]; !ok {
				rows[sim].cells[col] = c
			}
		}
	}
	return out
}

// square returns the cell in a column. Where there is none the question is not
// asked in this world.
func (r *row) square(column string) Cell {
	if c, ok := r.cells[column]; ok {
		return c
	}
	return Cell{Expected: string(scenario.NA)}
}

// squares counts the squares of the grid, which are fewer than the cells if
// several seeds ran.
func (m *Matrix) squares() map[Look]int {
	n := map[Look]int{}
	rows, columns := m.rows()
	for _, r := range rows {
		for _, col := range columns {
			n[r.square(col).Look()]++
		}
	}
	return n
}

func (r *row) blank() bool {
	for _, c := range r.cells {
		if c.Look() != Blank {
			return false
		}
	}
	return true
}

// paint colours a mark. color.NoColor is set where the output is no terminal.
func paint(l Look, s string) string {
	switch l {
	case Good:
		return color.GreenString("%s", s)
	case Planned:
		return color.RedString("%s", s)
	case Unexpected:
		return color.New(color.BgRed, color.FgWhite, color.Bold).Sprint(s)
	case LostTeeth:
		return color.New(color.BgYellow, color.FgBlack).Sprint(s)
	case Inconclusive:
		return color.New(color.FgMagenta, color.Bold).Sprint(s)
	}
	return color.New(color.Faint).Sprint(s)
}

// pad fills s with spaces to a width in characters.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// WriteGrid prints the grid.
func (m *Matrix) WriteGrid(w io.Writer) {
	rows, columns := m.rows()
	wide := len("scenario")
	for _, r := range rows {
		wide = max(wide, len(r.name))
	}
	line := func(name string, squares []string) {
		fmt.Fprintln(w, strings.TrimRight(pad(name, wide)+"  "+strings.Join(squares, "  "), " "))
	}
	var heads []string
	for _, c := range columns {
		heads = append(heads, pad(scenario.StepName(c), wideSquare))
	}
	line("scenario", heads)
	for _, r := range rows {
		var squares []string
		for _, col := range columns {
			c := r.square(col)
			squares = append(squares, paint(c.Look(), c.Mark())+pad("", wideSquare-utf8.RuneCountInString(c.Mark())))
		}
		line(r.name, squares)
	}
}

// wideSquare is the width of a square, in characters.
const wideSquare = 14

// WriteLegend prints what the marks mean, those that occur, and how often.
func (m *Matrix) WriteLegend(w io.Writer) {
	meaning := []struct {
		look Look
		mark string
		text string
	}{
		{Good, "✓ pass, safe", "the step kept its promise; safe: it may refuse, and never lies or loses"},
		{Planned, "✗ fails→NN", "the step broke, as planned: the harness saw it, and step NN mends it"},
		{Unexpected, "‼ FAILED", "broke, and must not"},
		{LostTeeth, "⚠ LOST TEETH", "did not break, and must: the harness has gone blind"},
		{Inconclusive, "? UNDECIDED", "the run did too little, or could not be judged"},
		{Blank, "–", "the question makes no sense for this step, or not in this world"},
	}
	n := m.squares()
	for _, x := range meaning {
		if n[x.look] > 0 {
			fmt.Fprintf(w, "  %s  %s (%d)\n", paint(x.look, pad(x.mark, 12)), x.text, n[x.look])
		}
	}
}

// WriteReasons prints a paragraph for every square that is not plainly good:
// first what was planned, then what was not.
func (m *Matrix) WriteReasons(w io.Writer) {
	m.section(w, "Red as planned, and what each means:", Planned)
	m.section(w, "Not as expected:", Unexpected, LostTeeth, Inconclusive)
}

func (m *Matrix) section(w io.Writer, title string, looks ...Look) {
	told := map[string]bool{} // a planned failure is told once, however many seeds showed it
	for _, c := range m.Cells {
		if !slices.Contains(looks, c.Look()) {
			continue
		}
		head := fmt.Sprintf("%s × %s", c.Scenario, c.Column)
		if c.Look() == Planned && told[head] {
			continue
		}
		if len(told) == 0 {
			fmt.Fprintf(w, "\n%s\n", title)
		}
		told[head] = true
		for i, line := range Wrap(c.sentence(), 72) {
			if i > 0 {
				head = ""
			}
			fmt.Fprintf(w, "  %s  %s\n", paint(c.Look(), pad(head, 24)), line)
		}
		if c.Look() != Planned {
			fmt.Fprintf(w, "      again: %s\n      read:  docs/%s.md\n", c.Replay(), scenario.StepName(c.Column))
		}
	}
}

// sentence says what the square means, or what went wrong.
func (c Cell) sentence() string {
	switch c.Look() {
	case Planned:
		return fmt.Sprintf("%s Step %s mends it.", c.Why, c.FixedBy)
	case LostTeeth:
		return "should have broken, and did not: nothing was found wrong."
	}
	return fmt.Sprintf("%s: %s", c.Checker, c.Reason)
}

// Replay returns the command line that runs the cell again.
func (c Cell) Replay() string {
	return fmt.Sprintf("go run ./harness replay -scenario %s -steps %s -world %s -seed %d",
		c.Scenario, strings.TrimLeft(c.Column, "0"), c.World, c.Seed)
}
