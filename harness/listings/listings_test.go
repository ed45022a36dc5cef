package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheDocumentsTellTheTruth is the check of the repository itself.
func TestTheDocumentsTellTheTruth(t *testing.T) {
	const root = "../.."
	lookAtSources(t, root)
	c, err := newChecker(root, false)
	require.NoError(t, err)
	defer c.close()
	paths, err := pages(root)
	require.NoError(t, err)
	require.NoError(t, c.checkAll(t.Context(), paths))
	for _, note := range c.notes {
		t.Log(note)
	}
	for _, f := range c.findings {
		t.Error(f)
	}
	if t.Failed() {
		t.Log("if the sources are right and the text is old: make refresh")
	}
}

// lookAtSources touches every file that a page may quote or run, so that go's
// cache of test results knows that this test depends on them.
func lookAtSources(t *testing.T, root string) {
	for _, dir := range []string{"steps", "harness", "docs", "Makefile", "go.mod"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		require.NoError(t, err)
	}
}

// A small repository: a step whose shell repeats what it is told.
var small = map[string]string{
	"go.mod":     "module small\n\ngo 1.26\n",
	"Makefile":   "matrix: go\n\techo\nstep-%:\n\techo\n",
	"mkdocs.yml": "site_name: x\nnav:\n  - index.md\n",
	"steps/01-echo/main.go": `// Echo repeats.
package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	for n := 1; in.Scan(); n++ {
		if in.Text() == "end-of-answer" {
			fmt.Println("error: no end-of-answer")
			continue
		}
		fmt.Println(n, in.Text(), os.Args[1:])
	}
}
`,
	"steps/01-echo/kv/kv.go": `// Package kv has things.
package kv

// T is a type.
type T[K any] struct{ n int } // and this belongs to it

// Zero is a number.
const (
	Zero = 0
	One  = 1 // not two
)

// M is a method.
func (t *T[K]) M() int {
	if t.n > 0 {
		return One
	}
	return Zero
}
`,
}

// check writes the small repository with a page and checks that. It returns
// the checker and the page as it is afterwards.
func check(t *testing.T, refresh bool, text string, more ...string) (*checker, string) {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	for name, text := range small {
		write(name, text)
	}
	for i := 0; i < len(more); i += 2 {
		write(more[i], more[i+1])
	}
	write("docs/index.md", strings.ReplaceAll(text, "´", "`"))
	c, err := newChecker(root, refresh)
	require.NoError(t, err)
	defer c.close()
	paths, err := pages(root)
	require.NoError(t, err)
	require.NoError(t, c.checkAll(t.Context(), paths))
	after, err := os.ReadFile(filepath.Join(root, "docs/index.md"))
	require.NoError(t, err)
	return c, strings.ReplaceAll(string(after), "`", "´")
}

// truths are directives with blocks that are right.
var truths = map[string]string{
	"a method":           "<!-- code: steps/01-echo/kv/kv.go T.M -->\n´´´go\n// M is a method.\nfunc (t *T[K]) M() int {\n\tif t.n > 0 {\n\t\treturn One\n\t}\n\treturn Zero\n}\n´´´\n",
	"a group, a type":    "<!-- code: steps/01-echo/kv/kv.go One T nodoc -->\n\n´´´go\nconst (\n\tZero = 0\n\tOne  = 1 // not two\n)\n\ntype T[K any] struct{ n int } // and this belongs to it\n´´´\n",
	"the package clause": "<!-- code: steps/01-echo/kv/kv.go package -->\n´´´go\n// Package kv has things.\npackage kv\n´´´\n",
	"a part":             "<!-- code: steps/01-echo/kv/kv.go T.M lines \"if t\" .. \"}\" -->\n´´´go\nif t.n > 0 {\n\treturn One\n}\n´´´\n",
	"a part of a file":   "<!-- code: go.mod lines \"go 1\" .. \"1.26\" -->\n´´´text\ngo 1.26\n´´´\n",
	"an output":          "<!-- run: echo a b; echo c >&2 -->\n´´´text\na b\nc\n´´´\n",
	"an exit status":     "<!-- run: echo a; exit 3\nexit: 3 -->\n´´´text\na\n´´´\n",
	"a transcript":       "<!-- run -->\n´´´console\n$ echo a\na\n\n$ echo b \\\n  c\nb c\n´´´\n",
	"blanks at the end":  "<!-- run -->\n´´´console\n$ printf 'a \\r\\n\\r\\n'\na\n$ echo b\nb\n´´´\n",
	"stdin":              "<!-- sketch -->\n´´´text\nx\ny\n´´´\n\n<!-- run: cat -n | tr -d ' \\t'\nstdin: above -->\n´´´text\n1x\n2y\n´´´\n",
	"masked numbers":     "<!-- run: echo 127.0.0.1:$RANDOM took $RANDOM.5ms for $RANDOM\nmask: port, time, /for \\d+/ -->\n´´´text\n127.0.0.1:7003 took 1.25s for 7\n´´´\n",
	"a shown path":       "<!-- run -->\n´´´console\n$ echo a >/tmp/zeyrho/f\n$ ls $TMP/*; ls /tmp/zeyrho/f\n/tmp/zeyrho/f\n/tmp/zeyrho/f\n´´´\n<!-- shell: steps/01-echo /tmp/zeyrho/f -->\n´´´console\n> a\n1 a [/tmp/zeyrho/f]\n´´´\n",
	"a scratch file":     "<!-- run -->\n´´´console\n$ echo a >$TMP/f\n$ cat $TMP/f\na\n´´´\n",
	"a shell":            "<!-- shell: steps/01-echo -x -->\n´´´console\n> a\n1 a [-x]\n\n> b\n3 b [-x]\n´´´\n",
	"a shell that stays": "<!-- shell: steps/01-echo as left -->\n´´´text\n> a\n1 a []\n´´´\n<!-- shell: steps/01-echo as left -->\n´´´text\n> b\n3 b []\n´´´\n",
	"an indented block":  "- item\n\n    <!-- run: echo a; echo; echo b -->\n    ´´´text\n    a\n\n    b\n    ´´´\n",
	"a longer fence":     "<!-- run: echo '´´´' | tr '´' x | cut -c1 -->\n´´´´text\nx\n´´´´\n",
	"text":               "´´´text\nanything\n´´´\n",
	"commands":           "´´´sh\nmake matrix\nmake step-2\ngo run ./steps/01-echo\ngo test ./steps/...\n´´´\n",
	"a remark":           "<!-- This is a remark. -->\n´´´text\nanything\n´´´\n",
	"links":              "# A ´b´ c\n\n[a](index.md#a-b-c) [b](#a-b-c) [c](../steps/01-echo/kv/kv.go) ![d](../go.mod) ´[e](nowhere)´ [f](https://example.org/)\n",
}

