package page

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// svg draws the diagram: first what lies behind, and what is written last.
func (d *diagram) svg() string {
	s := &sheet{}
	height := d.scale.bottom() + 26
	s.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img">`, d.Width, height, d.Width, height)
	s.add("<title>%s</title>\n<style>%s</style>", html.EscapeString(d.title()), diagramStyle)
	d.drawLanes(s)
	d.drawFaults(s)
	for _, b := range d.bars {
		d.drawBar(s, b)
	}
	for _, a := range d.arrows {
		d.drawArrow(s, a)
	}
	d.writeTimes(s)
	d.writeNotes(s)
	for _, a := range d.arrows {
		d.writeArrow(s, a)
	}
	s.add("</svg>")
	return s.b.String()
}

func (d *diagram) title() string {
	if d.Title != "" {
		return d.Title
	}
	return fmt.Sprintf("%s, step %s, from %s to %s", d.model.header.Scenario, d.model.header.Column, d.model.clock(d.From), d.model.clock(d.Until))
}

// x returns where a lane is.
func (d *diagram) x(lane int) float64 {
	const left, right = 112, 104
	if len(d.lanes) == 1 {
		return left
	}
	return left + float64(lane)*float64(d.Width-left-right)/float64(len(d.lanes)-1)
}

func (d *diagram) y(at int64) float64 {
	return d.scale.y(min(max(at, d.From), max(d.Until, d.scale.at[len(d.scale.at)-1])))
}

func (d *diagram) drawLanes(s *sheet) {
	for i, l := range d.lanes {
		s.text("name", d.x(i), 20, "middle", l.name)
		s.add(`<path class="lane" d="M%.1f 44 V%.1f"/>`, d.x(i), d.scale.bottom()+14)
	}
	for _, r := range d.reigns {
		role := r.role
		if role != "leader" && role != "learner" {
			role = "follower"
		}
		from, to := d.y(r.at), d.y(r.until)
		if r.at <= d.From {
			from = 44
		}
		if r.until >= d.Until {
			to = d.scale.bottom() + 14
		}
		s.add(`<path class="%s hue%d" d="M%.1f %.1f V%.1f"/>`, role, r.hue%5, d.x(r.lane), from, to)
	}
}

func (d *diagram) drawFaults(s *sheet) {
	for _, b := range d.faults {
		x, from, to := d.x(d.node(b.Node)), d.y(b.At), d.y(b.Until)
		d.hatched(s, x-11, from, 22, to-from)
		d.beside(s, d.node(b.Node), from+13, b.Text, "faulty")
	}
	for _, w := range d.ways {
		x := d.x(w.lane) + 9 + 9*float64(w.Slot)
		if w.Up {
			x = d.x(w.lane) - 17 - 9*float64(w.Slot)
		}
		d.hatched(s, x, d.y(w.At), 8, d.y(w.Until)-d.y(w.At))
	}
}

