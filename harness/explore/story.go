package explore

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Story tells a run: a column a task, a line an event, from top to bottom in
// the order in which it happened.
func (r *Run) Story() string {
	widths := make([]int, len(r.Tasks))
	for i, name := range r.Tasks {
		widths[i] = utf8.RuneCountInString(name)
	}
	for _, e := range r.Trace {
		widths[e.Task] = max(widths[e.Task], utf8.RuneCountInString(e.Text))
	}
	var b strings.Builder
	line := func(fill string, between string, cell func(task int) string) {
		var row []string
		for i, w := range widths {
			text := cell(i)
			row = append(row, text+strings.Repeat(fill, w-utf8.RuneCountInString(text)))
		}
		fmt.Fprintln(&b, strings.TrimRight(strings.Join(row, between), " "))
	}
	line(" ", " | ", func(i int) string { return r.Tasks[i] })
	line("-", "-+-", func(int) string { return "" })
	for _, e := range r.Trace {
		line(" ", " | ", func(i int) string {
			if i == e.Task {
				return e.Text
			}
			return ""
		})
	}
	if r.Err != nil {
		fmt.Fprintf(&b, "=> %v\n", r.Err)
	}
	return b.String()
}
