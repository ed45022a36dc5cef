// Package page answers: what happened in this run, so that one can see it?
//
// Write makes one HTML page of a history and of what the checkers say about it:
// a diagram of space and time, with a lane for each node. Everything is in the
// page, and it asks no network for anything. Diagram draws a short run, or a
// part of one, as a picture that does not move.
package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

//go:embed assets
var assets embed.FS

// scripts are the parts of the program in the page, in the order in which they
// need each other.
var scripts = []string{"model.js", "layout.js", "paint.js", "panel.js", "main.js"}

// Options say what the history itself does not.
type Options struct {
	Question string // what the scenario asks
	Expected string // why the run was meant to fail, if it was
}

// view is what the template shows.
type view struct {
	history.Header
	Options
	Findings []finding
	Passed   []string // the checkers that had nothing to say
	Story    []line
	More     int // lines of the story that are left out
	Counts   string
	Style    template.CSS
	Script   template.HTML
	Data     template.HTML
}

// finding is one with something to say, and the operations that show it.
type finding struct {
	check.Finding
	Ops  []shownOp
	Rest int  // operations beside those
	Big  bool // a violation, or the worst that there is: shown in full
}

// Mark is a symbol for the verdict, beside its word and its colour.
func (f finding) Mark() string {
	return map[check.Verdict]string{check.Pass: "✓", check.Violation: "✗"}[f.Verdict]
}

// shownOp is an operation that a finding names. Number is 1 for the first of
// all that the page marks.
type shownOp struct {
	Number, ID int
	At         string
	Words      string
}

// Write writes a page about h and what the checkers found in it.
func Write(w io.Writer, h *history.History, findings []check.Finding, o Options) error {
	if err := history.Validate(*h); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	text, err := assets.ReadFile("assets/page.html")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	t, err := template.New("page").Parse(string(text))
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	v, err := newView(h, findings, o)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

func newView(h *history.History, findings []check.Finding, o Options) (*view, error) {
	m := newModel(h, findings)
	v := &view{Header: h.Header, Options: o, Findings: m.findings(), Passed: passed(findings), Counts: m.counts()}
	v.Story, v.More = m.story()
	style, err := assets.ReadFile("assets/style.css")
	if err != nil {
		return nil, err
	}
	v.Style = template.CSS(style)
	if v.Script, err = script(); err != nil {
		return nil, err
	}
	v.Data, err = embedded(m.data())
	return v, err
}

// script joins the program's parts.
func script() (template.HTML, error) {
	var b strings.Builder
	for _, name := range scripts {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return "", err
		}
		b.Write(text)
	}
	return template.HTML("<script>\n\"use strict\";\n(() => {\n" + b.String() + "})();\n</script>"), nil
}

// embedded is data for the program, in an element of its own. The encoder
// escapes whatever could end that.
func embedded(d *data) (template.HTML, error) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(d); err != nil {
		return "", err
	}
	return template.HTML(`<script type="application/json" id="data">` + b.String() + "</script>"), nil
}

// passed lists the checkers that passed and have nothing else to say.
func passed(findings []check.Finding) (names []string) {
	seen := map[string]bool{}
	for _, f := range findings {
		if f.Verdict != check.Pass || f.Reason != "" {
			seen[f.Checker] = true
		}
	}
	for _, f := range findings {
		if !seen[f.Checker] {
			names, seen[f.Checker] = append(names, f.Checker), true
		}
	}
	return names
}
