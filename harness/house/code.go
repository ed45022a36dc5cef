package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// PackageComments: every package says what it is for, once.
func PackageComments(t *Tree) (found []string) {
	documented := map[string]bool{}
	var dirs []string
	for _, f := range t.Go {
		if f.Test() {
			continue
		}
		if !slices.Contains(dirs, f.Dir()) {
			dirs = append(dirs, f.Dir())
		}
		if f.AST.Doc == nil {
			continue
		}
		if documented[f.Dir()] {
			found = append(found, f.Path+": another file of the package has a package comment already")
		}
		documented[f.Dir()] = true
		if start := "Package " + f.AST.Name.Name + " "; !f.Main() && !strings.HasPrefix(f.AST.Doc.Text(), start) {
			found = append(found, fmt.Sprintf("%s: the package comment should begin with %q", f.Path, start))
		}
	}
	for _, dir := range dirs {
		if !documented[dir] {
			found = append(found, dir+": no file has a package comment; open it with the question that the package answers")
		}
	}
	return found
}

// Sizes: functions and files stay within the caps.
func Sizes(t *Tree) []string { return longer(t, FunctionCap, FileCap) }

// LongerThanGuides lists what is within the caps but longer than the guides.
func LongerThanGuides(t *Tree) []string { return longer(t, FunctionGuide, FileGuide) }

func longer(t *Tree, function, file int) (found []string) {
	for _, f := range t.Go {
		if f.Test() {
			continue
		}
		if f.Lines > file {
			found = append(found, fmt.Sprintf("%s: %d lines, more than %d", f.Path, f.Lines, file))
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > function {
				found = append(found, fmt.Sprintf("%s:%d: %s has %d lines, more than %d", f.Path, f.line(fn.Pos()), fn.Name.Name, n, function))
			}
		}
	}
	return found
}

// NoSleepingTests: a test waits for a condition. Where it imports
// testing/synctest, time is virtual and may be slept through.
func NoSleepingTests(t *Tree) (found []string) {
	for _, f := range t.Go {
		if !f.Test() || slices.Contains(f.Imports(), "testing/synctest") {
			continue
		}
		for _, p := range calls(f, "time", "Sleep") {
			found = append(found, fmt.Sprintf("%s:%d: time.Sleep in a test; wait for the condition itself, or use testing/synctest", f.Path, f.line(p)))
		}
	}
	return found
}

// NoMagic: nothing runs before main, and only main ends the process.
func NoMagic(t *Tree) (found []string) {
	for _, f := range t.Go {
		if f.Test() {
			continue
		}
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, fmt.Sprintf("%s:%d: init runs behind the reader's back; call it by name", f.Path, f.line(fn.Pos())))
			}
		}
		if f.Main() {
			continue
		}
		for _, name := range [][2]string{{"os", "Exit"}, {"log", "Fatal"}, {"log", "Fatalf"}, {"log", "Fatalln"}} {
			for _, p := range calls(f, name[0], name[1]) {
				found = append(found, fmt.Sprintf("%s:%d: %s.%s outside of main; return an error", f.Path, f.line(p), name[0], name[1]))
			}
		}
	}
	return found
}

// calls returns where f mentions pkg.name.
func calls(f *File, pkg, name string) (at []token.Pos) {
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg {
				at = append(at, sel.Pos())
			}
		}
		return true
	})
	return at
}

// plain are methods whose names say it all: the interfaces that everybody knows.
var plain = []string{"String", "Error", "Unwrap", "Is", "Len", "Less", "Swap", "Push", "Pop", "ServeHTTP",
	"MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "Read", "Write", "Close"}

// ExportedNames: every exported name of a package has a comment. In a group, a
// comment on the group or at the end of the line will do.
func ExportedNames(t *Tree) (found []string) {
	for _, f := range t.Go {
		if f.Test() || f.Main() {
			continue
		}
		for _, d := range f.AST.Decls {
			for _, name := range undocumented(d) {
				found = append(found, fmt.Sprintf("%s:%d: %s is exported and has no comment", f.Path, f.line(name.Pos()), name.Name))
			}
		}
	}
	return found
}

func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		known := d.Recv != nil && (!ast.IsExported(receiver(d)) || slices.Contains(plain, d.Name.Name))
		if d.Doc == nil && d.Name.IsExported() && !known {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		return undocumentedSpecs(d)
	}
	return nil
}

func undocumentedSpecs(d *ast.GenDecl) (names []*ast.Ident) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			if s.Doc != nil || s.Comment != nil || d.Doc != nil {
				continue
			}
			for _, n := range s.Names {
				if n.IsExported() {
					names = append(names, n)
				}
			}
		}
	}
	return names
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	switch generic := x.(type) {
	case *ast.IndexExpr:
		x = generic.X
	case *ast.IndexListExpr:
		x = generic.X
	}
	if id, ok := x.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
