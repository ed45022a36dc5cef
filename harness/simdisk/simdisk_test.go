package simdisk_test

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/harness/simdisk"
	"zeyrho/steps/04-journal/disk"
)

func create(t *testing.T, d disk.Disk, name, text string) disk.File {
	f, err := d.Create(name)
	require.NoError(t, err)
	require.NoError(t, f.Append([]byte(text)))
	return f
}

// safe makes a file whose name and bytes are on the disk.
func safe(t *testing.T, d disk.Disk, name, text string) disk.File {
	f := create(t, d, name, text)
	require.NoError(t, f.Sync())
	require.NoError(t, d.SyncDir())
	return f
}

// outcomes returns what the disk can look like after a loss of power.
func outcomes(t *testing.T, d *simdisk.Disk) []string {
	fates, all := d.Fates(10_000, nil)
	require.True(t, all)
	var out []string
	for _, f := range fates {
		out = append(out, look(d.After(f)))
	}
	slices.Sort(out)
	return out
}

// look returns the files of a disk as text. Runs of a byte are shortened.
func look(d *simdisk.Disk) string {
	var all []string
	for _, name := range d.Names() {
		text := strings.ReplaceAll(string(d.Bytes(name)), "\x00", "0")
		for _, c := range []string{"a", "b", "c", "0"} {
			text = strings.ReplaceAll(text, strings.Repeat(c, simdisk.Sector), strings.ToUpper(c)+"*")
		}
		all = append(all, name+"="+text)
	}
	return strings.Join(all, " ")
}

func TestWhatWasSyncedSurvives(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "ab")
	require.NoError(t, d.Rename("x", "y"))
	require.NoError(t, d.SyncDir())
	require.NoError(t, f.Append([]byte("c")))
	require.NoError(t, f.Sync())
	assert.Equal(t, []string{"y=abc"}, outcomes(t, d))
}

func TestANameThatWasNotSyncedTakesSyncedBytesWithIt(t *testing.T) {
	d := simdisk.New()
	require.NoError(t, create(t, d, "x", "a").Sync())
	assert.Equal(t, []string{"", "x=a"}, outcomes(t, d))
}

func TestARenameIsKeptOrLostWhole(t *testing.T) {
	d := simdisk.New()
	safe(t, d, "x", "new")
	safe(t, d, "y", "old")
	require.NoError(t, d.Rename("x", "y"))
	assert.Equal(t, []string{"x=new y=old", "y=new"}, outcomes(t, d))
}

func TestChangesOfOneNameKeepTheirOrderAndOthersDoNot(t *testing.T) {
	d := simdisk.New()
	require.NoError(t, create(t, d, "x", "a").Sync())
	require.NoError(t, d.Rename("x", "y"))
	require.NoError(t, create(t, d, "z", "b").Sync())
	assert.Equal(t, []string{"", "x=a", "x=a z=b", "y=a", "y=a z=b", "z=b"}, outcomes(t, d))
}

func TestARemovedFileMayComeBack(t *testing.T) {
	d := simdisk.New()
	safe(t, d, "x", "a")
	require.NoError(t, d.Remove("x"))
	assert.Equal(t, []string{"", "x=a"}, outcomes(t, d))
}

func TestAnAppendWithinASectorIsLostOrKeptOrLeavesItsLength(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "a")
	require.NoError(t, f.Append([]byte("bc")))
	assert.Equal(t, []string{"x=a", "x=a00", "x=abc"}, outcomes(t, d))
}

func TestALongAppendIsTornAtSectors(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "")
	require.NoError(t, f.Append([]byte(strings.Repeat("a", simdisk.Sector)+strings.Repeat("b", simdisk.Sector))))
	assert.Equal(t, []string{"x=", "x=0*", "x=0*0*", "x=0*B*", "x=A*", "x=A*0*", "x=A*B*"}, outcomes(t, d), "the end without the beginning is among them")
}

