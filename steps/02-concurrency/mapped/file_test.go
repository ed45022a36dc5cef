package mapped_test

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/mapped"
)

// written returns the path of a closed file with two commands in it.
func written(t *testing.T) string {
	path := someFile(t)
	s := open(t, path, 1<<16)
	do(t, s, kv.Put("a", []byte("1")))
	do(t, s, kv.Put("b", []byte("2")))
	require.NoError(t, s.Close())
	return path
}

// change overwrites bytes of a file.
func change(t *testing.T, path string, at int64, b ...byte) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt(b, at)
	require.NoError(t, err)
}

func TestASpoiltFileIsRefusedForWhatItIs(t *testing.T) {
	for _, spoilt := range []struct {
		how   string
		spoil func(t *testing.T, path string)
		want  error
		says  string
	}{
		{"empty", cutTo(0), mapped.ErrForeign, "another name"},
		{"something else", func(t *testing.T, p string) {
			require.NoError(t, os.WriteFile(p, make([]byte, 1<<16), 0o600))
		}, mapped.ErrForeign, "another name"},
		{"a text", func(t *testing.T, p string) {
			require.NoError(t, os.WriteFile(p, []byte("dear diary"), 0o600))
		}, mapped.ErrForeign, "another name"},
		{"a later format", func(t *testing.T, p string) { change(t, p, 8, 2) }, mapped.ErrFormat, "has version 2"},
		{"cut inside the header", cutTo(100), mapped.ErrCutShort, "100 bytes"},
		{"cut by a byte", cutTo(1<<16 - 1), mapped.ErrCutShort, "65535 bytes and had 65536"},
		{"longer", cutTo(1<<16 + 1), mapped.ErrDamaged, "65537 bytes and had 65536"},
		{"a damaged header", func(t *testing.T, p string) { change(t, p, 17, 9) }, mapped.ErrDamaged, "header"},
		{"a damaged command", func(t *testing.T, p string) { change(t, p, 4096+20, 0xee) }, mapped.ErrDamaged, "entry 1, at byte 0"},
		{"no commands where some are published", func(t *testing.T, p string) {
			change(t, p, 4096, make([]byte, 4096)...)
		}, mapped.ErrDamaged, "entry 1, at byte 0"},
		{"an impossible length", func(t *testing.T, p string) {
			change(t, p, 1024, 255, 255, 255, 255, 255, 255, 255, 255)
		}, mapped.ErrDamaged, "published length"},
	} {
		t.Run(spoilt.how, func(t *testing.T) {
			path := written(t)
			spoilt.spoil(t, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)

			_, err = mapped.Open(path, 0)
			assert.ErrorIs(t, err, spoilt.want)
			assert.ErrorContains(t, err, spoilt.says)
			assert.ErrorContains(t, err, path)

			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, before, after, "what is refused is left as it was")
		})
	}
}

func cutTo(size int64) func(*testing.T, string) {
	return func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, size)) }
}

// What happens to a file under the hands of those who use it is found out too,
// as long as it is no less than the file.
func TestDamageToAFileInUseIsFoundOut(t *testing.T) {
	path := someFile(t)
	mine, yours := open(t, path, 1<<16), open(t, path, 1<<16)
	do(t, mine, kv.Put("a", []byte("1")))
	assert.Equal(t, "1", string(get(t, yours, "a").Value))
	do(t, mine, kv.Put("a", []byte("2")))
	used, _, err := mine.Used()
	require.NoError(t, err)
	change(t, path, 4096+int64(used)/2+20, 0xee)

	_, err = yours.Get(t.Context(), "a")
	assert.ErrorIs(t, err, mapped.ErrDamaged)
	_, err = yours.Scan(t.Context(), kv.Range{})
	assert.ErrorIs(t, err, mapped.ErrDamaged)
	_, err = yours.Do(t.Context(), kv.Put("a", []byte("3")))
	assert.ErrorIs(t, err, mapped.ErrDamaged)
	assert.NotErrorIs(t, err, kv.ErrUnknown)
}

func TestASizeOutOfRangeIsRefused(t *testing.T) {
	path := someFile(t)
	for _, size := range []int64{-1, 1, mapped.MinSize - 1, mapped.MaxSize + 1} {
		_, err := mapped.Open(path, size)
		assert.ErrorIs(t, err, mapped.ErrSize)
		assert.ErrorContains(t, err, "choose 8192 to")
	}
	assert.NoFileExists(t, path)
}

func TestADirectoryIsNotAFile(t *testing.T) {
	_, err := mapped.Open(t.TempDir(), 0)
	assert.ErrorIs(t, err, mapped.ErrForeign)
	assert.ErrorContains(t, err, "directory")
}

func TestADirectoryThatIsMissingIsNamed(t *testing.T) {
	_, err := mapped.Open(filepath.Join(t.TempDir(), "no", "such.kv"), 0)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "directory must exist")
}

func TestANewFileIsWhole(t *testing.T) {
	path := someFile(t)
	open(t, path, 1<<20+1)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Len(t, b, 1<<20+1)
	assert.Equal(t, "zeyrho02", string(b[:8]))
	assert.Equal(t, uint64(1<<20+1), binary.LittleEndian.Uint64(b[16:]))
	assert.Equal(t, make([]byte, 1<<20+1-4096), b[4096:])
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "and nothing else is left")
}

// A hole in the file would become a SIGBUS on a full disk. File systems differ
// in what they count, so the measure is a file whose zeros are surely written.
func TestANewFileHasNoHoles(t *testing.T) {
	path := someFile(t)
	open(t, path, 1<<20)
	require.NoError(t, os.WriteFile(path+".zeros", make([]byte, 1<<20), 0o600))
	assert.GreaterOrEqual(t, blocks(t, path), blocks(t, path+".zeros"))
}

func blocks(t *testing.T, path string) int64 {
	var info syscall.Stat_t
	require.NoError(t, syscall.Stat(path, &info))
	return info.Blocks
}
