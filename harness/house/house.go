// Package house answers: is the repository still laid out as it was meant to be?
//
// A layout that is only written down is soon forgotten, so the rules are
// functions here, and the tests of this package run them. A finding says which
// file, which rule and what to do.
package house

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Caps on what is not test code, in lines. Beyond a guide is worth a thought;
// beyond a cap is an error.
const (
	FunctionGuide, FunctionCap = 40, 60
	FileGuide, FileCap         = 400, 450
	RecipeCap                  = 60 // of store/open.go
)

// File is a Go file of the repository.
type File struct {
	Path  string // from the root, with slashes
	Lines int
	AST   *ast.File
	fset  *token.FileSet
}

// Test says whether f is a test file.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Dir returns the directory of f.
func (f *File) Dir() string { return path.Dir(f.Path) }

// Main says whether f belongs to a program.
func (f *File) Main() bool { return f.AST.Name.Name == "main" }

// Imports returns the paths that f imports.
func (f *File) Imports() []string {
	var out []string
	for _, spec := range f.AST.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		out = append(out, p)
	}
	return out
}

func (f *File) line(p token.Pos) int { return f.fset.Position(p).Line }

// Tree is the repository: the names of its files, and those in Go parsed.
type Tree struct {
	Names []string
	Go    []*File
}

// Read reads the files with the given names. Names that are gone are left out,
// and Go files below a testdata directory are not parsed.
func Read(fsys fs.FS, names []string) (*Tree, error) {
	t := &Tree{}
	for _, name := range names {
		if _, err := fs.Stat(fsys, name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		t.Names = append(t.Names, name)
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		t.Go = append(t.Go, &File{Path: name, Lines: bytes.Count(text, []byte("\n")), AST: syntax, fset: fset})
	}
	return t, nil
}

// Tracked returns the files that git knows below root.
func Tracked(root string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// A Rule looks at a tree and says what is wrong with it.
type Rule func(*Tree) []string

// TopLevel: nothing lies at the top of the repository but what belongs there.
func TopLevel(t *Tree) (found []string) {
	allowed := []string{"steps", "docs", "exercises", "solutions", "harness",
		"go.mod", "go.sum", "README.md", "Makefile", "mkdocs.yml", "LICENSE"}
	var seen []string
	for _, name := range t.Names {
		top, _, _ := strings.Cut(name, "/")
		if strings.HasPrefix(top, ".") || slices.Contains(allowed, top) || slices.Contains(seen, top) {
			continue
		}
		seen = append(seen, top)
		found = append(found, fmt.Sprintf("%s: does not belong at the top level; move it into one of %s", top, strings.Join(allowed[:5], ", ")))
	}
	return found
}

// stepOf returns the number of the step that a path lies in, or "".
func stepOf(p string) string {
	rest, ok := strings.CutPrefix(p, "steps/")
	if !ok {
		return ""
	}
	number, _, _ := strings.Cut(rest, "-")
	return number
}

// Staircase: a step imports itself and the steps before it, and nothing else of
// the repository, in its tests too.
func Staircase(t *Tree) (found []string) {
	for _, f := range t.Go {
		step := stepOf(f.Path)
		if step == "" {
			continue
		}
		for _, imp := range f.Imports() {
			rest, ok := strings.CutPrefix(imp, "zeyrho/")
			if !ok {
				continue
			}
			switch other := stepOf(rest); {
			case other == "":
				found = append(found, fmt.Sprintf("%s: imports %s; a step imports steps only", f.Path, imp))
			case other > step:
				found = append(found, fmt.Sprintf("%s: imports %s, a later step", f.Path, imp))
			}
		}
	}
	return found
}

// Recipes: every step has what every step must have, and its recipe can be
// taken in at a glance.
func Recipes(t *Tree) (found []string) {
	var steps []string
	for _, name := range t.Names {
		if parts := strings.Split(name, "/"); parts[0] == "steps" && len(parts) > 2 && !slices.Contains(steps, parts[1]) {
			steps = append(steps, parts[1])
		}
	}
	for _, step := range steps {
		for _, name := range []string{"main.go", "README.md", "store/open.go"} {
			if p := path.Join("steps", step, name); !slices.Contains(t.Names, p) {
				found = append(found, p+": every step has one, and it is missing")
			}
		}
	}
	for _, f := range t.Go {
		if stepOf(f.Path) != "" && strings.HasSuffix(f.Path, "/store/open.go") && f.Lines > RecipeCap {
			found = append(found, fmt.Sprintf("%s: %d lines; a recipe has at most %d, move the rest into a package", f.Path, f.Lines, RecipeCap))
		}
	}
	return found
}

// OutsideTests: the tests of a step are written from outside of its packages,
// so that a package can be replaced whole and tested again.
func OutsideTests(t *Tree) (found []string) {
	for _, f := range t.Go {
		if f.Test() && stepOf(f.Path) != "" && !f.Main() && !strings.HasSuffix(f.AST.Name.Name, "_test") {
			found = append(found, fmt.Sprintf("%s: is in package %s; a step's tests use the exported API only, so make it %[2]s_test", f.Path, f.AST.Name.Name))
		}
	}
	return found
}
