package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// checker compares pages with the sources and with runs.
type checker struct {
	root    string
	refresh bool // write the truth into the pages instead of complaining
	tool    toolbox

	findings []string
	notes    []string // what could not be checked here
	changed  []string // pages that were rewritten
}

func newChecker(root string, refresh bool) (*checker, error) {
	dir, err := os.MkdirTemp("", "listings-bin")
	if err != nil {
		return nil, err
	}
	root, err = filepath.Abs(root)
	return &checker{root: root, refresh: refresh, tool: toolbox{root, dir}}, err
}

func (c *checker) close() { os.RemoveAll(c.tool.dir) }

func (c *checker) report(p *page, line int, format string, args ...any) {
	c.findings = append(c.findings, fmt.Sprintf("%s:%d: %s", p.path, line, fmt.Sprintf(format, args...)))
}

// pages returns the Markdown files of the repository.
func pages(root string) (found []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"site", "bin", "testdata"}, name)) {
			return filepath.SkipDir
		}
		if !d.IsDir() && filepath.Ext(name) == ".md" {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			found = append(found, filepath.ToSlash(rel))
		}
		return nil
	})
	return found, err
}

// checkAll checks the pages, and the links between them.
func (c *checker) checkAll(ctx context.Context, paths []string) error {
	for _, path := range paths {
		if err := c.checkPage(ctx, path); err != nil {
			return err
		}
	}
	return c.checkLinks(paths)
}

func (c *checker) checkPage(ctx context.Context, path string) error {
	file := filepath.Join(c.root, filepath.FromSlash(path))
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	p, err := parsePage(path, string(text))
	if err != nil {
		c.findings = append(c.findings, err.Error())
		return nil
	}
	s, err := newStage(c.tool)
	if err != nil {
		return err
	}
	defer s.close()
	runnable := c.canRun(p)
	bodies := map[int][]string{}
	for i, b := range p.blocks {
		if !runnable && b.directive != nil && b.directive.verb == "run" {
			continue
		}
		if want, differs := c.checkBlock(ctx, s, p, i, b); differs {
			bodies[i] = want
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	c.checkDrawings(ctx, s, p)
	if len(bodies) == 0 || !c.refresh {
		return nil
	}
	c.changed = append(c.changed, path)
	return os.WriteFile(file, []byte(p.with(bodies)), 0o644)
}

// canRun says whether what a page shows can be run on this machine. curl is not
// needed for anything else, so who has none can check the rest all the same. A
// page is left out as a whole, because one command builds on another.
func (c *checker) canRun(p *page) bool {
	uses := slices.ContainsFunc(p.blocks, func(b block) bool {
		return b.directive != nil && b.directive.verb == "run" && strings.Contains(b.directive.arg+strings.Join(b.body, "\n"), "curl ")
	})
	if _, err := exec.LookPath("curl"); !uses || err == nil {
		return true
	}
	c.notes = append(c.notes, p.path+": what it runs is not checked, because there is no curl here")
	return false
}

// checkBlock compares a block with what its directive says, and returns what
// it should hold if that is something else.
func (c *checker) checkBlock(ctx context.Context, s *stage, p *page, i int, b block) (want []string, differs bool) {
	if b.directive == nil {
		c.checkBare(p, b)
		return nil, false
	}
	if b.directive.verb == "sketch" {
		return nil, false
	}
	want, err := c.truth(ctx, s, p, i, b)
	if err != nil {
		c.report(p, b.line, "%v", err)
		return nil, false
	}
	names := b.directive.options["mask"]
	got, err := mask(names, b.body)
	if err != nil {
		c.report(p, b.line, "%v", err)
		return nil, false
	}
	if masked, _ := mask(names, want); masked == got {
		return nil, false
	}
	if !c.refresh {
		c.report(p, b.line, "the block is not what the directive gives (%s):\n%s", b.directive, diff(b.body, want))
	}
	return want, true
}

// truth returns what a block should hold.
func (c *checker) truth(ctx context.Context, s *stage, p *page, i int, b block) ([]string, error) {
	d := b.directive
	switch d.verb {
	case "code":
		return code(c.root, d.arg)
	case "shell":
		return s.transcript(ctx, b)
	case "judge":
		return c.judge(ctx, s, d.arg)
	}
	stdin := ""
	if d.options["stdin"] != "" {
		if i == 0 {
			return nil, fmt.Errorf("stdin: there is no block before this one")
		}
		stdin = strings.Join(p.blocks[i-1].body, "\n") + "\n"
	}
	return s.run(ctx, b, stdin)
}

// judge has the harness judge a recorded history again. Whatever it finds is
// what the page should say.
func (c *checker) judge(ctx context.Context, s *stage, file string) ([]string, error) {
	bin, err := c.tool.build(ctx, "harness")
	if err != nil {
		return nil, err
	}
	lines, status, err := s.bash(ctx, fmt.Sprintf("%q judge %q", bin, file), "")
	if err == nil && status > 2 {
		err = fmt.Errorf("judge %s: exit status %d\n%s", file, status, strings.Join(lines, "\n"))
	}
	return lines, err
}

// bareRules: a block without a directive is what nothing can make true or
// false, or what is typed and has no answer.
const bareRules = "say where it comes from (code, run, shell, judge), or mark it as a sketch; only blocks of text and sh may go without"

var (
	remark     = regexp.MustCompile(`(^|\s)#(\s|$)`)
	makeVerb   = regexp.MustCompile(`(?m)^\s*(?:\$ )?make ([a-z]+)`)
	goRunPath  = regexp.MustCompile(`go (?:run|test) (?:-\S+ )*\./([\w./-]+)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z]+)(?:-%)?:`)
)

// checkBare looks at a block that has no directive.
func (c *checker) checkBare(p *page, b block) {
	switch b.info {
	case "text":
	case "sh":
		c.checkCommands(p, b)
	case "":
		c.report(p, b.line, "a block without a language: %s", bareRules)
	default:
		c.report(p, b.line, "a block of %s without a directive: %s", b.info, bareRules)
	}
}

// checkCommands sees whether a block of commands can be typed as it stands: it
// holds nothing that the shell of macOS, zsh, does not take from a person, and the
// verbs of make and the packages that it names exist.
func (c *checker) checkCommands(p *page, b block) {
	makefile, _ := os.ReadFile(filepath.Join(c.root, "Makefile"))
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	for i, line := range b.body {
		if remark.MatchString(line) {
			c.report(p, b.line+1+i, "a remark (#) among commands, which zsh takes for arguments: say it above the block, or in a table")
		}
		if m := makeVerb.FindStringSubmatch(line); m != nil && !targets[m[1]] {
			c.report(p, b.line+1+i, "the Makefile has no verb %s", m[1])
		}
		for _, m := range goRunPath.FindAllStringSubmatch(line, -1) {
			dir := strings.TrimSuffix(m[1], "/...")
			if _, err := os.Stat(filepath.Join(c.root, dir)); err != nil {
				c.report(p, b.line+1+i, "there is no %s", dir)
			}
		}
	}
}