func TestASectorIsFoundInAnyStateThatItHad(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "a")
	require.NoError(t, f.Append([]byte("b")))
	require.NoError(t, f.Append([]byte("c")))
	assert.Equal(t, []string{"x=a", "x=a0", "x=a00", "x=ab", "x=ab0", "x=abc"}, outcomes(t, d))
}

func TestWhatWasCutOffMayComeBack(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "abc")
	require.NoError(t, f.Truncate(1))
	assert.Contains(t, outcomes(t, d), "x=abc")
	assert.Contains(t, outcomes(t, d), "x=a")
	require.NoError(t, f.Sync())
	assert.Equal(t, []string{"x=a"}, outcomes(t, d))
}

func TestAfterAFailedSyncTheNextOneSucceedsAndWritesNothing(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "a")
	require.NoError(t, f.Append([]byte("b")))
	d.Faults = []simdisk.Fault{{At: d.Ops() + 1, Kind: simdisk.FailedSync}}
	require.ErrorIs(t, f.Sync(), syscall.EIO)
	require.NoError(t, f.Sync())
	b := make([]byte, 2)
	_, err := f.ReadAt(b, 0)
	require.NoError(t, err)
	assert.Equal(t, "ab", string(b), "it is still read")
	assert.Contains(t, outcomes(t, d), "x=a0", "and may be lost")

	require.NoError(t, f.Append([]byte("c")))
	require.NoError(t, f.Sync())
	assert.Equal(t, []string{"x=abc"}, outcomes(t, d), "a later write takes the sector with it")
}

func TestAfterAFailedSyncOfTheDirectoryTheNextOneWritesNothing(t *testing.T) {
	d := simdisk.New()
	create(t, d, "x", "")
	d.Faults = []simdisk.Fault{{At: d.Ops() + 1, Kind: simdisk.FailedSync}}
	require.Error(t, d.SyncDir())
	require.NoError(t, d.Rename("x", "y"))
	create(t, d, "z", "")
	require.NoError(t, d.SyncDir())
	assert.Equal(t, []string{"x= z=", "y= z=", "z="}, outcomes(t, d))
}

func TestALyingSyncIsFoundOutByALossOfPower(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "")
	require.NoError(t, f.Append([]byte("a")))
	d.Faults = []simdisk.Fault{{At: d.Ops() + 1, Kind: simdisk.Lie}}
	require.NoError(t, f.Sync())
	assert.Contains(t, outcomes(t, d), "x=")
}

func TestFailedWritesKeepWhatTheyAreToldTo(t *testing.T) {
	for kind, want := range map[simdisk.FaultKind]error{simdisk.EIO: syscall.EIO, simdisk.NoSpace: syscall.ENOSPC, simdisk.Short: io.ErrShortWrite} {
		d := simdisk.New()
		f := safe(t, d, "x", "a")
		d.Faults = []simdisk.Fault{{At: d.Ops() + 1, Kind: kind, Keep: 1}}
		require.ErrorIs(t, f.Append([]byte("bc")), want)
		assert.Equal(t, "ab", string(d.Bytes("x")))
	}
}

func TestAKillLosesNothingAndSyncsNothing(t *testing.T) {
	d := simdisk.New()
	f := create(t, d, "x", "a")
	c := d.Clone()
	require.NoError(t, f.Append([]byte("b")))
	require.NoError(t, f.Sync())
	require.NoError(t, d.SyncDir())
	assert.Equal(t, "x=a", look(c), "what happens to the one is nothing to the other")
	assert.Equal(t, []string{"", "x=", "x=0", "x=a"}, outcomes(t, c))
	assert.Equal(t, []string{"x=ab"}, outcomes(t, d))
}

