package bench

import (
	"fmt"
	"strings"
)

// Aim is what one hopes for, of a ratio or of our side. The zero Aim is none.
type Aim struct {
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	// Of our side alone:
	Allocs           float64 `json:"allocs_per_op,omitempty"`      // at most
	WritesPerSync    float64 `json:"writes_per_sync,omitempty"`    // at least
	RecordsPerSecond float64 `json:"records_per_second,omitempty"` // at least
	SecondsPerSecond float64 `json:"seconds_per_second,omitempty"` // at least
}

func (a Aim) judge(r Result) Verdict {
	switch {
	case a.AtMost > 0 && r.Ratio.Median > a.AtMost,
		a.AtLeast > 0 && r.Ratio.Median < a.AtLeast,
		a.Allocs > 0 && r.Ours.AllocsPerOp != nil && *r.Ours.AllocsPerOp > a.Allocs,
		r.Ours.WritesPerSync < a.WritesPerSync,
		r.Ours.RecordsPerSecond < a.RecordsPerSecond,
		r.Ours.SecondsPerSecond < a.SecondsPerSecond:
		return Missed
	}
	return Met
}

// String returns the aim as one writes it into a table.
func (a *Aim) String() string {
	if a == nil {
		return "–"
	}
	var parts []string
	if a.AtMost > 0 {
		parts = append(parts, fmt.Sprintf("≤ %g", a.AtMost))
	}
	if a.AtLeast > 0 {
		parts = append(parts, fmt.Sprintf("≥ %g", a.AtLeast))
	}
	if a.Allocs > 0 {
		parts = append(parts, allocations(a.Allocs))
	}
	if a.WritesPerSync > 0 {
		parts = append(parts, fmt.Sprintf("≥ %g writes a sync", a.WritesPerSync))
	}
	if a.RecordsPerSecond > 0 {
		parts = append(parts, fmt.Sprintf("≥ %gM/s", a.RecordsPerSecond/1e6))
	}
	if a.SecondsPerSecond > 0 {
		parts = append(parts, fmt.Sprintf("≥ %g s/s", a.SecondsPerSecond))
	}
	return strings.Join(parts, ", ")
}
