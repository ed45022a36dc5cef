package disk_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
)

func openDir(t *testing.T) *disk.Dir {
	t.Helper()
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	return d
}

// write makes a file.
func write(t *testing.T, d disk.Disk, name, text string) {
	t.Helper()
	f, err := d.Create(name)
	require.NoError(t, err)
	require.NoError(t, f.Append([]byte(text)))
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

// read returns what a file holds.
func read(t *testing.T, d disk.Disk, name string) string {
	t.Helper()
	f, err := d.Open(name)
	require.NoError(t, err)
	defer f.Close()
	return contents(t, f)
}

func contents(t *testing.T, f disk.File) string {
	t.Helper()
	size, err := f.Size()
	require.NoError(t, err)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	require.NoError(t, err)
	require.Len(t, b, int(size))
	return string(b)
}

func TestOpenDirMakesWhatIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "c")
	d, err := disk.OpenDir(path)
	require.NoError(t, err)
	require.Equal(t, path, d.String())
	write(t, d, "x", "text")
	again, err := disk.OpenDir(path)
	require.NoError(t, err)
	require.Equal(t, "text", read(t, again, "x"))
}

func TestOpenDirTakesARelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	d, err := disk.OpenDir("data")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	write(t, d, "x", "text")
	require.Equal(t, "text", read(t, d, "x"), "it is where it was, wherever the process goes")
}

func TestAFileInThePlaceOfADirectoryIsAClearError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err := disk.OpenDir(path)
	require.ErrorContains(t, err, path+" is a file, and a directory is needed")
	_, err = disk.OpenDir(filepath.Join(path, "below", "it"))
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "not a directory")
}

func TestCreateRefusesAFileThatExists(t *testing.T) {
	d := openDir(t)
	write(t, d, "x", "the first")
	_, err := d.Create("x")
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, "the first", read(t, d, "x"))
}

func TestOpenRefusesAFileThatDoesNotExist(t *testing.T) {
	d := openDir(t)
	_, err := d.Open("x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	names, err := d.List()
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestAppendWritesAtTheEndWhereverThatIs(t *testing.T) {
	d := openDir(t)
	write(t, d, "x", "one ")
	a, err := d.Open("x")
	require.NoError(t, err)
	defer a.Close()
	b, err := d.Open("x")
	require.NoError(t, err)
	defer b.Close()
	require.Equal(t, "one ", contents(t, a))
	require.NoError(t, b.Append([]byte("two ")))
	require.NoError(t, a.Append([]byte("three ")))
	require.NoError(t, b.Append(nil))
	require.Equal(t, "one two three ", contents(t, b), "what was written is read, synced or not")
}

func TestTruncateCutsAndAppendGoesOnThere(t *testing.T) {
	d := openDir(t)
	write(t, d, "x", "what stays, and what goes")
	f, err := d.Open("x")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(12))
	require.Equal(t, "what stays, ", contents(t, f))
	require.NoError(t, f.Append([]byte("and comes")))
	require.NoError(t, f.Sync())
	require.Equal(t, "what stays, and comes", read(t, d, "x"))
}

func TestReadAtGoesWhereItIsTold(t *testing.T) {
	d := openDir(t)
	write(t, d, "x", "0123456789")
	f, err := d.Open("x")
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, 4)
	n, err := f.ReadAt(b, 3)
	require.NoError(t, err)
	require.Equal(t, "3456", string(b[:n]))
	n, err = f.ReadAt(b, 8)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "89", string(b[:n]))
}

func TestRenameTakesTheNameFromWhoeverHasIt(t *testing.T) {
	d := openDir(t)
	write(t, d, "old", "of old")
	write(t, d, "new", "of new")
	open, err := d.Open("old")
	require.NoError(t, err)
	defer open.Close()
	require.NoError(t, d.Rename("new", "old"))
	require.NoError(t, d.SyncDir())
	require.Equal(t, "of new", read(t, d, "old"))
	require.Equal(t, "of old", contents(t, open), "who has it open still has it")
	_, err = d.Open("new")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, d.Rename("nobody", "old"), fs.ErrNotExist)
	require.Equal(t, "of new", read(t, d, "old"))
}

func TestRemoveRemovesOneFile(t *testing.T) {
	d := openDir(t)
	write(t, d, "a", "")
	write(t, d, "b", "")
	require.NoError(t, d.Remove("a"))
	require.NoError(t, d.SyncDir())
	names, err := d.List()
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, names)
	require.ErrorIs(t, d.Remove("a"), fs.ErrNotExist)
}

func TestListIsSortedAndShowsNeitherTheLockNorDirectories(t *testing.T) {
	d := openDir(t)
	l, err := d.Lock()
	require.NoError(t, err)
	defer l.Close()
	for _, name := range []string{"c", "a", "b.new", "b"} {
		write(t, d, name, "")
	}
	require.NoError(t, os.Mkdir(filepath.Join(d.String(), "aa"), 0o755))
	names, err := d.List()
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "b.new", "c"}, names)
}

func TestADirectoryThatIsGoneIsAnError(t *testing.T) {
	d := openDir(t)
	require.NoError(t, os.Remove(d.String()))
	_, err := d.List()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, d.SyncDir(), fs.ErrNotExist)
	_, err = d.Lock()
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = d.Create("x")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestALockIsHeldUntilItIsClosed(t *testing.T) {
	d := openDir(t)
	l, err := d.Lock()
	require.NoError(t, err)
	other, err := disk.OpenDir(d.String())
	require.NoError(t, err)
	for _, d := range []*disk.Dir{d, other} {
		_, err = d.Lock()
		require.ErrorIs(t, err, disk.ErrLocked)
	}
	require.NoError(t, l.Close())
	l, err = other.Lock()
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestAnotherProcessIsKeptOut(t *testing.T) {
	d := openDir(t)
	l, err := d.Lock()
	require.NoError(t, err)
	_, says := startChild(t, d.String())
	require.Contains(t, says, disk.ErrLocked.Error())
	require.NoError(t, l.Close())
	c, says := startChild(t, d.String())
	require.Equal(t, "locked\n", says)
	_, err = d.Lock()
	require.ErrorIs(t, err, disk.ErrLocked)
	require.NoError(t, c.in.Close())
	require.NoError(t, c.cmd.Wait())
	l, err = d.Lock()
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestALockIsFreeWhenItsHolderIsKilled(t *testing.T) {
	d := openDir(t)
	c, says := startChild(t, d.String())
	require.Equal(t, "locked\n", says)
	_, err := d.Lock()
	require.ErrorIs(t, err, disk.ErrLocked)
	require.NoError(t, c.cmd.Process.Kill())
	c.cmd.Wait()
	l, err := d.Lock()
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestLockingTouchesNoFileOfTheStore(t *testing.T) {
	d := openDir(t)
	write(t, d, "x", "text")
	l, err := d.Lock()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, "text", read(t, d, "x"))
}
