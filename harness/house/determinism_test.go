package house_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/house"
)

func TestANodeDoesTheSameEveryTime(t *testing.T) {
	found, err := house.Determinism(root, house.NodePackages)
	require.NoError(t, err)
	for _, f := range found {
		t.Error(f)
	}
	for _, f := range house.NodesAreKnown(repository(t)) {
		t.Error(f)
	}
}

// module writes a module with packages of one file each, and returns where it is.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example\n\ngo 1.26\n"), 0o644))
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// A breach is a snippet with one line that is marked, and what is said of it.
var breaches = []struct{ imports, code, want string }{
	// The time.
	{"time", "func f() time.Time { return time.Now() /* ! */ }", "time.Now; a node is told the time"},
	{"time", "func f(t time.Time) time.Duration { return time.Since(t) /* ! */ }", "time.Since; "},
	{"time", "func f(t time.Time) time.Duration { return time.Until(t) /* ! */ }", "time.Until; "},
	{"time", "func f() { time.Sleep(1) /* ! */ }", "time.Sleep; "},
	{"time", "func f() { time.AfterFunc(1, func() {}) /* ! */ }", "time.AfterFunc; "},
	{"time", "func f() { _ = time.NewTimer(1) /* ! */ }", "time.NewTimer; "},
	{"time", "func f() { _ = time.NewTicker(1) /* ! */ }", "time.NewTicker; "},
	{"time", "var now = time.Now /* ! */", "time.Now; "},
	{"clock \"time\"", "func f() clock.Time { return clock.Now() /* ! */ }", "time.Now; "},
	{". \"time\" /* ! */", "func f() Time { return Now() }", "imports .time; "},
	{"context", "func f(c context.Context) { context.WithTimeout(c, 1) /* ! */ }", "context.WithTimeout; "},
	// Threads.
	{"", "func f() { go f() /* ! */ }", "go; a node has one thread of thought"},
	{"", "func f() { select {} /* ! */ }", "select; "},
	{"", "var c chan int /* ! */", "a channel; "},
	{"context", "func f(c context.Context) { <-c.Done() /* ! */ }", "a receive from a channel; "},
	{"context", "func f(c context.Context) { for range c.Done() /* ! */ {} }", "a range over a channel; "},
	{"sync /* ! */", "var mu sync.Mutex", "imports sync; a node has one thread"},
	{"sync/atomic /* ! */", "var n atomic.Int64", "imports sync/atomic; "},
	{"runtime /* ! */", "func f() int { return runtime.NumGoroutine() }", "imports runtime; "},
	// Chance.
	{"math/rand /* ! */", "func f() int { return rand.Int() }", "imports math/rand; draw from Env.Rand"},
	{"math/rand/v2 /* ! */", "func f() int { return rand.Int() }", "imports math/rand/v2; draw"},
	{"crypto/rand /* ! */", "func f() string { return rand.Text() }", "imports crypto/rand; draw"},
	{"hash/maphash /* ! */", "var h maphash.Hash", "imports hash/maphash; draw"},
	// The order of maps.
	{"", "func f(m map[int]int) { for range m /* ! */ {} }", "a range over a map; it comes in another order"},
	{"", "type set map[int]bool\n\nfunc f(s struct{ set }) { for range s.set /* ! */ {} }", "a range over a map; "},
	{"", "func f[M ~map[int]V, V any](m M) { for range m /* ! */ {} }", "a range over a map; "},
	{"", "type table[K comparable] = map[K]int\n\nfunc f(t table[int]) { for range t /* ! */ {} }", "a range over a map; "},
	{"maps", "func f(m map[int]int) { for range maps.Keys(m) /* ! */ {} }", "maps.Keys; it comes in another order"},
	{"maps", "func f(m map[int]int) { for range maps.All(m) /* ! */ {} }", "maps.All; "},
	{"maps; slices", "func f(m map[int]int) []int { return slices.Collect(maps.Values(m)) /* ! */ }", "maps.Values; "},
	// Floats.
	{"", "func f(a, b float64) float64 { return a * b /* ! */ }", "* on floats; it may differ"},
	{"", "func f(a float32) bool { return a < 1 /* ! */ }", "< on floats; "},
	{"", "func f(a float64) { a += 1; /* ! */ }", "+= on a float; "},
	{"", "func f(a float64) { a++ /* ! */ }", "++ on a float; "},
	{"", "func f(a float64) float64 { return -a /* ! */ }", "- on a float; "},
	{"", "type share float64\n\nfunc f(a, b share) share { return a / b /* ! */ }", "/ on floats; "},
	{"", "func f(a, b complex128) complex128 { return a + b /* ! */ }", "+ on floats; "},
	{"time", "func f(d time.Duration) int { return int(d.Seconds()) /* ! */ }", "a float becomes int; "},
	{"", "func f[F ~float32 | ~float64](a, b F) F { return a + b /* ! */ }", "+ on floats; "},
	// The world.
	{"os /* ! */", "func f() string { return os.Args[0] }", "imports os; a node has the disk that it is given"},
	{"net /* ! */", "var a net.Addr", "imports net; a node reaches others through its outbox"},
	{"net/http /* ! */", "var c http.Client", "imports net/http; a node reaches"},
	{"syscall /* ! */", "var e syscall.Errno", "imports syscall; "},
	{"path/filepath /* ! */", "var s = filepath.Separator", "imports path/filepath; "},
	{"reflect /* ! */", "var t reflect.Type", "imports reflect; nobody has looked"},
	{"unsafe /* ! */", "var p unsafe.Pointer", "imports unsafe; nobody has looked"},
	{"fmt", "func f() { fmt.Println() /* ! */ }", "fmt.Println; a node reaches others"},
	// What nodes would share.
	{"", "var n int\n\nfunc f() { n++ /* ! */ }", "writes to n, a variable of a package; all nodes of a process would share it"},
	{"", "var n int\n\nfunc f() { n = 1 /* ! */ }", "writes to n, "},
	{"", "var m = map[int]int{}\n\nfunc f() { m[1] = 2 /* ! */ }", "writes to m, "},
	{"", "var p struct{ x []int }\n\nfunc f() { p.x[0] += 2 /* ! */ }", "writes to p, "},
	{"io", "func f() { io.EOF = nil /* ! */ }", "writes to EOF, "},
	// What drives it.
	{"", "func f() int { return driven() /* ! */ }", "driven is declared in loop.go; it belongs to what drives a node"},
}

