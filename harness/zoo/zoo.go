package zoo

import (
	"context"
	"path/filepath"
	"slices"
)

// Bug is a mistake that somebody could make in a step, and who catches it.
//
// Invariant: the harness catches it. The cell of Scenario, Column and World,
// run with the step built anew with the patch, gets a violation from Checker
// within Seeds seeds. (The verb mutants shows it; the tests of this package
// show that patches apply and build.)
type Bug struct {
	ID       string // the column, and a letter; those with an x are not in any catalogue
	Column   string // the step against which the scenario runs
	Title    string // the mistake, in one sentence
	Scenario string
	World    string // scenario.Real or scenario.Sim
	Checker  string // of the finding that must be a violation
	Seeds    int    // how many may be needed
	Wild     string // where it has happened, or who warns of it; "" if we know of no case
}

// Patch returns the path of the bug's patch in the repository.
func (b Bug) Patch() string { return filepath.Join("harness", "zoo", "bugs", b.ID+".patch") }

// Plant makes an overlay in dir that has the bug in it, and returns the file
// for go build -overlay. It also returns the directories of the packages that
// the bug is in, from the root of the repository.
func (b Bug) Plant(ctx context.Context, root, dir string) (overlay string, packages []string, err error) {
	o, err := New(root, dir)
	if err != nil {
		return "", nil, err
	}
	if err := o.Patch(ctx, filepath.Join(root, b.Patch())); err != nil {
		return "", nil, err
	}
	for path := range o.Replace {
		pkg, err := filepath.Rel(o.root, filepath.Dir(path))
		if err != nil {
			return "", nil, err
		}
		packages = append(packages, pkg)
	}
	slices.Sort(packages)
	overlay, err = o.Write()
	return overlay, slices.Compact(packages), err
}

// Absent is a bug that is known from elsewhere and cannot be made here.
type Absent struct {
	ID    string // as in the catalogue
	Title string
	Why   string // what in the design keeps it out
}
