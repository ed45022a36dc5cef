package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// code returns what a code directive names:
//
//	path                                  the whole file
//	path Name Type.Method …               these declarations, in this order
//	path package                          the package clause with its comment
//	path … nodoc                          without the comments above them
//	path [Name] lines "text" .. "text"    from the line with one text to the next with the other
func code(root, arg string) ([]string, error) {
	words, err := splitWords(arg)
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(words[0])))
	if err != nil {
		return nil, err
	}
	var names []string
	var part []string
	doc := true
	for i, w := range words[1:] {
		if w == "lines" {
			part = words[i+2:]
			break
		}
		if w == "nodoc" {
			doc = false
			continue
		}
		names = append(names, w)
	}
	text := string(src)
	if len(names) > 0 {
		if text, err = declarations(words[0], src, names, doc); err != nil {
			return nil, err
		}
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if part == nil {
		return lines, nil
	}
	return between(lines, part)
}

// declarations returns the source text of the named declarations, with a blank
// line between them.
func declarations(path string, src []byte, names []string, doc bool) (string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	var out []string
	for _, name := range names {
		from, to, ok := find(file, name, doc)
		if !ok {
			return "", fmt.Errorf("%s does not declare %s", path, name)
		}
		end := fset.Position(to).Offset
		for end < len(src) && src[end] != '\n' { // a comment at the end of the line
			end++
		}
		out = append(out, string(src[fset.Position(from).Offset:end]))
	}
	return strings.Join(out, "\n\n"), nil
}

// find returns where the declaration of a name begins and ends.
func find(file *ast.File, name string, doc bool) (from, to token.Pos, ok bool) {
	begin := func(n ast.Node, comment *ast.CommentGroup) token.Pos {
		if doc && comment != nil {
			return comment.Pos()
		}
		return n.Pos()
	}
	if name == "package" {
		return begin(file, file.Doc), file.Name.End(), true
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if methodName(d) == name {
				return begin(d, d.Doc), d.End(), true
			}
		case *ast.GenDecl:
			if declares(d, name) {
				return begin(d, d.Doc), d.End(), true
			}
		}
	}
	return 0, 0, false
}

// methodName returns the name of a function, or Type.Name for a method.
func methodName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if generic, ok := x.(*ast.IndexExpr); ok {
		x = generic.X
	}
	id, ok := x.(*ast.Ident)
	if !ok {
		return ""
	}
	return id.Name + "." + d.Name.Name
}

// declares says whether a type, constant or variable is in a declaration,
// which is then shown whole.
func declares(d *ast.GenDecl, name string) bool {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.Name == name {
				return true
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.Name == name {
					return true
				}
			}
		}
	}
	return false
}

// between returns the lines from the only one that contains the first text to
// the next one that contains the last, shifted to the left.
func between(lines, part []string) ([]string, error) {
	if len(part) != 3 || part[1] != ".." {
		return nil, fmt.Errorf(`want: lines "text of the first" .. "text of the last"`)
	}
	from := -1
	for i, line := range lines {
		if !strings.Contains(line, part[0]) {
			continue
		}
		if from >= 0 {
			return nil, fmt.Errorf("lines %d and %d both contain %q: quote more of it", from+1, i+1, part[0])
		}
		from = i
	}
	if from < 0 {
		return nil, fmt.Errorf("no line contains %q", part[0])
	}
	for to := from; to < len(lines); to++ {
		if strings.Contains(lines[to], part[2]) {
			return shiftLeft(lines[from : to+1]), nil
		}
	}
	return nil, fmt.Errorf("no line after %q contains %q", part[0], part[2])
}

// shiftLeft takes away the tabs that all lines begin with.
func shiftLeft(lines []string) []string {
	common := -1
	for _, line := range lines {
		if n := len(line) - len(strings.TrimLeft(line, "\t")); line != "" && (common < 0 || n < common) {
			common = n
		}
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		if line != "" {
			out[i] = line[common:]
		}
	}
	return out
}

// splitWords cuts text at blanks; words may be quoted as in Go.
func splitWords(text string) (words []string, err error) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		word, _, _ := strings.Cut(text, " ")
		if text[0] == '"' || text[0] == '`' {
			if word, err = strconv.QuotedPrefix(text); err != nil {
				return nil, fmt.Errorf("%s: a quote is not closed", text)
			}
		}
		text = text[len(word):]
		if unquoted, err := strconv.Unquote(word); err == nil {
			word = unquoted
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("nothing is named")
	}
	return words, nil
}