func TestEveryBreachOfDeterminismIsSeen(t *testing.T) {
	files := map[string]string{}
	var packages []house.NodePackage
	for i, b := range breaches {
		dir := fmt.Sprintf("p%d", i)
		text := fmt.Sprintf("package p%d\n\n", i)
		for _, imp := range strings.Split(b.imports, "; ") {
			if imp, mark, _ := strings.Cut(imp, " /*"); imp != "" {
				if !strings.Contains(imp, `"`) {
					imp = `"` + imp + `"`
				}
				text += "import " + imp + strings.Repeat(" /*"+mark, min(1, len(mark))) + "\n"
			}
		}
		files[dir+"/p.go"] = text + "\n" + b.code + "\n"
		files[dir+"/loop.go"] = fmt.Sprintf("package p%d\n\nfunc driven() int { go f2(); return 0 }\n\nfunc f2() {}\n", i)
		packages = append(packages, house.NodePackage{Dir: dir, Not: []string{"loop.go"}})
	}
	found, err := house.Determinism(module(t, files), packages)
	require.NoError(t, err)
	for i, b := range breaches {
		text := files[fmt.Sprintf("p%d/p.go", i)]
		line := 1 + strings.Count(text[:strings.Index(text, "/* ! */")], "\n")
		var own []string
		for _, f := range found {
			if strings.HasPrefix(f, fmt.Sprintf("p%d/", i)) {
				own = append(own, f)
			}
		}
		if assert.Len(t, own, 1, "%s: %q", b.code, own) {
			assert.Contains(t, own[0], fmt.Sprintf("p%d/p.go:%d: %s", i, line, b.want), b.code)
		}
	}
}

