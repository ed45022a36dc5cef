package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A directive is an HTML comment on the line before a fenced block: invisible
// to readers, here and on the site. Its first line is "verb: argument" or just
// "verb"; further lines are options, "name: value".
type directive struct {
	verb    string
	arg     string
	options map[string]string
}

func (d directive) String() string { return strings.TrimSuffix(d.verb+": "+d.arg, ": ") }

// A block is a fenced block of a page.
type block struct {
	line      int    // of its opening fence, from 1
	info      string // the word after the fence: its language
	indent    string // before the fence, and before each line of the body
	body      []string
	from, to  int // the body's place in page.lines
	directive *directive
}

// A page is a Markdown file, cut into lines.
type page struct {
	path   string // from the root, with slashes
	lines  []string
	blocks []block
}

var (
	fence   = regexp.MustCompile("^([ \t]*)(`{3,}|~{3,})[ \t]*([^` ]*)[^`]*$")
	comment = regexp.MustCompile(`(?s)^\s*<!--\s*(.*?)\s*-->\s*$`)
	option  = regexp.MustCompile(`^([a-z]+)(?::\s*(.*))?$`)
)

// verbs are the directives, and whether they need an argument (1), must not
// have one (-1) or may (0).
var verbs = map[string]int{"code": 1, "run": 0, "shell": 1, "judge": 1, "sketch": -1}

// optionNames are what may stand below the first line of a directive.
var optionNames = map[string]bool{"mask": true, "exit": true, "server": true, "stdin": true}

// parsePage finds the blocks of a page and their directives.
func parsePage(path, text string) (*page, error) {
	p := &page{path: path, lines: strings.Split(text, "\n")}
	for i := 0; i < len(p.lines); i++ {
		m := fence.FindStringSubmatch(p.lines[i])
		if m == nil {
			continue
		}
		b := block{line: i + 1, info: m[3], indent: m[1], from: i + 1}
		b.to = b.from
		for b.to < len(p.lines) && !closes(p.lines[b.to], m[2]) {
			b.body = append(b.body, strings.TrimPrefix(p.lines[b.to], b.indent))
			b.to++
		}
		if b.to == len(p.lines) {
			return nil, fmt.Errorf("%s:%d: the block is never closed", path, b.line)
		}
		var err error
		if b.directive, err = p.directiveAbove(i); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, b.line, err)
		}
		p.blocks = append(p.blocks, b)
		i = b.to
	}
	return p, nil
}

// closes says whether a line ends the block that was opened with a fence.
func closes(line, opening string) bool {
	line = strings.TrimSpace(line)
	return len(line) >= len(opening) && strings.Trim(line, opening[:1]) == ""
}

// directiveAbove reads the comment that ends on the line before line i, or
// with one blank line between. A comment that is not of the form of a
// directive is none.
func (p *page) directiveAbove(i int) (*directive, error) {
	end := i - 1
	if end > 0 && strings.TrimSpace(p.lines[end]) == "" {
		end--
	}
	if end < 0 || !strings.HasSuffix(strings.TrimSpace(p.lines[end]), "-->") {
		return nil, nil
	}
	start := end
	for start > 0 && !strings.Contains(p.lines[start], "<!--") {
		start--
	}
	m := comment.FindStringSubmatch(strings.Join(p.lines[start:end+1], "\n"))
	if m == nil {
		return nil, nil
	}
	return parseDirective(m[1])
}

func parseDirective(text string) (*directive, error) {
	var d *directive
	for line := range strings.Lines(text) {
		m := option.FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case m == nil && d == nil:
			return nil, nil // a remark
		case m == nil:
			return nil, fmt.Errorf("directive: %q is no option", strings.TrimSpace(line))
		case d == nil:
			d = &directive{verb: m[1], arg: m[2], options: map[string]string{}}
		case !optionNames[m[1]]:
			return nil, fmt.Errorf("directive: no option %q", m[1])
		default:
			d.options[m[1]] = m[2]
		}
	}
	need, known := verbs[d.verb]
	switch {
	case !known:
		return nil, fmt.Errorf("no directive %q; there are code, run, shell, judge and sketch", d.verb)
	case need > 0 && d.arg == "":
		return nil, fmt.Errorf("directive %s needs an argument", d.verb)
	case need < 0 && d.arg != "":
		return nil, fmt.Errorf("directive %s takes no argument", d.verb)
	}
	return d, nil
}

// with returns the text of the page with other bodies in some of its blocks,
// by the index of the block. Everything else stays as it is.
func (p *page) with(bodies map[int][]string) string {
	var out []string
	at := 0
	for i, b := range p.blocks {
		body, ok := bodies[i]
		if !ok {
			continue
		}
		out = append(out, p.lines[at:b.from]...)
		for _, line := range body {
			if line != "" {
				line = b.indent + line
			}
			out = append(out, line)
		}
		at = b.to
	}
	return strings.Join(append(out, p.lines[at:]...), "\n")
}