// hatched draws a box with lines across.
func (d *diagram) hatched(s *sheet, x, y, w, h float64) {
	s.add(`<rect class="fault" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, y, w, max(h, 2))
	var path strings.Builder
	for i := y + 3; i+w/2 < y+h; i += 8 {
		fmt.Fprintf(&path, "M%.1f %.1f l%.1f %.1f ", x, i+w/2, w, -w/2)
	}
	if path.Len() > 0 {
		s.add(`<path class="hatch" d="%s"/>`, strings.TrimSpace(path.String()))
	}
}

func (d *diagram) drawBar(s *sheet, b bar) {
	x, from, to := d.x(b.lane), d.y(b.at), d.y(b.until)
	s.add(`<rect class="bar %s" x="%.1f" y="%.1f" width="12" height="%.1f" rx="2"/>`, b.class, x-6, from, max(to-from, 4))
	if b.number > 0 {
		s.add(`<rect class="mark" x="%.1f" y="%.1f" width="20" height="%.1f" rx="4"/>`, x-10, from-4, max(to-from, 4)+8)
		s.add(`<circle class="badge" cx="%.1f" cy="%.1f" r="9"/>`, x-22, from+7)
		s.text("number", x-22, from+11, "middle", fmt.Sprint(b.number))
	}
	if b.text != "" {
		d.beside(s, b.lane, from+11, b.text, "say")
	}
}

// ends returns where an arrow begins and ends in the picture.
func (d *diagram) ends(a arrow) (x0, y0, x1, y1 float64) {
	side := 7.0
	if a.from > a.to {
		side = -side
	}
	x0, x1, y0 = d.x(a.from)+side, d.x(a.to)-side, d.y(a.at)
	if a.until == 0 { // one for a node further away goes a little further
		part := min(0.35+0.2*math.Abs(float64(a.to-a.from)), 0.9)
		drop := 18.0
		if len(d.lanes) == 2 { // there is room, and nothing else to tell one from another
			drop = 50
		}
		return x0, y0, x0 + (d.x(a.from+int(side/7))-x0)*part, y0 + drop*part
	}
	return x0, y0, x1, max(d.y(a.until), y0+4)
}

func (d *diagram) drawArrow(s *sheet, a arrow) {
	x0, y0, x1, y1 := d.ends(a)
	class, _, _ := strings.Cut(a.class, " ")
	s.add(`<path class="arrow %s" d="M%.1f %.1f L%.1f %.1f"/>`, class, x0, y0, x1, y1)
	if class == "lost" {
		s.add(`<path class="cross" d="M%.1f %.1f l9 9 m0 -9 l-9 9"/>`, x1-4.5, y1-4.5)
		s.taken = append(s.taken, [4]float64{x1 - 5, y1 - 5, 10, 10})
		return
	}
	angle := math.Atan2(y1-y0, x1-x0)
	tip := func(turn float64) (float64, float64) { return x1 - 9*math.Cos(angle+turn), y1 - 9*math.Sin(angle+turn) }
	ax, ay := tip(0.4)
	bx, by := tip(-0.4)
	s.add(`<path class="tip %s" d="M%.1f %.1f L%.1f %.1f L%.1f %.1f z"/>`, class, x1, y1, ax, ay, bx, by)
}

// writeArrow writes what an arrow is along it, in the gap before its end, where
// it covers nothing that is written, and as few other arrows as can be.
func (d *diagram) writeArrow(s *sheet, a arrow) {
	if len(d.lanes) == 1 {
		return
	}
	x0, y0, x1, y1 := d.ends(a)
	slope := (y1 - y0) / (x1 - x0)
	begin, end := d.label(a)
	text := d.labelOf(a, math.Abs(end-begin))
	spots := [][2]float64{{0.5, -5}, {0.5, 14}, {0.36, -5}, {0.64, -5}, {0.36, 14}, {0.64, 14}, {0.8, -5}, {0.8, 14}}
	if a.until == 0 { // room for the cross
		spots = [][2]float64{{0.5, -9}, {0.5, 17}, {0.4, -9}, {0.6, -9}, {0.4, 17}, {0.6, 17}}
	}
	var best [][4]float64
	var at [2]float64
	least := math.MaxInt
	for _, spot := range spots {
		x := begin + (end-begin)*spot[0]
		y := y0 + (x-x0)*slope
		boxes := along(x, y, slope, spot[1], textWidth(text, 12))
		if crossed := d.crossed(a, boxes); crossed < least && s.allFree(boxes) {
			best, at, least = boxes, [2]float64{x, y + spot[1]}, crossed
		}
	}
	if best == nil {
		return
	}
	s.taken = append(s.taken, best...)
	class := a.class[strings.LastIndexByte(a.class, ' ')+1:]
	s.add(`<text class="%s halo" transform="translate(%.1f %.1f) rotate(%.1f)" text-anchor="middle">%s</text>`,
		class, at[0], at[1], math.Atan(slope)*180/math.Pi, html.EscapeString(text))
}

// label returns from where to where there is room for the label of an arrow: in
// the gap before the lane at its end.
func (d *diagram) label(a arrow) (begin, end float64) {
	x0, _, x1, _ := d.ends(a)
	gap := d.x(1) - d.x(0) - 14
	if a.until == 0 {
		return x0, x0 + math.Copysign(gap, x1-x0)
	}
	return x1 - math.Copysign(min(gap, math.Abs(x1-x0)), x1-x0), x1
}

// labelOf returns what is written at an arrow. A lost one does not come to the
// lane it was for, if that is not the next.
func (d *diagram) labelOf(a arrow, room float64) string {
	text := a.text
	if a.until == 0 && max(a.from-a.to, a.to-a.from) > 1 {
		text += " to " + d.lanes[a.to].name
	}
	return clip(text, int((room-10)/(12*0.54)))
}

// along returns the boxes that a text covers which is written along a line.
func along(x, y, slope, above, width float64) (boxes [][4]float64) {
	const pieces = 6
	cos := 1 / math.Hypot(1, slope)
	for i := range pieces {
		part := (float64(i) + 0.5 - pieces/2.0) / pieces * width * cos
		boxes = append(boxes, [4]float64{x + part - width*cos/pieces/2, y + part*slope + above - 9, width * cos / pieces, 11})
	}
	return boxes
}

// crossed counts the other arrows that go through the boxes.
func (d *diagram) crossed(a arrow, boxes [][4]float64) (n int) {
	for _, o := range d.arrows {
		x0, y0, x1, y1 := d.ends(o)
		through := func(b [4]float64) bool {
			x := b[0] + b[2]/2
			if o == a || x < min(x0, x1) || x > max(x0, x1) {
				return false
			}
			y := y0 + (x-x0)*(y1-y0)/(x1-x0)
			return b[1]-2 < y && y < b[1]+b[3]+2
		}
		if slices.ContainsFunc(boxes, through) {
			n++
		}
	}
	return n
}

// clip cuts a text to a number of letters.
func clip(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:max(most-1, 1)]) + "…"
	}
	return text
}

// beside writes at the right of a lane, or at its left where that covers fewer
// arrows, or more of the text can be read.
func (d *diagram) beside(s *sheet, lane int, y float64, text, class string) {
	gap := d.x(1) - d.x(0) - 30
	room := map[bool]float64{false: gap, true: gap}
	if lane == len(d.lanes)-1 {
		room[false] = float64(d.Width) - d.x(lane) - 16
	}
	if lane == 0 {
		room[true] = 0
	}
	var best [4]float64
	var left bool
	least := math.MaxInt
	for _, side := range []bool{false, true} {
		w := textWidth(clip(text, int(room[side]/(small*0.54))), small)
		for _, dy := range []float64{0, 12, -12} {
			box := [4]float64{d.x(lane) + 15, y + dy - 9, w, 11}
			if side {
				box[0] = d.x(lane) - 15 - w
			}
			crossed := d.crossed(arrow{}, along(box[0]+w/2, y+dy, 0, 0, w))
			if w < textWidth(text, small) {
				crossed += 2
			}
			if crossed < least && room[side] > w*0.9 && w > 0 && s.allFree([][4]float64{box}) {
				best, left, least = box, side, crossed
			}
		}
	}
	if least == math.MaxInt {
		return
	}
	s.taken = append(s.taken, best)
	s.text("say halo "+class, best[0], best[1]+9, "start", clip(text, int(room[left]/(small*0.54))))
}

func (d *diagram) writeNotes(s *sheet) {
	for _, w := range d.ways {
		var names []string
		for _, o := range w.Others {
			names = append(names, d.model.nodes[o])
		}
		text := "✂ " + map[string]string{"to": "to ", "from": "from "}[w.Way] + strings.Join(names, ", ") + ": " + w.Text
		y := d.y(w.At) + 11
		if !w.Up {
			d.beside(s, w.lane, y, text, "faulty")
			continue
		}
		if s.free(d.x(w.lane)-22-textWidth(text, small), y-9, textWidth(text, small), 11) {
			s.text("say halo faulty", d.x(w.lane)-22, y, "end", text)
		}
	}
	for _, n := range d.notes {
		y := d.y(n.at) + 4
		if n.at == d.From && n.class == "role" {
			s.text("say", d.x(n.lane), 36, "middle", n.text)
			continue
		}
		d.beside(s, n.lane, y, n.text, n.class)
	}
}

// writeTimes writes instants at the left, those of operations and notes first.
func (d *diagram) writeTimes(s *sheet) {
	write := func(at int64) {
		if y := d.y(at); at >= max(d.From, d.Since) && at <= d.scale.at[len(d.scale.at)-1] && s.free(0, y-7, 74, 15) {
			s.text("time", 72, y+4, "end", d.clock(at))
		}
	}
	for _, b := range d.bars {
		write(b.at)
		write(b.until)
	}
	for _, n := range d.notes {
		write(n.at)
	}
	for _, w := range d.ways {
		write(w.At)
		write(w.Until)
	}
	for _, f := range d.faults {
		write(f.At)
		write(f.Until)
	}
	write(d.arrowTime())
	if len(d.Clients) == 0 {
		for _, a := range d.arrows {
			write(a.at)
		}
	}
}

// clock prints an instant.
func (d *diagram) clock(at int64) string {
	if d.Since == 0 {
		return d.model.clock(at)
	}
	return fmt.Sprintf("%.1f\u00a0ms", float64(at-d.Since)/1e6)
}

// arrowTime is when the first message was sent: some instant has to be there.
func (d *diagram) arrowTime() int64 {
	if len(d.arrows) == 0 {
		return d.From
	}
	return slices.MinFunc(d.arrows, func(a, b arrow) int { return cmp.Compare(a.at, b.at) }).at
}
