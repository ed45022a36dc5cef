package zoo_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/scenario"
	"zeyrho/harness/zoo"
)

var refresh = flag.Bool("refresh", false, "write the table of bugs into docs/zoo.md")

const root = "../.."

// catalogue lists the known bugs of these steps that we have read about,
// whether they fit the design or not.
var catalogue = strings.Fields("01a 01b 01c 01e 01g 02a 02b 02d 02f 02g 02h 02i 02j 02l 02n 03a 03c 03d 03e 03f 03g 03i 03j 03l 03n 04a 04b 04c 04d 04f 04h 04i 04k 04l 04n 04p 04q 04r 04s 04t 05a 05c 05e 05f 05g 05i 05j 05l 05m 06a 06c 06d 06f 06h 06j 06l 06m 06p")

func TestEveryPatchAppliesAndBuilds(t *testing.T) {
	for _, b := range zoo.Bugs() {
		t.Run(b.ID, func(t *testing.T) {
			t.Parallel()
			overlay, packages, err := b.Plant(t.Context(), root, t.TempDir())
			require.NoError(t, err)
			for _, p := range packages {
				require.True(t, strings.HasPrefix(p, "steps/"), "a bug lives in a step, not in %s", p)
				cmd := exec.Command("go", "build", "-overlay", overlay, "-o", os.DevNull, "./"+p)
				cmd.Dir = root
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
		})
	}
}

func TestEveryPatchIsABug(t *testing.T) {
	var known []string
	for _, b := range zoo.Bugs() {
		known = append(known, b.ID+".patch")
	}
	entries, err := os.ReadDir("bugs")
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, known, e.Name(), "a patch that no bug names; add it to bugs.go")
	}
}

func TestEveryIDIsThereOnce(t *testing.T) {
	var ids []string
	for _, b := range zoo.Bugs() {
		ids = append(ids, b.ID)
		require.LessOrEqual(t, b.ID[:2], b.Column, "%s: it may show only in a later step than the one that knows of it, never in an earlier", b.ID)
		require.NotEmpty(t, b.Title, b.ID)
		require.Positive(t, b.Seeds, b.ID)
	}
	for _, a := range zoo.NotHere() {
		ids = append(ids, a.ID)
		require.NotEmpty(t, a.Why, a.ID)
	}
	slices.Sort(ids)
	require.Equal(t, slices.Compact(slices.Clone(ids)), ids)
	for _, id := range catalogue {
		require.Contains(t, ids, id, "a known bug that is neither planted nor explained")
	}
}

// A cell that is red as planned must not count its own violation as the bug's.
func TestEveryBugHasACellThatWouldBeGreenWithoutIt(t *testing.T) {
	for _, b := range zoo.Bugs() {
		sc, err := scenario.Find(b.Scenario)
		require.NoError(t, err, b.ID)
		cell, ok := sc.Cell(b.Column, b.World)
		require.True(t, ok, "%s: %s has no cell %s %s", b.ID, b.Scenario, b.Column, b.World)
		require.NotEqual(t, scenario.NA, cell.Expect, b.ID)
		require.False(t, cell.Expect == scenario.Fails && cell.Checker == b.Checker, "%s: the cell fails without the bug", b.ID)
	}
}

func TestEveryCellThatMustPassCatchesABug(t *testing.T) {
	caught := make(map[string]bool)
	cell := func(name, column, world string) string { return fmt.Sprintf("%s × %s (%s)", name, column, world) }
	for _, b := range zoo.Bugs() {
		caught[cell(b.Scenario, b.Column, b.World)] = true
	}
	for _, sc := range scenario.All() {
		for _, c := range sc.Cells {
			if c.Expect == scenario.Pass {
				name := cell(sc.Name, c.Column, c.World)
				require.True(t, caught[name], "no bug shows that %s sees anything", name)
			}
		}
	}
}

func TestThePageListsTheBugs(t *testing.T) {
	path := filepath.Join(root, "docs", "zoo.md")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	page := between(t, string(b), "bugs", bugTable())
	page = between(t, page, "not here", absentTable())
	if *refresh {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
		return
	}
	require.Equal(t, page, string(b), "the page differs from bugs.go; mend it with: go test ./harness/zoo -run Page -refresh")
}

// between returns page with what lies between two marks replaced.
func between(t *testing.T, page, name, content string) string {
	head, rest, ok := strings.Cut(page, "<!-- zoo: "+name+" -->\n")
	require.True(t, ok, "the page has a mark for %s", name)
	_, tail, ok := strings.Cut(rest, "<!-- /zoo -->")
	require.True(t, ok, "the part of the page on %s has an end", name)
	return head + "<!-- zoo: " + name + " -->\n" + content + "<!-- /zoo -->" + tail
}

func bugTable() string {
	var s strings.Builder
	s.WriteString("\n| bug | what it is | caught by | seeds | in the wild |\n|---|---|---|---|---|\n")
	for _, b := range zoo.Bugs() {
		world := ""
		if b.World == scenario.Sim {
			world = " (sim)"
		}
		fmt.Fprintf(&s, "| [%s](../%s) | %s | %s × %s%s, *%s* | %d | %s |\n", b.ID, filepath.ToSlash(b.Patch()), b.Title,
			b.Scenario, b.Column, world, b.Checker, b.Seeds, b.Wild)
	}
	return s.String() + "\n"
}

func absentTable() string {
	var s strings.Builder
	s.WriteString("\n| bug | what it is | why not here |\n|---|---|---|\n")
	for _, a := range zoo.NotHere() {
		fmt.Fprintf(&s, "| %s | %s | %s |\n", a.ID, a.Title, a.Why)
	}
	return s.String() + "\n"
}
