package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A simulation runs a node again and again, and it must do the same every time:
// what it does may follow from what it was told, and from nothing else. So its
// code keeps rules, and Determinism looks for breaches of them. It asks the
// type checker, because one cannot see from "for k := range x" whether x is a
// map.

// NodePackage is a package that runs within the turns of a node.
type NodePackage struct {
	Dir string   // from the root, with slashes
	Not []string // files that do not: they drive nodes, or are for other steps
	May []string // imports that others may not have, for the reason that stands beside them
	But []string // functions that are not looked at, for the same
}

// NodePackages are the packages that nodes are made of.
var NodePackages = []NodePackage{
	{Dir: "steps/01-map/kv", Not: []string{"store.go"}, But: []string{
		"Scan", // looks through a map, and sorts what it finds
	}},
	{Dir: "steps/02-concurrency/codec"},
	{Dir: "steps/03-server/session", Not: []string{"store.go"}, May: []string{
		"crypto/rand", // NewIncarnation, which node code must not call
	}},
	{Dir: "steps/04-journal/journal", May: []string{
		"crypto/rand", // for an identity, if Config has none
		"sync/atomic", // a Read that runs elsewhere must see that the journal was cut
	}},
	{Dir: "steps/04-journal/machine", But: []string{
		"Complete", // draws an incarnation if there is none, and nodes have one
	}},
	{Dir: "steps/05-replication/node", Not: []string{"loop.go"}},
	{Dir: "steps/05-replication/replication"},
	{Dir: "steps/05-replication/store"},
	{Dir: "steps/06-catchup/tree", May: []string{
		"github.com/tidwall/btree", // sorted, and the same for the same calls
	}},
	{Dir: "steps/06-catchup/snapshot"},
	{Dir: "steps/06-catchup/catchup"},
	{Dir: "steps/06-catchup/store"},
}

// DriverPackages are the packages from step 05 on that have the clocks, the
// goroutines and the sockets that nodes have not.
var DriverPackages = []string{
	"steps/05-replication/cluster",
	"steps/05-replication/host",
	"steps/05-replication/peers",
	"steps/05-replication/route",
	"steps/05-replication/script",
	"steps/05-replication/service",
	"steps/06-catchup/join",
}

// NodesAreKnown: of every package from step 05 on it is known whether it is
// part of a node.
func NodesAreKnown(t *Tree) (found []string) {
	var seen []string
	for _, f := range t.Go {
		dir := f.Dir()
		if f.Test() || f.Main() || stepOf(f.Path) < "05" || slices.Contains(seen, dir) {
			continue
		}
		seen = append(seen, dir)
		node := slices.ContainsFunc(NodePackages, func(p NodePackage) bool { return p.Dir == dir })
		if !node && !slices.Contains(DriverPackages, dir) {
			found = append(found, dir+": does it run within the turns of a node? Name it in NodePackages or in DriverPackages, in harness/house/determinism.go")
		}
	}
	return found
}

// Determinism returns the breaches of the rules in packages of the module at
// root. Packages that are not there are left out.
func Determinism(root string, packages []NodePackage) (found []string, err error) {
	packages = slices.DeleteFunc(slices.Clone(packages), func(p NodePackage) bool {
		_, err := os.Stat(filepath.Join(root, p.Dir))
		return errors.Is(err, os.ErrNotExist)
	})
	listed, err := list(root, packages)
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		s, bad := newScan(root, p, packages, listed)
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.Dir, bad))
			continue
		}
		found = append(found, s.run()...)
	}
	return found, err
}

// listing is what the go command says about a package.
type listing struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// list asks the go command for packages and all that they import, compiled. With
// -e, one that does not compile is left to the type checker to complain about.
func list(root string, packages []NodePackage) (map[string]listing, error) {
	args := []string{"list", "-e", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles"}
	for _, p := range packages {
		args = append(args, "./"+p.Dir)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go list: %w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	listed := map[string]listing{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listing
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return listed, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		listed[l.ImportPath] = l
	}
}

// scan looks through one package.
type scan struct {
	NodePackage
	nodes []NodePackage
	fset  *token.FileSet
	files []*ast.File // those that are part of a node
	pkg   *types.Package
	info  *types.Info
	found []string
	used  []string // of May and But
}

func newScan(root string, p NodePackage, nodes []NodePackage, listed map[string]listing) (*scan, error) {
	s := &scan{NodePackage: p, nodes: nodes, fset: token.NewFileSet()}
	dir, err := filepath.Abs(filepath.Join(root, p.Dir))
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	var all []*ast.File
	var name string
	for _, l := range listed {
		if l.Dir != dir {
			continue
		}
		name = l.ImportPath
		for _, base := range l.GoFiles {
			f, err := parser.ParseFile(s.fset, filepath.Join(dir, base), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			all = append(all, f)
			if !slices.Contains(p.Not, base) {
				s.files = append(s.files, f)
			}
		}
	}
	s.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	c := types.Config{Importer: importer.ForCompiler(s.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(listed[path].Export)
	})}
	s.pkg, err = c.Check(name, s.fset, all, s.info)
	return s, err
}

// breach writes a breach down: what is there, and what to do instead.
func (s *scan) breach(at token.Pos, what, instead string) {
	p := s.fset.Position(at)
	text := fmt.Sprintf("%s/%s:%d: %s; %s", s.Dir, path.Base(filepath.ToSlash(p.Filename)), p.Line, what, instead)
	if !slices.Contains(s.found, text) {
		s.found = append(s.found, text)
	}
}
