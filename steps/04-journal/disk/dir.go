//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Dir is a directory of the operating system. It is a Disk.
type Dir struct{ path string }

// OpenDir opens the directory at path, and makes it if there is none, with all
// that are missing above it. It returns when their names are on the disk.
func OpenDir(path string) (*Dir, error) {
	if path == "" {
		return nil, errors.New("a directory must have a name")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := makeDir(path); err != nil {
		return nil, err
	}
	return &Dir{path}, nil
}

// makeDir makes a directory if need be, and syncs the one above it, for a
// directory is a name in another one. It does so even if the directory is
// there, and it can: whoever made it may have been killed before he could.
func makeDir(path string) error {
	above := filepath.Dir(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := makeDir(above); err != nil {
			return err
		}
		if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return syncDir(above)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file, and a directory is needed", path)
	}
	if err := syncDir(above); !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

func (d *Dir) at(name string) string { return filepath.Join(d.path, name) }

// String returns the path of the directory.
func (d *Dir) String() string { return d.path }

// Create implements Disk.
func (d *Dir) Create(name string) (File, error) {
	return open(d.at(name), os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL)
}

// Open implements Disk.
func (d *Dir) Open(name string) (File, error) { return open(d.at(name), os.O_RDWR|os.O_APPEND) }

// Rename implements Disk.
func (d *Dir) Rename(from, to string) error { return os.Rename(d.at(from), d.at(to)) }

// Remove implements Disk.
func (d *Dir) Remove(name string) error { return os.Remove(d.at(name)) }

// List implements Disk.
func (d *Dir) List() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Name() != lockName && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements Disk.
func (d *Dir) SyncDir() error { return syncDir(d.path) }

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

const lockName = "lock"

// Lock implements Disk, with flock(2) on a file that is there for nothing else.
// The kernel drops such a lock when its holder dies.
func (d *Dir) Lock() (io.Closer, error) {
	f, err := os.OpenFile(d.at(lockName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = flock(f)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err
		}
	}
}

// file is a file of the operating system. O_APPEND lets every write go to its
// end. Sync is fsync(2); on macOS Go asks for F_FULLFSYNC, since fsync there
// stops at the memory of the drive.
type file struct{ *os.File }

func open(path string, flags int) (File, error) {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// Append implements File.
func (f file) Append(b []byte) error {
	_, err := f.Write(b)
	return err
}

// Size implements File.
func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
