package house_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/house"
)

const root = "../.."

// repository reads what git tracks. Where there is no git (an unpacked
// archive) there is nothing to compare with.
func repository(t *testing.T) *house.Tree {
	names, err := house.Tracked(root)
	if err != nil {
		t.Skipf("cannot ask git what belongs here: %v", err)
	}
	// Looked at for go test's cache alone, which is stale when the index changes.
	_, _ = os.Stat(root + "/.git/index")
	tree, err := house.Read(os.DirFS(root), names)
	require.NoError(t, err)
	return tree
}

var rules = map[string]house.Rule{
	"nothing else at the top level":              house.TopLevel,
	"no step imports a later one or the harness": house.Staircase,
	"every step has its parts and a recipe":      house.Recipes,
	"the tests of steps look from outside":       house.OutsideTests,
	"every package has a comment":                house.PackageComments,
	"functions and files have bounds":            house.Sizes,
	"no test sleeps":                             house.NoSleepingTests,
	"nothing ends the process but main":          house.NoMagic,
	"every exported name has a comment":          house.ExportedNames,
}

func TestTheRepositoryKeepsTheRulesOfTheHouse(t *testing.T) {
	tree := repository(t)
	require.NotEmpty(t, tree.Go)
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, f := range rule(tree) {
				t.Error(f)
			}
		})
	}
	for _, f := range house.LongerThanGuides(tree) {
		t.Log("a guide, not a gate: ", f)
	}
}

// good is a small repository in which nothing is wrong.
func good() map[string]string {
	return map[string]string{
		"README.md":                     "",
		".ci/run":                       "",
		"steps/01-map/main.go":          "// Map is step 01.\npackage main\n\nfunc main() {}\n",
		"steps/01-map/README.md":        "",
		"steps/01-map/store/open.go":    "// Package store is a recipe.\npackage store\n\n// Open opens.\nfunc Open() {}\n",
		"steps/02-more/main.go":         "// More is step 02.\npackage main\n\nfunc main() {}\n",
		"steps/02-more/README.md":       "",
		"steps/02-more/store/open.go":   "// Package store is a recipe.\npackage store\n\nimport _ \"zeyrho/steps/01-map/store\"\n",
		"steps/02-more/store/a_test.go": "package store_test\n",
	}
}

func read(t *testing.T, files map[string]string) *house.Tree {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := house.Read(fsys, slices.Sorted(maps.Keys(files)))
	require.NoError(t, err)
	return tree
}

func TestAGoodTreeHasNoFindings(t *testing.T) {
	tree := read(t, good())
	for name, rule := range rules {
		assert.Empty(t, rule(tree), name)
	}
}

func TestEveryRuleSeesWhatItForbids(t *testing.T) {
	body := strings.Repeat("\t_ = 0\n", house.FunctionCap)
	for name, c := range map[string]struct {
		rule house.Rule
		file string // added to the good tree, or put in the place of a file
		text string // "" takes the file away
		want string
	}{
		"a stray file at the top":     {house.TopLevel, "notes/todo.md", "x", "notes: does not belong"},
		"a later step is imported":    {house.Staircase, "steps/01-map/kv/a.go", `package kv; import _ "zeyrho/steps/02-more/store"`, "a later step"},
		"a test imports the harness":  {house.Staircase, "steps/01-map/kv/a_test.go", `package kv_test; import _ "zeyrho/harness/check"`, "imports zeyrho/harness/check"},
		"a step without README":       {house.Recipes, "steps/02-more/README.md", "", "02-more/README.md: every step has one"},
		"a long recipe":               {house.Recipes, "steps/01-map/store/open.go", "package store\n" + strings.Repeat("\n", house.RecipeCap), "a recipe has at most"},
		"a test from within":          {house.OutsideTests, "steps/01-map/kv/a_test.go", "package kv", "make it kv_test"},
		"no package comment":          {house.PackageComments, "steps/01-map/kv/a.go", "package kv", "no file has a package comment"},
		"two package comments":        {house.PackageComments, "steps/01-map/store/b.go", "// Package store again.\npackage store", "another file"},
		"a comment on something else": {house.PackageComments, "steps/01-map/kv/a.go", "// Stuff.\npackage kv", `begin with "Package kv "`},
		"a long function":             {house.Sizes, "steps/01-map/kv/a.go", "package kv\nfunc f() {\n" + body + "}\n", "a.go:2: f has 62 lines"},
		"a long file":                 {house.Sizes, "steps/01-map/kv/a.go", "package kv\n" + strings.Repeat("\n", house.FileCap), "a.go: 451 lines"},
		"a test that sleeps":          {house.NoSleepingTests, "harness/a_test.go", "package a\nimport \"time\"\nfunc f() { time.Sleep(1) }", "a_test.go:3: time.Sleep"},
		"an init function":            {house.NoMagic, "harness/a.go", "package a\nfunc init() {}", "a.go:2: init"},
		"a library that exits":        {house.NoMagic, "harness/a.go", "package a\nimport \"os\"\nfunc f() { os.Exit(1) }", "a.go:3: os.Exit"},
		"an undocumented function":    {house.ExportedNames, "harness/a.go", "package a\nfunc F() {}", "a.go:2: F is exported"},
		"an undocumented method":      {house.ExportedNames, "harness/a.go", "package a\n// T is.\ntype T[K any] struct{}\nfunc (t *T[K]) M() {}", "a.go:4: M is exported"},
		"an undocumented type":        {house.ExportedNames, "harness/a.go", "package a\ntype T int", "a.go:2: T is exported"},
		"an undocumented constant":    {house.ExportedNames, "harness/a.go", "package a\nconst C = 1", "a.go:2: C is exported"},
	} {
		t.Run(name, func(t *testing.T) {
			files := good()
			files[c.file] = c.text
			if c.text == "" {
				delete(files, c.file)
			}
			found := c.rule(read(t, files))
			require.Len(t, found, 1)
			assert.Contains(t, found[0], c.want)
		})
	}
}

func TestWhatIsAllowedIsNotReported(t *testing.T) {
	files := good()
	files["harness/a.go"] = "// Package a is.\npackage a\n\n// The zoo.\nconst (\n\tA = 1\n\tB = 2\n)\n\ntype t int\n\nfunc (t) F() {}\n\n// T is.\ntype T int\n\nfunc (T) String() string { return \"\" }\n"
	files["harness/a_test.go"] = "package a_test\n\nimport (\n\t_ \"testing/synctest\"\n\t\"time\"\n)\n\nfunc f() { time.Sleep(1) }\n"
	files["harness/testdata/broken.go"] = "this is not Go"
	tree := read(t, files)
	for name, rule := range rules {
		assert.Empty(t, rule(tree), name)
	}
}