func TestManyFatesAreDrawnAndTheExtremesAreAmongThem(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "")
	create(t, d, "y", "")
	require.NoError(t, f.Append([]byte(strings.Repeat("a", 40*simdisk.Sector))))
	draw := func() []simdisk.Fate {
		fates, all := d.Fates(64, rand.New(rand.NewPCG(7, 7)))
		assert.False(t, all)
		assert.Len(t, fates, 64)
		return fates
	}
	fates := draw()
	assert.Equal(t, fates, draw(), "the same seed draws the same")
	var seen []string
	for _, f := range fates {
		seen = append(seen, look(d.After(f)))
	}
	assert.Contains(t, seen, "x=", "everything is lost")
	assert.Contains(t, seen, "x="+strings.Repeat("A*", 40)+" y=", "everything is kept")
	assert.Contains(t, seen, "x=0*"+strings.Repeat("A*", 39)+" y=", "an end without its beginning")
	assert.Contains(t, seen, "x="+strings.Repeat("0*", 40)+" y=", "a length without its bytes")
	assert.Contains(t, seen, "x="+strings.Repeat("A*", 40), "bytes without a name")
}

func TestADrawnFateIsALegalOneAndTheExtremesAreDrawnToo(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "a")
	require.NoError(t, f.Append([]byte(strings.Repeat("b", 600))))
	require.NoError(t, d.Rename("x", "y"))
	legal := outcomes(t, d)
	rng := rand.New(rand.NewPCG(1, 1))
	drawn := map[string]bool{}
	for range 300 {
		got := look(d.After(d.Draw(rng)))
		require.Contains(t, legal, got)
		drawn[got] = true
	}
	assert.True(t, drawn["x=a"], "everything is lost")
	assert.True(t, drawn[look(d)], "everything is kept")
	assert.Greater(t, len(drawn), 5)
}

func TestWhatIsOpenIsNamed(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "a")
	assert.Empty(t, d.Unsynced())
	require.NoError(t, f.Append([]byte("b")))
	assert.Equal(t, []string{"x"}, d.Unsynced(), "its bytes")
	assert.Equal(t, []string{"x"}, d.Clone().Unsynced(), "also after a kill")
	g := create(t, d, "y", "a")
	require.NoError(t, f.Sync())
	require.NoError(t, g.Sync())
	assert.Equal(t, []string{"y"}, d.Unsynced(), "its name")
	require.NoError(t, d.SyncDir())
	assert.Empty(t, d.Unsynced())
	require.NoError(t, f.Truncate(1))
	assert.Equal(t, []string{"x"}, d.Unsynced(), "its length")
	assert.Empty(t, d.After(nil).Unsynced())
}

func TestWhatASyncHasGivenUpIsKnown(t *testing.T) {
	d := simdisk.New()
	f := safe(t, d, "x", "a")
	require.NoError(t, f.Append([]byte("b")))
	assert.False(t, d.GaveUp())
	d.Faults = []simdisk.Fault{{At: d.Ops() + 1, Kind: simdisk.FailedSync}}
	require.Error(t, f.Sync())
	assert.True(t, d.GaveUp())
	assert.Equal(t, 1, d.Hits())
	require.NoError(t, f.Sync())
	assert.True(t, d.GaveUp(), "to ask again helps nothing")
	assert.Equal(t, []string{"x"}, d.Unsynced())
}

func TestTheHashTellsOperationsApart(t *testing.T) {
	hashes := map[uint64]bool{}
	for _, do := range []func(d *simdisk.Disk){
		func(*simdisk.Disk) {},
		func(d *simdisk.Disk) { create(t, d, "x", "a") },
		func(d *simdisk.Disk) { create(t, d, "x", "b") },
		func(d *simdisk.Disk) { create(t, d, "y", "a") },
		func(d *simdisk.Disk) { create(t, d, "x", "a").Sync() },
		func(d *simdisk.Disk) { create(t, d, "x", "a").Truncate(0) },
	} {
		d := simdisk.New()
		do(d)
		hashes[d.Hash()] = true
		assert.Empty(t, d.Trace, "nobody has asked for it")
	}
	assert.Len(t, hashes, 6)
}

