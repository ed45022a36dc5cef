package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var drawn = regexp.MustCompile(`^<!--\s*drawn:\s*(.*?)\s*-->$`)

// checkDrawings checks the pictures of a page that are drawn by a program: a
// line "<!-- drawn: command -->" stands before the line with the picture, and
// the file of the picture must hold what the command prints.
func (c *checker) checkDrawings(ctx context.Context, s *stage, p *page) {
	p.prose(func(line int, text string) {
		m := drawn.FindStringSubmatch(text)
		if m == nil {
			return
		}
		found := targets(p.lines[min(line, len(p.lines)-1)])
		if len(found) == 0 {
			c.report(p, line, "no picture follows on the next line")
			return
		}
		want, status, err := s.bash(ctx, m[1], "")
		if err != nil || status != 0 {
			c.report(p, line, "%s: exit status %d, %v\n%s", m[1], status, err, strings.Join(want, "\n"))
			return
		}
		c.compareDrawing(p, line, path.Join(path.Dir(p.path), found[0]), want)
	})
}

func (c *checker) compareDrawing(p *page, line int, name string, want []string) {
	file := filepath.Join(c.root, filepath.FromSlash(name))
	got, err := os.ReadFile(file)
	if err == nil && slices.Equal(outputLines(got), want) {
		return
	}
	if !c.refresh {
		c.report(p, line, "%s is not what the command draws", name)
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		c.report(p, line, "%v", err)
		return
	}
	if err := os.WriteFile(file, []byte(strings.Join(want, "\n")+"\n"), 0o644); err != nil {
		c.report(p, line, "%v", err)
		return
	}
	c.changed = append(c.changed, name)
}
