package mapped_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/mapped"
)

// roles are what a child process can do, with a file and further arguments.
var roles = map[string]func(path string, args []string) error{
	"count":   count,
	"write":   write,
	"read":    read,
	"create":  create,
	"nobody":  openAsNobody,
	"limited": openWithLittleRoom,
}

const counters = 3

// count adds 1 to counters, args[0] times. Meanwhile it opens and closes the
// same file again and again, which would cost it a lock of the wrong kind.
func count(path string, args []string) error {
	times, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	s, err := mapped.Open(path, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range times {
		if _, err := kv.Update(context.Background(), s, fmt.Sprint("counter ", i%counters), increment); err != nil {
			return err
		}
		again, err := mapped.Open(path, 0)
		if err != nil {
			return err
		}
		again.Close()
	}
	return nil
}

func TestCountersOfManyProcessesAddUp(t *testing.T) {
	path := someFile(t)
	s := open(t, path, 1<<20)
	const processes, times = 4, 30 * counters
	var children []*child
	for range processes {
		children = append(children, start(t, "count", path, strconv.Itoa(times)))
	}
	for _, c := range children {
		c.end()
	}
	for i := range counters {
		it := get(t, s, fmt.Sprint("counter ", i))
		assert.Equal(t, strconv.Itoa(processes*times/counters), string(it.Value))
	}
}

// sealed returns a value of n bytes that carries its own checksum. Half of one
// value and half of another do not fit.
func sealed(n int) []byte {
	b := make([]byte, n-sha256.Size, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func checkSeal(b []byte) error {
	if len(b) < sha256.Size {
		return fmt.Errorf("a value of %d bytes", len(b))
	}
	text, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if want := sha256.Sum256(text); !bytes.Equal(sum, want[:]) {
		return fmt.Errorf("a torn value: %x", b)
	}
	return nil
}

// write puts sealed values of args[0] bytes until the file is full or somebody
// ends it.
func write(path string, args []string) error {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	s, err := mapped.Open(path, 0)
	if err != nil {
		return err
	}
	value := sealed(size)
	for i := 0; err == nil; i++ {
		if i%64 == 0 {
			value = sealed(size)
		}
		_, err = s.Do(context.Background(), kv.Put(fmt.Sprint("key ", i%4), value))
	}
	if !errors.Is(err, mapped.ErrFull) {
		return err
	}
	return nil
}

// read looks at the values until it has seen args[0] changes, or the file is
// full. No value is torn, and no key goes back to an earlier version.
func read(path string, args []string) error {
	changes, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	s, err := mapped.Open(path, 0)
	if err != nil {
		return err
	}
	last := map[string]kv.Version{}
	seen := 0
	for i := 0; seen < changes && !nearlyFull(s); i++ {
		key := fmt.Sprint("key ", i%4)
		it, err := s.Get(context.Background(), key)
		if err != nil {
			return err
		}
		if it.Version < last[key] {
			return fmt.Errorf("%q went back from version %d to %d", key, last[key], it.Version)
		}
		if it.Version > last[key] {
			last[key] = it.Version
			seen++
			if err := checkSeal(it.Value); err != nil {
				return err
			}
		}
	}
	if seen < 10 {
		return fmt.Errorf("only %d changes seen, which proves nothing", seen)
	}
	return nil
}

func nearlyFull(s *mapped.Store) bool {
	used, size, err := s.Used()
	return err != nil || size-used < 1<<20
}

func TestAValueIsNeverTorn(t *testing.T) {
	path := someFile(t)
	open(t, path, 32<<20)
	writers := []*child{start(t, "write", path, "64"), start(t, "write", path, "64")}
	readers := []*child{start(t, "read", path, "500"), start(t, "read", path, "500")}
	for _, c := range readers {
		c.end()
	}
	for _, c := range writers {
		c.kill()
	}
}

// catch starts a writer on a new file, and stops it while it holds the lock and
// has written some. Where it stops is luck; if the file fills up before, another
// one is tried.
func catch(t *testing.T) (*mapped.Store, string, *child) {
	t.Helper()
	for {
		path := someFile(t)
		s := open(t, path, 32<<20)
		c := start(t, "write", path, "16384")
		for await(t, s, rand.Uint64N(300_000)) {
			c.stop()
			free := otherLock(t, path)
			if free == nil {
				return s, path, c
			}
			free()
			c.resume()
		}
		c.kill()
	}
}

// await returns true when so many more bytes have been published, and false if
// the file is nearly full.
func await(t *testing.T, s *mapped.Store, more uint64) bool {
	t.Helper()
	before, _, err := s.Used()
	require.NoError(t, err)
	for used := before; used <= before+more; {
		if nearlyFull(s) {
			return false
		}
		used, _, err = s.Used()
		require.NoError(t, err)
	}
	return true
}

func TestAKilledWriterLeavesNoLockAndNoHalfRecord(t *testing.T) {
	for range 6 {
		s, path, c := catch(t)
		c.kill()

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		r, err := s.Do(ctx, kv.Put("survivor", sealed(64)))
		cancel()
		require.NoError(t, err, "the lock died with its holder")
		require.Equal(t, kv.Done, r.Status)

		newcomer := open(t, path, 0) // reads everything from the beginning
		p, err := newcomer.Scan(t.Context(), kv.Range{})
		require.NoError(t, err)
		for _, it := range p.Items {
			require.NoError(t, checkSeal(it.Value), it.Key)
		}
		require.Equal(t, r.Version, get(t, newcomer, "survivor").Version)
	}
}

func TestAStoppedWriterHoldsUpWritersAndNotReaders(t *testing.T) {
	s, _, c := catch(t)

	assert.NoError(t, checkSeal(get(t, s, "key 0").Value))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Do(ctx, kv.Put("a", nil))
	assert.ErrorIs(t, err, mapped.ErrBusy)

	c.resume()
	assert.Equal(t, kv.Done, do(t, s, kv.Put("a", nil)).Status, "the lock was its own, and it gave it back")
	c.kill()
}

// create opens a file, which many do at the same time, and writes a key.
func create(path string, args []string) error {
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	size, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	s, err := mapped.Open(path, size)
	if err != nil {
		return err
	}
	_, err = s.Do(context.Background(), kv.Put(args[0], nil))
	return err
}

func TestWhoCreatesAFileTogetherHasOneFile(t *testing.T) {
	for range 5 {
		path := someFile(t)
		var children []*child
		for i := range 4 {
			children = append(children, start(t, "create", path, strconv.Itoa(1<<20+i)))
		}
		for _, c := range children {
			require.Equal(t, "ready", c.line())
		}
		for _, c := range children {
			fmt.Fprintln(c.in)
		}
		for _, c := range children {
			c.end()
		}
		p, err := open(t, path, 0).Scan(t.Context(), kv.Range{})
		require.NoError(t, err)
		assert.Len(t, p.Items, len(children))
		left, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		assert.Len(t, left, 1)
	}
}

// openAsNobody opens a file without the powers of root, to whom no file is
// read-only.
func openAsNobody(path string, _ []string) error {
	if os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			return err
		}
	}
	_, err := mapped.Open(path, 1<<16)
	if !errors.Is(err, mapped.ErrReadOnly) {
		return fmt.Errorf("want %w, got: %w", mapped.ErrReadOnly, err)
	}
	return nil
}

func TestAReadOnlyFileOrDirectoryIsRefused(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // which nobody may enter, unlike the test's own
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "read-only.kv")
	require.NoError(t, open(t, path, 1<<16).Close())
	require.NoError(t, os.Chmod(path, 0o444))
	require.NoError(t, os.Chmod(dir, 0o555))

	start(t, "nobody", path).end()
	start(t, "nobody", filepath.Join(dir, "new.kv")).end()
}

// openWithLittleRoom makes a file where only half of it has room.
func openWithLittleRoom(path string, _ []string) error {
	room := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
		return err
	}
	_, err := mapped.Open(path, 2<<20)
	if !errors.Is(err, mapped.ErrNoRoom) {
		return fmt.Errorf("want %w, got: %w", mapped.ErrNoRoom, err)
	}
	return nil
}

func TestAFullDiskIsAnErrorAtCreation(t *testing.T) {
	path := someFile(t)
	start(t, "limited", path).end()
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Empty(t, left, "half a file is no file")
}
