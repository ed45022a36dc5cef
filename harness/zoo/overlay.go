// Package zoo answers: would the harness notice?
//
// A bug is a patch that is laid over the sources of a step while it is built
// (go build -overlay): the sources themselves carry no hooks and do not change.
// In the same way an exercise takes the place of a package.
package zoo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Overlay is a set of files that take the place of others for one build.
//
// Invariant: every replacement is where Replace says, and no file of the
// repository has been written to.
type Overlay struct {
	// Replace has what the go command wants: by the absolute path of a file,
	// that of the file to use in its place, or "" if there shall be none.
	Replace map[string]string

	root string // of the repository
	dir  string // where replacements and the JSON file go
}

// New returns an overlay that replaces nothing. Its files go to a directory,
// which must be empty; nobody deletes it.
func New(root, dir string) (*Overlay, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o755); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return &Overlay{Replace: make(map[string]string), root: root, dir: dir}, nil
}

// Patch applies a patch, as git diff prints it from the root of the repository,
// on top of what the overlay has already. A patch that does not apply to the
// letter of its context is an error that says where; it has gone stale.
func (o *Overlay) Patch(ctx context.Context, patch string) error {
	patch, err := filepath.Abs(patch)
	if err != nil {
		return fmt.Errorf("patch: %w", err)
	}
	paths, err := o.touched(ctx, patch)
	if err != nil {
		return fmt.Errorf("patch %s cannot be read: %w", patch, err)
	}
	before := make(map[string][]byte)
	for _, path := range paths {
		if before[path], err = o.copy(path); err != nil {
			return fmt.Errorf("patch %s: %w", patch, err)
		}
	}
	if _, err := o.git(ctx, "apply", "--whitespace=nowarn", patch); err != nil {
		return fmt.Errorf("patch %s has gone stale, make it anew: %w", patch, err)
	}
	for _, path := range paths {
		if err := o.replaced(path, before[path]); err != nil {
			return fmt.Errorf("patch %s: %w", patch, err)
		}
	}
	return nil
}

// touched returns the paths that a patch speaks of.
func (o *Overlay) touched(ctx context.Context, patch string) ([]string, error) {
	out, err := o.git(ctx, "apply", "--numstat", "-z", patch)
	if err != nil {
		return nil, err
	}
	var paths []string
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		fields := strings.SplitN(line, "\t", 3) // lines added, lines removed, path
		if len(fields) != 3 || !filepath.IsLocal(fields[2]) {
			return nil, fmt.Errorf("it touches no file of the repository, or renames one: %q", line)
		}
		paths = append(paths, fields[2])
	}
	return paths, nil
}

// git runs git among the copies, and keeps it from looking for a repository
// around them or at anybody's settings.
func (o *Overlay) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = filepath.Join(o.dir, "files")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CEILING_DIRECTORIES="+o.dir,
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return string(out), nil
}

// copied returns where the copy of a file of the repository is.
func (o *Overlay) copied(path string) string { return filepath.Join(o.dir, "files", path) }

// copy copies a file of the repository, as the overlay has it so far, to where
// a patch can be applied to it. A file that does not exist is none there.
func (o *Overlay) copy(path string) ([]byte, error) {
	source := filepath.Join(o.root, path)
	if now, ok := o.Replace[source]; ok {
		source = now
	}
	content, err := os.ReadFile(source)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, os.RemoveAll(o.copied(path))
	}
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(o.copied(path)), 0o755); err != nil {
		return nil, err
	}
	return content, os.WriteFile(o.copied(path), content, 0o644)
}

// replaced adds a file that was patched.
func (o *Overlay) replaced(path string, before []byte) error {
	after, err := os.ReadFile(o.copied(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Replace[filepath.Join(o.root, path)] = ""
		return nil
	case err != nil:
		return err
	case bytes.Equal(before, after):
		return fmt.Errorf("%s is the same as before", path)
	}
	o.Replace[filepath.Join(o.root, path)] = o.copied(path)
	return nil
}

// Package puts the sources in a directory in the place of those of a package,
// named by its path in the repository ("steps/04-journal/journal"). The
// package keeps its own tests: they are what the new sources have to pass.
func (o *Overlay) Package(pkg, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("replace %s: %w", pkg, err)
	}
	old, err := sources(filepath.Join(o.root, pkg))
	if err != nil {
		return fmt.Errorf("replace %s: %w", pkg, err)
	}
	fresh, err := sources(dir)
	if err != nil {
		return fmt.Errorf("replace %s: %w", pkg, err)
	}
	for _, name := range old {
		o.Replace[filepath.Join(o.root, pkg, name)] = ""
	}
	for _, name := range fresh {
		o.Replace[filepath.Join(o.root, pkg, name)] = filepath.Join(dir, name)
	}
	return nil
}

// sources returns the names of the Go files of a directory, without tests.
func sources(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no Go file in %s", dir)
	}
	return names, nil
}

// Write writes the JSON file for go build -overlay and returns its path.
func (o *Overlay) Write() (string, error) {
	b, err := json.MarshalIndent(struct{ Replace map[string]string }{o.Replace}, "", "\t")
	if err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}
	path := filepath.Join(o.dir, "overlay.json")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}
	return path, nil
}
