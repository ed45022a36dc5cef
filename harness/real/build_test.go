package real_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
)

// module writes a repository of its own, with programs by their sources.
func module(t *testing.T, sources map[string]string) string {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module zeyrho\n\ngo 1.26\n"), 0o644))
	for pkg, source := range sources {
		require.NoError(t, os.MkdirAll(filepath.Join(root, pkg), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, pkg, "main.go"), []byte("package main\n"+source), 0o644))
	}
	return root
}

func TestProgramsAreBuilt(t *testing.T) {
	root := module(t, map[string]string{
		"steps/01-a": "func main() { println(1) }",
		"steps/02-b": "func main() { println(2) }",
		"driver":     "func main() { println(3) }",
	})
	found, err := real.Root(filepath.Join(root, "steps", "01-a"))
	require.NoError(t, err)
	require.Equal(t, root, found)
	b := real.Builder{Root: root, Dir: t.TempDir()}
	programs, err := b.Build(t.Context(), "steps/01-a", "steps/02-b", "driver")
	require.NoError(t, err)
	require.Len(t, programs, 3)
	out, err := exec.Command(programs["steps/02-b"]).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "2\n", string(out))
}

func TestAProgramThatDoesNotCompileIsAClearError(t *testing.T) {
	root := module(t, map[string]string{"steps/01-a": "func main() { oops }"})
	b := real.Builder{Root: root, Dir: t.TempDir()}
	_, err := b.Build(t.Context(), "steps/01-a")
	require.ErrorContains(t, err, "build steps/01-a")
	require.ErrorContains(t, err, "undefined: oops")
	_, err = b.Build(t.Context(), "steps/09-none")
	require.ErrorContains(t, err, "steps/09-none")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Build(ctx, "steps/01-a")
	require.ErrorIs(t, err, context.Canceled)
}

func TestEveryRepositoryHasACacheOfItsOwn(t *testing.T) {
	a, err := real.Builder{Root: "/a"}.CacheDir()
	require.NoError(t, err)
	b, err := real.Builder{Root: "/b"}.CacheDir()
	require.NoError(t, err)
	raced, err := real.Builder{Root: "/a", Race: true}.CacheDir()
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	require.NotEqual(t, a, raced)
	_, err = real.Root(t.TempDir())
	require.ErrorContains(t, err, "find the repository")
}
