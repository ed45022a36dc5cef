package house

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
)

// What to do instead.
const (
	useEnvNow    = "a node is told the time: use Env.Now, and say in Wake when it is to be told again"
	useEnvStart  = "a node has one thread of thought: let Env.Start do long work, and go on when it has ended"
	useEnvRand   = "draw from Env.Rand, which a simulation repeats"
	useOutbox    = "a node reaches others through its outbox"
	useDisk      = "a node has the disk that it is given, a disk.Disk"
	useSorted    = "it comes in another order every time: sort the keys (slices.Sorted(maps.Keys(m))), or keep a slice"
	useIntegers  = "it may differ from one processor to the next: use integers"
	useField     = "all nodes of a process would share it: make it a field"
	useOwnFiles  = "it belongs to what drives a node: move it, or do without"
	useKnownOnes = "nobody has looked whether it is the same every time: if it is, name it in harness/house"
)

// harmless are the packages of the standard library that do the same every time,
// but for some names in them; see unwanted.
var harmless = []string{
	"bufio", "bytes", "cmp", "container/heap", "container/list", "context", "crypto/sha256", "encoding/base32", "encoding/base64",
	"encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "hash/crc32", "hash/crc64", "hash/fnv", "io", "io/fs",
	"iter", "maps", "math", "math/bits", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
	"zeyrho/steps/04-journal/disk",
}

// unwanted are packages, and names in packages, with what to do instead.
var unwanted = map[string]string{
	"crypto/rand": useEnvRand, "math/rand": useEnvRand, "math/rand/v2": useEnvRand, "hash/maphash": useEnvRand,
	"net": useOutbox, "net/http": useOutbox, "os": useDisk, "os/exec": useDisk, "path/filepath": useDisk, "syscall": useDisk,
	"sync": useEnvStart, "sync/atomic": useEnvStart, "runtime": useEnvStart, "golang.org/x/sync/errgroup": useEnvStart,

	"time.Now": useEnvNow, "time.Since": useEnvNow, "time.Until": useEnvNow, "time.Sleep": useEnvNow, "time.After": useEnvNow,
	"time.AfterFunc": useEnvNow, "time.Tick": useEnvNow, "time.NewTimer": useEnvNow, "time.NewTicker": useEnvNow,
	"context.WithTimeout": useEnvNow, "context.WithDeadline": useEnvNow, "context.AfterFunc": useEnvStart,
	"context.WithTimeoutCause": useEnvNow, "context.WithDeadlineCause": useEnvNow,
	"maps.Keys": useSorted, "maps.Values": useSorted, "maps.All": useSorted,
	"fmt.Print": useOutbox, "fmt.Println": useOutbox, "fmt.Printf": useOutbox,
	"fmt.Scan": useOutbox, "fmt.Scanln": useOutbox, "fmt.Scanf": useOutbox,
	"zeyrho/steps/03-server/session.NewIncarnation": useEnvRand,
	"zeyrho/steps/04-journal/disk.OpenDir":          useDisk,
}

// run looks for breaches of all rules.
func (s *scan) run() []string {
	for _, f := range s.files {
		for _, imp := range f.Imports {
			s.imports(imp)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && slices.Contains(s.But, fn.Name.Name) {
				s.excuse(fn)
			} else {
				s.walk(d)
			}
		}
	}
	for _, name := range append(slices.Clone(s.May), s.But...) {
		if !slices.Contains(s.used, name) {
			s.found = append(s.found, s.Dir+": the exception for "+name+" is of no use any more; take it out of NodePackages")
		}
	}
	return s.found
}

// excuse looks at a function only to see whether its exception is of any use.
func (s *scan) excuse(fn *ast.FuncDecl) {
	before := s.found
	s.found = nil
	s.walk(fn)
	if len(s.found) > 0 {
		s.used = append(s.used, fn.Name.Name)
	}
	s.found = before
}

func (s *scan) walk(d ast.Decl) {
	sorted := map[ast.Node]bool{} // functions whose result is sorted at once
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			s.sorts(n, sorted)
			s.converts(n)
		case *ast.Ident:
			s.uses(n)
		case *ast.SelectorExpr:
			s.names(n, sorted[n])
		case ast.Stmt:
			s.statement(n)
		case ast.Expr:
			s.expression(n)
		}
		return true
	})
}

func (s *scan) imports(imp *ast.ImportSpec) {
	p := strings.Trim(imp.Path.Value, "\"`")
	if imp.Name != nil && imp.Name.Name == "." {
		s.breach(imp.Pos(), "imports ."+p, "then nobody sees where a name comes from: leave the dot out")
	}
	isNode := func(n NodePackage) bool { return strings.HasSuffix(p, "/"+n.Dir) }
	switch {
	case slices.Contains(s.May, p):
		s.used = append(s.used, p)
		return
	case slices.Contains(harmless, p), slices.ContainsFunc(s.nodes, isNode):
		return
	}
	instead, ok := unwanted[p]
	if !ok {
		instead = useKnownOnes
	}
	s.breach(imp.Pos(), "imports "+p, instead)
}

// sorts notes what the arguments of functions are that sort them.
func (s *scan) sorts(call *ast.CallExpr, sorted map[ast.Node]bool) {
	name, ok := s.callee(call.Fun)
	if !ok || name != "slices.Sorted" && name != "slices.SortedFunc" {
		return
	}
	if keys, ok := call.Args[0].(*ast.CallExpr); ok {
		sorted[ast.Unparen(keys.Fun)] = true
	}
}

