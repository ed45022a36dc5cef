package bench

import (
	"fmt"
	"os"
	"strings"
)

// Between these lines of a Markdown file lies the table.
const (
	beginMark = "<!-- bench: begin -->"
	endMark   = "<!-- bench: end -->"
)

// Markdown returns the report as a piece of a Markdown page.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %s.\n\n", r.Machine, r.Settings)
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(heads)
	row([]string{"---", "---", "---", "---", "---", "---"})
	for _, one := range r.Comparisons {
		row(one.cells())
	}
	return b.String()
}

// CheckMarkdown returns an error if Refresh would.
func CheckMarkdown(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = between(string(text), "")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// RefreshMarkdown puts the report into the page at path, between its marks.
func (r *Report) RefreshMarkdown(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := between(string(old), "\n"+r.Markdown()+"\n")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// between returns text with what lies between the marks replaced by part.
func between(text, part string) (string, error) {
	before, rest, ok := strings.Cut(text, beginMark+"\n")
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return "", fmt.Errorf("the table needs a place: the lines %q and %q", beginMark, endMark)
	}
	return before + beginMark + "\n" + part + endMark + after, nil
}