func TestAFateIsToldInWords(t *testing.T) {
	d := simdisk.New()
	d.Traced = true
	f := safe(t, d, "x", "a")
	create(t, d, "y", "")
	require.NoError(t, f.Append([]byte(strings.Repeat("b", 600))))
	assert.Equal(t, []string{"y is gone: its name was not synced", "x: only the 1 bytes that were synced survive, of 601"}, d.Describe(nil))
	assert.Equal(t, []string{"x: 601 bytes long; bytes 1–511 read as zeros; bytes 512–600 survive"}, d.Describe(simdisk.Fate{1, 2, 0, 1}))
	assert.Equal(t, "7 append 600 bytes to x", d.Trace[6].String(), "the operations too")
}

func TestEveryOperationIsAnnouncedWhileNothingOfItHasHappened(t *testing.T) {
	d := simdisk.New()
	var seen []string
	d.Before = func(op simdisk.Op) { seen = append(seen, op.String()+" | "+look(d.Clone())) }
	f := create(t, d, "x", "a")
	require.NoError(t, f.Sync())
	require.NoError(t, d.Remove("x"))
	assert.Equal(t, []string{"1 create x | ", "2 append 1 bytes to x | x=", "3 sync x | x=a", "4 remove x | x=a"}, seen)
}

// The simulated disk and a real directory, asked the same, say the same.
func TestItBehavesLikeARealDirectory(t *testing.T) {
	for seed := range uint64(20) {
		dir, err := disk.OpenDir(t.TempDir())
		require.NoError(t, err)
		real, sim := &user{d: dir, open: map[string]disk.File{}}, &user{d: simdisk.New(), open: map[string]disk.File{}}
		rng := rand.New(rand.NewPCG(seed, 4))
		for i := range 150 {
			verb, a, b, n := rng.IntN(9), string(rune('a'+rng.IntN(3))), string(rune('a'+rng.IntN(3))), rng.IntN(700)
			want, got := real.do(verb, a, b, n), sim.do(verb, a, b, n)
			require.Equal(t, want, got, "seed %d, step %d: verb %d %s %s %d", seed, i, verb, a, b, n)
		}
		real.close()
	}
}

// user uses a disk, and remembers what it has opened.
type user struct {
	d    disk.Disk
	open map[string]disk.File
}

type said struct {
	Err   string
	Text  string
	Names []string
	Size  int64
}

func (u *user) do(verb int, a, b string, n int) (s said) {
	var err error
	f := u.open[a]
	if f == nil && verb < 4 {
		if f, err = u.d.Open(a); err != nil {
			return said{Err: class(err)}
		}
		u.open[a] = f
	}
	switch verb {
	case 0:
		err = f.Append([]byte(strings.Repeat(b, n)))
	case 1:
		size, _ := f.Size()
		err = f.Truncate(min(size, int64(n)))
	case 2:
		buf := make([]byte, n)
		var k int
		k, err = f.ReadAt(buf, int64(n/2))
		s.Text = string(buf[:k])
	case 3:
		err = errors.Join(f.Sync(), u.d.SyncDir())
	case 4, 5:
		if f, err = u.d.Create(a); err == nil {
			u.open[a] = f
		}
	case 6:
		err = u.d.Rename(a, b)
	case 7:
		err = u.d.Remove(a)
	}
	s.Err = class(err)
	s.Names, _ = u.d.List()
	if f = u.open[a]; f != nil {
		s.Size, _ = f.Size()
	}
	return s
}

func class(err error) string {
	for _, c := range []error{fs.ErrNotExist, fs.ErrExist, io.EOF} {
		if errors.Is(err, c) {
			return c.Error()
		}
	}
	if err != nil {
		return "another error"
	}
	return ""
}

func (u *user) close() {
	for _, f := range u.open {
		f.Close()
	}
}