// callee returns the name of the function of a package that x stands for.
func (s *scan) callee(x ast.Expr) (name string, ok bool) {
	sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	obj := s.info.Uses[sel.Sel]
	if obj == nil || obj.Pkg() == nil || obj.Parent() != obj.Pkg().Scope() {
		return "", false
	}
	return obj.Pkg().Path() + "." + obj.Name(), true
}

// names looks at pkg.Name.
func (s *scan) names(sel *ast.SelectorExpr, sorted bool) {
	name, ok := s.callee(sel)
	if instead, bad := unwanted[name]; ok && bad && !sorted {
		s.breach(sel.Pos(), path.Base(name), instead)
	}
}

// uses looks at names of this package that are declared in files which are not
// part of a node.
func (s *scan) uses(id *ast.Ident) {
	obj := s.info.Uses[id]
	if obj == nil || obj.Pkg() != s.pkg {
		return
	}
	if file := path.Base(s.fset.Position(obj.Pos()).Filename); slices.Contains(s.Not, file) {
		s.breach(id.Pos(), id.Name+" is declared in "+file, useOwnFiles)
	}
}

func (s *scan) statement(n ast.Stmt) {
	switch n := n.(type) {
	case *ast.GoStmt:
		s.breach(n.Pos(), "go", useEnvStart)
	case *ast.SelectStmt:
		s.breach(n.Pos(), "select", useEnvStart)
	case *ast.SendStmt:
		s.breach(n.Pos(), "a send on a channel", useEnvStart)
	case *ast.RangeStmt:
		switch {
		case s.is(n.X, isMap):
			s.breach(n.Pos(), "a range over a map", useSorted)
		case s.is(n.X, isChan):
			s.breach(n.Pos(), "a range over a channel", useEnvStart)
		}
	case *ast.IncDecStmt:
		s.assigns(n.X)
		if s.is(n.X, isFloat) {
			s.breach(n.Pos(), n.Tok.String()+" on a float", useIntegers)
		}
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return
		}
		for _, x := range n.Lhs {
			s.assigns(x)
		}
		if n.Tok != token.ASSIGN && s.is(n.Lhs[0], isFloat) {
			s.breach(n.Pos(), n.Tok.String()+" on a float", useIntegers)
		}
	}
}

func (s *scan) expression(n ast.Expr) {
	switch n := n.(type) {
	case *ast.ChanType:
		s.breach(n.Pos(), "a channel", useEnvStart)
	case *ast.UnaryExpr:
		switch {
		case n.Op == token.ARROW:
			s.breach(n.Pos(), "a receive from a channel", useEnvStart)
		case n.Op == token.SUB && s.info.Types[n].Value == nil && s.is(n.X, isFloat):
			s.breach(n.Pos(), "- on a float", useIntegers)
		}
	case *ast.BinaryExpr:
		if s.info.Types[n].Value == nil && (s.is(n.X, isFloat) || s.is(n.Y, isFloat)) {
			s.breach(n.Pos(), n.Op.String()+" on floats", useIntegers)
		}
	}
}

// converts looks at conversions of floats to something else.
func (s *scan) converts(call *ast.CallExpr) {
	to := s.info.Types[call.Fun]
	if !to.IsType() || len(call.Args) != 1 || s.info.Types[call].Value != nil {
		return
	}
	if s.is(call.Args[0], isFloat) && !mayBe(to.Type, isFloat) {
		s.breach(call.Pos(), "a float becomes "+to.Type.String(), useIntegers)
	}
}

// assigns looks at what is written to: a variable of a package is shared.
func (s *scan) assigns(x ast.Expr) {
	for {
		switch at := ast.Unparen(x).(type) {
		case *ast.IndexExpr:
			x = at.X
		case *ast.StarExpr:
			x = at.X
		case *ast.SelectorExpr:
			if v, ok := s.info.Uses[at.Sel].(*types.Var); ok && !v.IsField() {
				s.shared(at, v)
				return
			}
			x = at.X
		case *ast.Ident:
			if v, ok := s.info.Uses[at].(*types.Var); ok {
				s.shared(at, v)
			}
			return
		default:
			return
		}
	}
}

func (s *scan) shared(at ast.Node, v *types.Var) {
	if v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
		s.breach(at.Pos(), "writes to "+v.Name()+", a variable of a package", useField)
	}
}

// is says whether the type of x is of a kind, whatever it is called.
func (s *scan) is(x ast.Expr, kind func(types.Type) bool) bool {
	t := s.info.Types[x].Type
	return t != nil && mayBe(t, kind)
}

// mayBe says whether a type is of a kind; of a type parameter, whether one of
// those is that it may stand for.
func mayBe(t types.Type, kind func(types.Type) bool) bool {
	if kind(t.Underlying()) {
		return true
	}
	p, ok := types.Unalias(t).(*types.TypeParam)
	if !ok {
		return false
	}
	bounds, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok {
		return false
	}
	for i := range bounds.NumEmbeddeds() {
		union, ok := types.Unalias(bounds.EmbeddedType(i)).(*types.Union)
		if !ok {
			if mayBe(bounds.EmbeddedType(i), kind) {
				return true
			}
			continue
		}
		for j := range union.Len() {
			if mayBe(union.Term(j).Type(), kind) {
				return true
			}
		}
	}
	return false
}

func isMap(t types.Type) bool {
	_, ok := t.(*types.Map)
	return ok
}

func isChan(t types.Type) bool {
	_, ok := t.(*types.Chan)
	return ok
}

func isFloat(t types.Type) bool {
	b, ok := t.(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}