func TestWhatIsTrueIsLeftAlone(t *testing.T) {
	for name, text := range truths {
		t.Run(name, func(t *testing.T) {
			c, _ := check(t, false, text)
			assert.Empty(t, c.findings)
			c, after := check(t, true, text)
			assert.Empty(t, c.changed)
			assert.Equal(t, text, after)
		})
	}
}

func TestWhatIsFalseIsReported(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an old listing":        {"x\n\n<!-- code: steps/01-echo/kv/kv.go package -->\n´´´go\npackage kv\n´´´\n", "docs/index.md:4: the block is not what the directive gives (code: steps/01-echo/kv/kv.go package):\n--- the page\n+++ the truth\n@@ line 1 of the block @@\n+// Package kv has things.\n package kv\n"},
		"an old output":         {"<!-- run: echo b -->\n´´´text\na\n´´´\n", "-a\n+b\n"},
		"an old answer":         {"<!-- shell: steps/01-echo -->\n´´´text\n> a\n2 a []\n´´´\n", "-2 a []\n+1 a []\n"},
		"a failing command":     {"<!-- run: false -->\n´´´text\n´´´\n", "false: exit status 1, want 0"},
		"a lost file":           {"<!-- code: steps/02.go F -->\n´´´go\n´´´\n", "no such file"},
		"a lost declaration":    {"<!-- code: steps/01-echo/kv/kv.go F -->\n´´´go\n´´´\n", "does not declare F"},
		"an ambiguous part":     {"<!-- code: steps/01-echo/kv/kv.go lines \"return\" .. \"}\" -->\n´´´go\n´´´\n", "lines 16 and 18 both contain"},
		"code without a source": {"´´´go\nx := 1\n´´´\n", "a block of go without a directive"},
		"output without a run":  {"´´´console\n$ ls\n´´´\n", "a block of console without a directive"},
		"no language":           {"´´´\nx\n´´´\n", "a block without a language"},
		"a misspelt directive":  {"<!-- cod: x.go -->\n´´´go\n´´´\n", "no directive \"cod\""},
		"a misspelt option":     {"<!-- run: ls\nmsk: port -->\n´´´text\n´´´\n", "no option \"msk\""},
		"a misspelt mask":       {"<!-- run: echo\nmask: prot -->\n´´´text\n´´´\n", "no mask \"prot\""},
		"an open block":         {"´´´text\nx\n", "never closed"},
		"a lost verb of make":   {"´´´sh\nmake coffee\n´´´\n", "docs/index.md:2: the Makefile has no verb coffee"},
		"a remark":              {"´´´sh\nmake matrix  # all\n´´´\n", "docs/index.md:2: a remark (#) among commands"},
		"a line of remark":      {"´´´sh\nls\n# all\n´´´\n", "docs/index.md:3: a remark (#) among commands"},
		"a lost package":        {"´´´sh\ngo run ./steps/09-x -h\n´´´\n", "there is no steps/09-x"},
		"a dead link":           {"[a](b.md)\n", "dead link: there is no docs/b.md"},
		"a dead anchor":         {"# A\n\n[a](#b)\n", "docs/index.md has no heading #b"},
		"two kinds of anchor":   {"# A – b\n\n[a](#a-b)\n", "works on the site, not on the repository's pages"},
		"a link to elsewhere":   {"[a](../../b.md)\n", "leads out of the repository"},
	} {
		t.Run(name, func(t *testing.T) {
			checker, _ := check(t, false, c.text)
			require.Len(t, checker.findings, 1)
			assert.Contains(t, checker.findings[0], strings.ReplaceAll(c.want, "´", "`"))
		})
	}
}

