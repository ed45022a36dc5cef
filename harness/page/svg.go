package page

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"
)

// scale says at which height an instant is drawn. Between two that matter there
// is at least the room that the later one needs, and never very much.
type scale struct {
	at     []int64
	height []float64
}

// top is where the first instant is, below the names of the lanes.
const top = 58

func newScale(room map[int64]float64) *scale {
	s := &scale{at: slices.Sorted(maps.Keys(room))}
	usual := float64(s.at[len(s.at)-1]-s.at[0]) / float64(len(s.at))
	h := float64(top)
	for i, at := range s.at {
		if i > 0 {
			stretch := 14 * math.Sqrt(float64(at-s.at[i-1])/max(usual, 1))
			h += max(room[at], min(stretch, 34))
		}
		s.height = append(s.height, h)
	}
	return s
}

// y returns the height of an instant.
func (s *scale) y(at int64) float64 {
	i, found := slices.BinarySearch(s.at, at)
	switch {
	case found:
		return s.height[i]
	case i == 0:
		return s.height[0]
	case i == len(s.at):
		return s.bottom()
	}
	part := float64(at-s.at[i-1]) / float64(s.at[i]-s.at[i-1])
	return s.height[i-1] + part*(s.height[i]-s.height[i-1])
}

func (s *scale) bottom() float64 { return s.height[len(s.height)-1] }

const diagramStyle = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .halo { paint-order: stroke; stroke: #ffffff; stroke-width: 4; stroke-linejoin: round; }
  .name { font-size: 13px; font-weight: bold; }
  .time { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #57606a; }
  .say { font-size: 12px; fill: #57606a; }
  .lane { stroke: #8b949e; stroke-dasharray: 3 4; }
  .arrow { stroke-width: 1.6; fill: none; }
  .message { stroke: #1f2328; } .tip.message { fill: #1f2328; }
  .ask { stroke: #0b8599; stroke-width: 2; } .tip.ask { fill: #0b8599; }
  .lost { stroke: #d1242f; stroke-dasharray: 5 4; } .cross { stroke: #d1242f; stroke-width: 2.2; fill: none; }
  .tip { stroke: none; } text.lost, text.bad, text.fail { fill: #c01c28; stroke-dasharray: none; } text.bad { font-weight: bold; }
  text.message, text.ask, text.lost, text.ok, text.fail, text.unknown { stroke: none; stroke-width: 0; }
  text.halo { stroke: #ffffff; stroke-width: 4; }
  text.unknown { fill: #8a5300; }
  .bar { stroke: none; } .bar.ok { fill: #0b7285; } .bar.fail { fill: none; stroke: #6e7781; stroke-dasharray: 3 2; }
  .bar.unknown { fill: #fdeecb; stroke: #8a5300; }
  .mark { fill: none; stroke: #d1242f; stroke-width: 2.5; } .badge { fill: #c01c28; } text.number { fill: #ffffff; font-weight: bold; }
  .leader { stroke-width: 12; } .follower { stroke-width: 12; stroke-opacity: 0.25; } .learner { stroke-width: 12; stroke-opacity: 0.25; stroke-dasharray: 3 3; }
  .hue0 { stroke: #3b7dd8; } .hue1 { stroke: #8f4fd1; } .hue2 { stroke: #2e9e6b; } .hue3 { stroke: #9a8a1f; } .hue4 { stroke: #c04f9a; }
  .fault { fill: #8a5300; fill-opacity: 0.14; stroke: #8a5300; stroke-opacity: 0.7; } .hatch { stroke: #8a5300; stroke-opacity: 0.7; }
  text.faulty { fill: #7a4a00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .halo, text.halo { stroke: #12171e; } .time, .say { fill: #a5afba; }
    .message { stroke: #c9d1d9; } .tip.message { fill: #c9d1d9; } .ask { stroke: #22b8cf; } .tip.ask { fill: #22b8cf; }
    .lost, .cross { stroke: #ff7b72; } text.lost, text.bad, text.fail { fill: #ff7b72; } text.unknown { fill: #e3a53a; }
    .bar.ok { fill: #22a3b8; } .bar.unknown { fill: #3a2a0c; stroke: #e3a53a; } .mark { stroke: #ff7b72; } .badge { fill: #d1242f; }
    .fault { fill: #f0b37e; stroke: #f0b37e; } .hatch { stroke: #f0b37e; } text.faulty { fill: #f0b37e; }
    text.message, text.ask, text.ok { fill: #e6edf3; }
  }
`

// small is the size of the letters beside a lane.
const small = 12

// sheet is a picture on which nothing that is written covers anything else that
// is.
type sheet struct {
	b     strings.Builder
	taken [][4]float64 // x, y, width, height
}

func (s *sheet) add(format string, args ...any) { fmt.Fprintf(&s.b, format+"\n", args...) }

// width is about how wide a text is, in letters of a size.
func textWidth(s string, size float64) float64 { return float64(len([]rune(s))) * size * 0.54 }

// free takes a place if nothing is there.
func (s *sheet) free(x, y, w, h float64) bool {
	box := [4]float64{x, y, w, h}
	if !s.allFree([][4]float64{box}) {
		return false
	}
	s.taken = append(s.taken, box)
	return true
}

// allFree reports whether nothing is written in any of the boxes.
func (s *sheet) allFree(boxes [][4]float64) bool {
	for _, b := range boxes {
		covers := func(t [4]float64) bool {
			return b[0] < t[0]+t[2] && t[0] < b[0]+b[2] && b[1] < t[1]+t[3] && t[1] < b[1]+b[3]
		}
		if slices.ContainsFunc(s.taken, covers) {
			return false
		}
	}
	return true
}

// text writes where y is the line on which the letters stand.
func (s *sheet) text(class string, x, y float64, anchor, text string) {
	s.add(`<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, class, x, y, anchor, html.EscapeString(text))
}