func TestASendIsSeenBesideItsChannel(t *testing.T) {
	dir := module(t, map[string]string{"p/p.go": "package p\n\nvar c chan int\n\nfunc f() { c <- 1 }\n"})
	found, err := house.Determinism(dir, []house.NodePackage{{Dir: "p"}})
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Contains(t, found[0], "p/p.go:3: a channel")
	require.Contains(t, found[1], "p/p.go:5: a send on a channel")
}

func TestWhatIsTheSameEveryTimeIsAllowed(t *testing.T) {
	dir := module(t, map[string]string{
		"good/good.go": `package good

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

var errNo = errors.New("no")

const half = 0.5 * 3

type node struct {
	now  func() time.Duration
	keys map[string]int
}

func (n *node) all() (out []string) {
	for _, k := range slices.Sorted(maps.Keys(n.keys)) {
		out = append(out, k)
	}
	n.keys["x"] = 1
	n.keys["y"]++
	delete(n.keys, "z")
	for i := range n.keys["x"] {
		out = append(out, fmt.Sprint(i))
	}
	if n.now()+50*time.Millisecond > time.Hour {
		return nil
	}
	local := 1
	local++
	return out
}

func (n *node) String() string { return fmt.Sprintf("%.1f s, %v", n.now().Seconds(), errNo) }

func each[T any, S ~[]T](s S, f func(T)) {
	for _, x := range s {
		f(x)
	}
}
`,
		"good/good_test.go": "package good\n\nimport \"time\"\n\nvar now = time.Now\n",
		"good/loop.go":      "package good\n\nimport \"os\"\n\nfunc drive(n *node) { go n.all(); _ = os.Args }\n",
		"user/user.go":      "package user\n\nimport \"example/good\"\n\nvar _ = good.X\n",
		"good/x.go":         "package good\n\n// X is for user.\nconst X = 1\n",
	})
	found, err := house.Determinism(dir, []house.NodePackage{
		{Dir: "good", Not: []string{"loop.go"}}, {Dir: "user"}, {Dir: "a later step, not there yet"},
	})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestExceptionsAreForWhatIsNamedAndOfSomeUse(t *testing.T) {
	dir := module(t, map[string]string{
		"p/p.go": `package p

import "sync"

var mu sync.Mutex

func excused(m map[int]int) { for range m {} }

func harmless() {}

func other(m map[int]int) { for range m {} }
`,
	})
	found, err := house.Determinism(dir, []house.NodePackage{
		{Dir: "p", May: []string{"sync", "net"}, But: []string{"excused", "harmless"}},
	})
	require.NoError(t, err)
	require.Len(t, found, 3)
	require.Contains(t, found[0], "p/p.go:11: a range over a map")
	require.Contains(t, found[1], "p: the exception for net is of no use any more")
	require.Contains(t, found[2], "p: the exception for harmless is of no use any more")
}

func TestWhatDoesNotCompileIsNoPass(t *testing.T) {
	dir := module(t, map[string]string{
		"bad/bad.go":   "package bad\n\nvar x int = \"\"\n",
		"good/good.go": "package good\n\nfunc f(m map[int]int) { for range m {} }\n",
	})
	found, err := house.Determinism(dir, []house.NodePackage{{Dir: "bad"}, {Dir: "good"}})
	require.ErrorContains(t, err, "bad: ")
	require.Len(t, found, 1, "the others are looked at even so")
}

func TestOfANewPackageSomebodyHasToSayWhatItIs(t *testing.T) {
	files := good()
	files["steps/04-journal/any/a.go"] = "package any\n"
	files["steps/05-replication/node/a.go"] = "package node\n"
	files["steps/05-replication/peers/a.go"] = "package peers\n"
	files["steps/05-replication/main.go"] = "package main\n"
	files["steps/09-later/what/a.go"] = "package what\n"
	require.Equal(t, []string{
		"steps/09-later/what: does it run within the turns of a node? Name it in NodePackages or in DriverPackages, in harness/house/determinism.go",
	}, house.NodesAreKnown(read(t, files)))
}
