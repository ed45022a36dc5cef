package main

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// picture is some panels, one below the other, over the same x axis.
type picture struct {
	title  string // for those who cannot see it
	panels []panel
	x      axis
	band   *band
}

// panel is a diagram with lines.
type panel struct {
	title string // what y is, and its unit
	y     axis
	lines []line
}

// axis maps values to a length. The first and the last tick are its ends.
type axis struct {
	label string
	log   bool
	ticks []float64
}

// line is drawn through its points, and has its name at its end or, if over is
// set, above the point with that index.
type line struct {
	name   string
	class  string // a, b or c: see style
	dashed bool
	dots   bool // at the points, where each was measured
	over   int
	points []point
}

type point struct{ x, y float64 }

// band is a part of the x axis that is shaded.
type band struct{ from, to float64 }

// Lengths in a picture.
const (
	left, right  = 52, 156 // for the ticks of y, and for the names of lines
	width        = 640
	above        = 34 // each panel, for its title
	height       = 170
	below        = 24 // each panel, for the ticks of x
	lineHeight   = 15
	plotWidth    = width - left - right
	footerHeight = 20
)

const style = `
  text { font: 12px system-ui, sans-serif; fill: #57606a; }
  .head { font-size: 13px; font-weight: bold; fill: #1f2328; }
  .grid { stroke: #8b949e; stroke-opacity: 0.3; }
  .band { fill: #8b949e; fill-opacity: 0.13; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .dashed { stroke-dasharray: 5 4; }
  .line.a { stroke: #0b8599; } .dot.a { fill: #0b8599; } text.a { fill: #0b7285; }
  .line.b { stroke: #d1242f; } .dot.b { fill: #d1242f; } text.b { fill: #c01c28; }
  .line.c { stroke: #8b949e; } .dot.c { fill: #8b949e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #a5afba; } .head { fill: #e6edf3; }
    .line.a { stroke: #22b8cf; } .dot.a { fill: #22b8cf; } text.a { fill: #3bc9db; }
    .line.b { stroke: #f85149; } .dot.b { fill: #f85149; } text.b { fill: #ff7b72; }
  }
`

// draw writes the picture. Coordinates are rounded to a tenth, so that the last
// digits of a calculation do not show.
func (p picture) draw(w io.Writer) error {
	var b strings.Builder
	total := len(p.panels)*(above+height+below) + footerHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", width, total, width, total)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", html.EscapeString(p.title), style)
	for i, one := range p.panels {
		p.panel(&b, one, float64(i*(above+height+below)+above))
	}
	text(&b, "", left+plotWidth/2, float64(total-6), "middle", p.x.label)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func text(b *strings.Builder, class string, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, html.EscapeString(s))
}

// at returns where v is, from 0 to 1. What is outside of the axis is moved to
// its end.
func (a axis) at(v float64) float64 {
	from, to := a.ticks[0], a.ticks[len(a.ticks)-1]
	v = min(max(v, from), to)
	if a.log {
		from, to, v = math.Log(from), math.Log(to), math.Log(v)
	}
	return (v - from) / (to - from)
}

func (p picture) panel(b *strings.Builder, one panel, top float64) {
	x := func(v float64) float64 { return left + plotWidth*p.x.at(v) }
	y := func(v float64) float64 { return top + height*(1-one.y.at(v)) }
	if p.band != nil {
		fmt.Fprintf(b, `<rect class="band" x="%.1f" y="%.1f" width="%.1f" height="%d"/>`+"\n", x(p.band.from), top, x(p.band.to)-x(p.band.from), height)
	}
	text(b, "head", 4, top-14, "start", one.title)
	for _, v := range one.y.ticks {
		fmt.Fprintf(b, `<path class="grid" d="M%d %.1f h%d"/>`+"\n", left, y(v), plotWidth)
		text(b, "", left-8, y(v)+4, "end", number(v))
	}
	for _, v := range p.x.ticks {
		text(b, "", x(v), top+height+18, "middle", number(v))
	}
	for _, l := range one.lines {
		l.draw(b, x, y)
	}
	names(b, one.lines, x, y)
}

func (l line) draw(b *strings.Builder, x, y func(float64) float64) {
	var path strings.Builder
	verb := "M"
	for _, p := range l.points {
		fmt.Fprintf(&path, "%s%.1f %.1f", verb, x(p.x), y(p.y))
		verb = " L"
	}
	class := "line " + l.class
	if l.dashed {
		class += " dashed"
	}
	fmt.Fprintf(b, `<path class="%s" d="%s"/>`+"\n", class, path.String())
	if !l.dots {
		return
	}
	for _, p := range l.points {
		fmt.Fprintf(b, `<circle class="dot %s" cx="%.1f" cy="%.1f" r="2.5"/>`+"\n", l.class, x(p.x), y(p.y))
	}
}

// names writes the names of lines beside their ends, far enough from each other
// to be read.
func names(b *strings.Builder, lines []line, x, y func(float64) float64) {
	height := func(l line) float64 { return y(l.points[len(l.points)-1].y) }
	var beside []line
	for _, l := range lines {
		if l.over > 0 {
			p := l.points[l.over]
			text(b, l.class, x(p.x), y(p.y)-9, "middle", l.name)
			continue
		}
		beside = append(beside, l)
	}
	slices.SortStableFunc(beside, func(l, m line) int { return cmp.Compare(height(l), height(m)) })
	for i, at := range apart(beside, height) {
		text(b, beside[i].class, left+plotWidth+8, at+4, "start", beside[i].name)
	}
}

// apart returns heights for sorted lines, a line of text apart from each other.
// Those that are too near are moved by the same way up and down.
func apart(lines []line, height func(line) float64) []float64 {
	at := make([]float64, len(lines))
	for i, l := range lines {
		at[i] = height(l)
	}
	for range len(at) {
		for i := 1; i < len(at); i++ {
			if lack := lineHeight - (at[i] - at[i-1]); lack > 0 {
				at[i-1] -= lack / 2
				at[i] += lack / 2
			}
		}
	}
	return at
}

// number writes a tick: thousands with a k, millions with an M.
func number(v float64) string {
	if v >= 1e6 {
		return fmt.Sprintf("%gM", v/1e6)
	}
	if v >= 1000 {
		return fmt.Sprintf("%gk", v/1000)
	}
	return fmt.Sprintf("%g", v)
}

// fromZero returns ticks from 0 on that reach top: few of them, and round.
func fromZero(top float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(top)))
	for _, f := range []float64{0.5, 1, 2, 5} {
		if top <= 4*f*step {
			step *= f
			break
		}
	}
	ticks := []float64{0}
	for ticks[len(ticks)-1] < top {
		ticks = append(ticks, float64(len(ticks))*step)
	}
	return ticks
}

// powers returns the powers of base that enclose all that lies between from and
// to.
func powers(base, from, to float64) []float64 {
	low := math.Floor(math.Log(from) / math.Log(base))
	ticks := []float64{math.Pow(base, low)}
	for ticks[len(ticks)-1] < to {
		ticks = append(ticks, math.Pow(base, low+float64(len(ticks))))
	}
	return ticks
}
