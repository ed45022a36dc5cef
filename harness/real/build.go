package real

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Builder makes the programs that run in the real world, with the go command.
type Builder struct {
	Root    string // of the repository: see Root
	Dir     string // where the programs go; "" means CacheDir
	Overlay string // a JSON file for go build -overlay, or ""
	Race    bool   // with the race detector, which needs a C compiler
}

// Root returns the root of the repository that dir is in.
func Root(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for ; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module zeyrho\n") {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find the repository: %s is not inside of it", dir)
		}
	}
}

// CacheDir returns where programs go if nobody says: a directory in the user's
// cache for each repository, with and without the race detector. What is built
// with an overlay is not worth keeping; give it a Dir.
func (b Builder) CacheDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for programs: %w", err)
	}
	sum := sha256.Sum256(fmt.Append(nil, b.Root, b.Overlay, b.Race))
	return filepath.Join(cache, "zeyrho", hex.EncodeToString(sum[:6])), nil
}

// Build builds main packages, named by their paths in the repository
// ("steps/01-map", "harness/driver"), two at a time. It returns the path of
// each program by the same names. Programs that are up to date are left alone.
func (b Builder) Build(ctx context.Context, packages ...string) (map[string]string, error) {
	dir := b.Dir
	if dir == "" {
		var err error
		if dir, err = b.CacheDir(); err != nil {
			return nil, err
		}
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("build into %s: %w", dir, err)
	}
	defer unlock()
	programs := make(map[string]string)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, pkg := range packages {
		program := filepath.Join(dir, path.Base(pkg))
		programs[pkg] = program
		group.Go(func() error { return b.build(ctx, pkg, program) })
	}
	return programs, group.Wait()
}

func (b Builder) build(ctx context.Context, pkg, program string) error {
	args := []string{"build", "-o", program}
	if b.Race {
		args = append(args, "-race")
	}
	if b.Overlay != "" {
		args = append(args, "-overlay", b.Overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = b.Root
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// lockDir makes dir and keeps other harnesses from building into it, so that
// none of them starts a program that another has half written.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
