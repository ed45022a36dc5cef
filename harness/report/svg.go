package report

import (
	"fmt"
	"html"
	"io"

	"zeyrho/harness/scenario"
)

// The picture of the grid uses colours that can be read on light and on dark
// pages, and the same symbols as the text.
const svgStyle = `
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328; }
  .head { font-weight: bold; }
  .faint { fill: #8b949e; }
  .tile { fill: #eaeef2; }
  .good { fill: #1a7f37; } .planned { fill: #cf222e; } .odd { fill: #9a6700; }
  .good text, .planned text, .odd text { fill: #ffffff; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .tile { fill: #21262d; } }
`

// WriteSVG draws the grid.
func (m *Matrix) WriteSVG(w io.Writer) {
	const letterW, cellW, cellH, gap, top = 8, 118, 24, 4, 30
	rows, columns := m.rows()
	left := 0
	for _, r := range rows {
		left = max(left, letterW*len(r.name)+12)
	}
	width, height := left+len(columns)*cellW+8, top+len(rows)*cellH+8
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`, width, height, width, height)
	fmt.Fprintf(w, "\n<title>The matrix: scenarios by steps</title>\n<style>%s</style>\n", svgStyle)
	for i, c := range columns {
		fmt.Fprintf(w, `<text class="head" x="%d" y="20" text-anchor="middle">%s</text>`+"\n", left+i*cellW+(cellW-gap)/2, html.EscapeString(scenario.StepName(c)))
	}
	for i, r := range rows {
		y := top + i*cellH
		fmt.Fprintf(w, `<text x="4" y="%d">%s</text>`+"\n", y+16, html.EscapeString(r.name))
		for j, col := range columns {
			c := r.square(col)
			x := left + j*cellW
			text, tile := svgClass(c.Look())
			fmt.Fprintf(w, `<g class="%s"><rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="3"/><text class="%s" x="%d" y="%d" text-anchor="middle">%s</text></g>`+"\n",
				tile, tile, x, y, cellW-gap, cellH-gap, text, x+(cellW-gap)/2, y+15, html.EscapeString(c.Mark()))
		}
	}
	fmt.Fprintln(w, "</svg>")
}

func svgClass(l Look) (text, tile string) {
	switch l {
	case Blank:
		return "faint", "tile"
	case Good:
		return "", "good"
	case Planned:
		return "", "planned"
	}
	return "", "odd"
}
