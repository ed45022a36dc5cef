package zoo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
	"zeyrho/harness/zoo"
)

const greet = `package greet

// Word is what one says.
func Word() string {
	return "hello"
}
`

const rudeness = `--- a/greet/greet.go
+++ b/greet/greet.go
@@ -2,5 +2,5 @@
 
 // Word is what one says.
 func Word() string {
-	return "hello"
+	return other()
 }
--- /dev/null
+++ b/greet/other.go
@@ -0,0 +1,3 @@
+package greet
+
+func other() string { return "what?" }
`

// repository is a small one of its own: a program, and a package to change. It
// is a git repository too, with the overlay inside of it, which is where git
// apply goes wrong if it is not kept from looking around.
type repository struct {
	t    *testing.T
	root string
}

func newRepository(t *testing.T) repository {
	r := repository{t, t.TempDir()}
	r.write("go.mod", "module zeyrho\n\ngo 1.26\n")
	r.write("say/main.go", "package main\n\nimport \"zeyrho/greet\"\n\nfunc main() { print(greet.Word()) }\n")
	r.write("greet/greet.go", greet)
	r.write("greet/greet_test.go", "package greet_test\n")
	require.NoError(t, exec.Command("git", "init", "-q", r.root).Run())
	return r
}

func (r repository) write(path, content string) string {
	path = filepath.Join(r.root, path)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(r.t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func (r repository) overlay() *zoo.Overlay {
	o, err := zoo.New(r.root, filepath.Join(r.root, ".build", "overlay"))
	require.NoError(r.t, err)
	return o
}

// says builds the program with an overlay and returns what it prints.
func (r repository) says(o *zoo.Overlay) string {
	path, err := o.Write()
	require.NoError(r.t, err)
	b := real.Builder{Root: r.root, Dir: r.t.TempDir(), Overlay: path}
	programs, err := b.Build(r.t.Context(), "say")
	require.NoError(r.t, err)
	out, err := exec.Command(programs["say"]).CombinedOutput()
	require.NoError(r.t, err)
	return string(out)
}

func TestAPatchChangesTheProgramAndNotTheSources(t *testing.T) {
	r := newRepository(t)
	o := r.overlay()
	require.Equal(t, "hello", r.says(o))
	require.NoError(t, o.Patch(t.Context(), r.write("bugs/rude.patch", rudeness)))
	require.Equal(t, "what?", r.says(o))

	b, err := os.ReadFile(filepath.Join(r.root, "greet", "greet.go"))
	require.NoError(t, err)
	require.Equal(t, greet, string(b))
	require.NoFileExists(t, filepath.Join(r.root, "greet", "other.go"))
}

func TestPatchesLieOnTopOfEachOther(t *testing.T) {
	r := newRepository(t)
	o := r.overlay()
	require.NoError(t, o.Patch(t.Context(), r.write("bugs/1.patch", rudeness)))
	require.NoError(t, o.Patch(t.Context(), r.write("bugs/2.patch", `--- a/greet/greet.go
+++ b/greet/greet.go
@@ -3,4 +3,4 @@
 // Word is what one says.
 func Word() string {
-	return other()
+	return "pardon?"
 }
--- a/greet/other.go
+++ /dev/null
@@ -1,3 +0,0 @@
-package greet
-
-func other() string { return "what?" }
`)))
	require.Equal(t, "pardon?", r.says(o))
}

func TestAStalePatchIsAClearError(t *testing.T) {
	r := newRepository(t)
	stale := map[string]string{
		"the line has changed":     "--- a/greet/greet.go\n+++ b/greet/greet.go\n@@ -5 +5 @@\n-\treturn \"hi\"\n+\treturn \"ho\"\n",
		"the file is gone":         "--- a/greet/gone.go\n+++ b/greet/gone.go\n@@ -1 +1 @@\n-package greet\n+package great\n",
		"the file is there":        "--- /dev/null\n+++ b/greet/greet.go\n@@ -0,0 +1 @@\n+package greet\n",
		"it is no patch":           "hello\n",
		"it leaves the repository": "--- a/../greet.go\n+++ b/../greet.go\n@@ -1 +1 @@\n-a\n+b\n",
	}
	for why, patch := range stale {
		o := r.overlay()
		err := o.Patch(t.Context(), r.write("bugs/stale.patch", patch))
		require.ErrorContains(t, err, "stale.patch", why)
		require.Empty(t, o.Replace, why)
		require.NoError(t, os.RemoveAll(filepath.Join(r.root, ".build")))
	}
	o := r.overlay()
	err := o.Patch(t.Context(), r.write("bugs/stale.patch", stale["the line has changed"]))
	require.ErrorContains(t, err, "gone stale")
	require.ErrorContains(t, err, "patch failed: greet/greet.go:5", "git says where")
}

func TestADirectoryTakesThePlaceOfAPackage(t *testing.T) {
	r := newRepository(t)
	r.write("exercises/greet/mine.go", "package greet\n\n// Word is mine.\nfunc Word() string { return \"good morning\" }\n")
	r.write("exercises/greet/mine_test.go", "package greet_test\n\nfunc TestMine() {}\n")
	o := r.overlay()
	require.NoError(t, o.Package("greet", filepath.Join(r.root, "exercises", "greet")))
	require.Equal(t, "good morning", r.says(o))
	require.Len(t, o.Replace, 2, "tests stay as they are")

	require.ErrorContains(t, o.Package("nothing", filepath.Join(r.root, "exercises", "greet")), "nothing")
	require.ErrorContains(t, o.Package("greet", t.TempDir()), "no Go file")
}