func TestEveryPageIsInTheNavigation(t *testing.T) {
	c, _ := check(t, false, "x\n", "docs/lost.md", "x\n")
	assert.Equal(t, []string{"docs/lost.md: the navigation in mkdocs.yml does not lead here"}, c.findings)
	c, _ = check(t, false, "x\n", "mkdocs.yml", "nav:\n  - index.md\n  - gone.md\n")
	assert.Contains(t, c.findings, "mkdocs.yml: there is no docs/gone.md")
}

func TestRefreshChangesTheBlocksAndNothingElse(t *testing.T) {
	text := "# Title  \n\ntrailing \n\n<!-- run: echo new; echo; echo more -->\n´´´text\nold\n´´´\n- x\n\n  <!-- shell: steps/01-echo -->\n  ´´´console\n  > a\n\n  > b\n  ´´´\n\n´´´text\nkept\n´´´\nno newline at the end"
	want := "# Title  \n\ntrailing \n\n<!-- run: echo new; echo; echo more -->\n´´´text\nnew\n\nmore\n´´´\n- x\n\n  <!-- shell: steps/01-echo -->\n  ´´´console\n  > a\n  1 a []\n\n  > b\n  3 b []\n  ´´´\n\n´´´text\nkept\n´´´\nno newline at the end"
	c, after := check(t, true, text)
	assert.Empty(t, c.findings)
	assert.Equal(t, []string{"docs/index.md"}, c.changed)
	assert.Equal(t, want, after)
	c, again := check(t, true, after)
	assert.Empty(t, c.changed, "refreshing twice is refreshing once")
	assert.Equal(t, want, again)
}

func TestRefreshStillReportsWhatItCannotMend(t *testing.T) {
	c, after := check(t, true, "<!-- code: gone.go F -->\n´´´go\nx\n´´´\n[a](gone.md)\n")
	assert.Len(t, c.findings, 2)
	assert.Contains(t, after, "x\n")
}

func TestAPictureIsWhatItsCommandDraws(t *testing.T) {
	text := "<!-- drawn: echo '<svg/>' -->\n![a](a.svg)\n"
	c, _ := check(t, false, text, "docs/a.svg", "<svg/>\n")
	assert.Empty(t, c.findings)
	c, _ = check(t, false, text, "docs/a.svg", "<svg>old</svg>\n")
	assert.Equal(t, []string{"docs/index.md:1: docs/a.svg is not what the command draws"}, c.findings)
	c, _ = check(t, true, text, "docs/a.svg", "<svg>old</svg>\n")
	assert.Empty(t, c.findings)
	assert.Equal(t, []string{"docs/a.svg"}, c.changed)
	c, _ = check(t, false, "<!-- drawn: false -->\n![a](a.svg)\n", "docs/a.svg", "")
	assert.Len(t, c.findings, 1)
	c, _ = check(t, false, "<!-- drawn: true -->\n", "docs/a.svg", "")
	assert.Equal(t, []string{"docs/index.md:1: no picture follows on the next line"}, c.findings)
}

func TestADiffShowsOnlyTheNeighbourhood(t *testing.T) {
	var a, b []string
	for i := range 40 {
		line := string(rune('A' + i))
		a, b = append(a, line), append(b, line)
	}
	b[20] = "changed"
	assert.Equal(t, "--- the page\n+++ the truth\n@@ line 18 of the block @@\n R\n S\n T\n-U\n+changed\n V\n W\n X\n", diff(a, b))
}

func TestWithoutCurlThePagesThatUseItAreNotRun(t *testing.T) {
	bin := t.TempDir()
	for _, tool := range []string{"bash", "go"} {
		path, err := exec.LookPath(tool)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(bin, tool)))
	}
	t.Setenv("PATH", bin)
	wrong := "<!-- run: echo a -->\n´´´text\nb\n´´´\n"
	c, _ := check(t, false, wrong)
	require.Len(t, c.findings, 1)
	require.Empty(t, c.notes)
	c, _ = check(t, false, wrong+"\n<!-- run: curl -s x -->\n´´´text\nb\n´´´\n")
	require.Empty(t, c.findings)
	require.Len(t, c.notes, 1)
	require.Contains(t, c.notes[0], "curl")
}
