package bench

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// scratch is where the files of a run are.
type scratch struct {
	dir  string        // "" until it is needed
	kind string        // the file system, in words
	sync time.Duration // an append with its fsync takes there; the median
}

// inMemory are file systems on which an fsync costs nothing, and means nothing.
var inMemory = []string{"tmpfs", "ramfs"}

// files returns a new directory for files. The first time, it finds out what
// kind of disk that is.
func (b *bench) files(name string) (string, error) {
	if b.scratch.dir == "" {
		parent := b.Dir
		if parent == "" {
			parent = usualDir()
		}
		dir, err := os.MkdirTemp(parent, "zeyrho-bench-")
		if err != nil {
			return "", err
		}
		b.scratch = scratch{dir: dir, kind: fileSystem(dir)}
		if slices.Contains(inMemory, b.scratch.kind) {
			b.scratch.kind += " (in memory: an fsync does nothing)"
		}
		if b.scratch.sync, err = trySync(filepath.Join(dir, "try")); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(b.scratch.dir, name+"-")
}

// usualDir is the directory for temporary files, or that for caches if the
// first is in memory and the other is not.
func usualDir() string {
	cache, err := os.UserCacheDir()
	if err != nil || !slices.Contains(inMemory, fileSystem(os.TempDir())) || slices.Contains(inMemory, fileSystem(cache)) {
		return os.TempDir()
	}
	return cache
}

// trySync measures a bare append with its fsync.
func trySync(path string) (time.Duration, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var took []time.Duration
	for began := time.Now(); len(took) < 1000 && time.Since(began) < 300*time.Millisecond; {
		start := time.Now()
		if err := appendSync(f, make([]byte, 100)); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// appendSync is the least that makes something durable.
func appendSync(f *os.File, b []byte) error {
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Sync()
}
