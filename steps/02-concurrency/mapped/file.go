//go:build unix

package mapped

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// The file begins with a header, which is written once and never changes, but
// for one word. Numbers are little-endian, except that word: it is loaded and
// stored as the machine does it, for a file serves one machine.
//
//	offset  bytes  what
//	0       8      "zeyrho02"
//	8       4      version of this format: 1
//	12      4      zero
//	16      8      size of the whole file, in bytes
//	24      4      CRC-32C of the 24 bytes before
//	1024    8      the published length: how many bytes of frames count
//	4096    …      frames, up to the end of the file
//
// The published length has its cache line to itself. Every reader polls it and
// every writer changes it, and neighbours would suffer.
const (
	magic       = "zeyrho02"
	format      = 1
	sumAt       = 24
	publishedAt = 1024
	framesAt    = 4096
)

// Limits on the size of a file, in bytes. Every process keeps a map of its own
// beside the file, and goes through all of it when it opens.
const (
	MinSize     = 8 << 10
	MaxSize     = 16 << 30
	DefaultSize = 64 << 20
)

func header(size int64) []byte {
	b := make([]byte, framesAt)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], format)
	binary.LittleEndian.PutUint64(b[16:], uint64(size))
	binary.LittleEndian.PutUint32(b[sumAt:], crc32.Checksum(b[:sumAt], castagnoli))
	return b
}

// openFile opens the file at path, and creates it first where there is none.
func openFile(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path, size); err != nil {
			return nil, fmt.Errorf("create: %w", explain(err))
		}
		f, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		return nil, explain(err)
	}
	return f, nil
}

// explain says what a system error means here.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("%w: it is a directory", ErrForeign)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return err
}

// create makes a new file, complete before it gets its name: nobody ever opens
// half of one. If several processes create it at the same time, one link
// succeeds, and the others find that the file is there, which was their wish.
// A process that dies on the way leaves a file *.new behind.
//
// The zeros are really written. A file with holes would be made in no time, but
// a page that the disk has no room for is found out when it is first touched,
// and then the answer is a signal (SIGBUS) and not an error. On file systems
// that copy on write or compress (btrfs, ZFS) even this is no promise.
func create(path string, size int64) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("its directory must exist: %w", err)
	}
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(header(size)); err != nil {
		return err
	}
	if _, err := io.CopyN(f, zeros{}, size-framesAt); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("a file system with hard links is needed: %v", err)
	}
	return nil
}

// zeros is an endless supply of them.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// check reads the header of f and returns the size of the file, or an error
// that says why it is none of ours.
func check(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%w: it is not a regular file", ErrForeign)
	}
	b := make([]byte, framesAt)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return 0, err
	}
	if !bytes.HasPrefix(b, []byte(magic)) {
		return 0, fmt.Errorf("%w: it does not begin with %q", ErrForeign, magic)
	}
	if n < framesAt {
		return 0, fmt.Errorf("%w: it ends after %d bytes, inside its header", ErrCutShort, n)
	}
	return checkHeader(b, info.Size())
}

func checkHeader(b []byte, actual int64) (int64, error) {
	if v := binary.LittleEndian.Uint32(b[8:]); v != format {
		return 0, fmt.Errorf("%w: it has version %d and this program knows %d", ErrFormat, v, format)
	}
	if crc32.Checksum(b[:sumAt], castagnoli) != binary.LittleEndian.Uint32(b[sumAt:]) {
		return 0, fmt.Errorf("%w: the checksum of its header does not fit", ErrDamaged)
	}
	size := int64(binary.LittleEndian.Uint64(b[16:]))
	switch {
	case actual < size:
		return 0, fmt.Errorf("%w: it has %d bytes and had %d when it was made", ErrCutShort, actual, size)
	case actual > size:
		return 0, fmt.Errorf("%w: it has %d bytes and had %d when it was made", ErrDamaged, actual, size)
	}
	return size, nil
}

// mapping is a Memory: the whole file, shared with all who have mapped it.
//
// The race detector does not look here. It knows the memory that Go handed out,
// and this came from the kernel; nor could it see the other processes. A clean
// run says that the rest of the package is in order, and nothing about these
// bytes. They are kept right by Append's order alone, and tested by stopping it
// after every store.
type mapping struct{ b []byte }

func mapFile(f *os.File, size int64) (*mapping, error) {
	b, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &mapping{b}, nil
}

func (m *mapping) close() error { return os.NewSyscallError("munmap", syscall.Munmap(m.b)) }

// published is the one word through which processes speak. Go's atomic stores
// and loads are what their name says across processes too: the processor does
// not know to whom a page belongs.
func (m *mapping) published() *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&m.b[publishedAt]))
}

func (m *mapping) Size() uint64              { return uint64(len(m.b) - framesAt) }
func (m *mapping) Published() uint64         { return m.published().Load() }
func (m *mapping) Publish(length uint64)     { m.published().Store(length) }
func (m *mapping) Read(at uint64, b []byte)  { copy(b, m.b[framesAt+at:]) }
func (m *mapping) Write(at uint64, b []byte) { copy(m.b[framesAt+at:], b) }
