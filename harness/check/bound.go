package check

import (
	"fmt"

	"zeyrho/harness/history"
)

const bounds finder = "bound"

// Bound returns the checker of a resource: no sample with that name is above
// limit. The unit is for the sentence: "bytes" are printed as MiB where they
// are many. No sample at all is inconclusive.
//
// It sees what was sampled; a peak between two samples goes by unseen.
func Bound(name string, limit float64, unit string) Checker {
	return func(h *history.History) Finding {
		n := 0
		var worst history.Event
		for _, e := range h.Events {
			if e.Kind != "sample" || e.Text != name {
				continue
			}
			if n == 0 || e.Value > worst.Value {
				worst = e
			}
			n++
		}
		switch {
		case n == 0:
			return bounds.inconclusive("%q was never measured", name)
		case worst.Value > limit:
			where := ""
			if worst.Node != "" {
				where = " of " + worst.Node
			}
			return bounds.violation(nil, "%s%s was %s at %s; the bound is %s",
				name, where, amount(worst.Value, unit), at(worst.At), amount(limit, unit))
		}
		return bounds.pass()
	}
}

func amount(v float64, unit string) string {
	switch {
	case unit == "bytes" && v >= 1<<20:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	case unit == "":
		return fmt.Sprintf("%g", v)
	}
	return fmt.Sprintf("%g %s", v, unit)
}
