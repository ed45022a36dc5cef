package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
)

// large is a journal with much in every segment.
var large = journal.Config{SegmentSize: 512 << 10, ID: small.ID}

// appendSome appends frames of very different sizes, of about so many bytes in
// all, and returns their entries in words.
func appendSome(t testing.TB, j *journal.Journal, r *rand.Rand, size int) (entries []string) {
	t.Helper()
	for size > 0 {
		var texts []string
		for range 1 + r.IntN(3) {
			text := fmt.Sprint(r.Uint32(), strings.Repeat(".", r.IntN(10<<r.IntN(13))))
			texts = append(texts, text)
			size -= len(text)
		}
		entries = append(entries, appendEntries(t, j, texts...)...)
	}
	return entries
}

// list returns what is read up to the first error.
func list(read iter.Seq2[journal.Entry, error]) (got []string, err error) {
	got = []string{}
	for e, err := range read {
		if err != nil {
			return got, err
		}
		keep(&got)(e)
	}
	return got, nil
}

// requireReads begins to read at some entries, and at the first and last.
func requireReads(t *testing.T, j *journal.Journal, r *rand.Rand, want []string) {
	t.Helper()
	for i := range 5 {
		from := int(j.First()) + r.IntN(len(want)-int(j.First())+3)
		if i == 0 {
			from = int(j.First())
		}
		got, err := list(j.Read(uint64(from)))
		require.NoError(t, err)
		require.True(t, slices.Equal(want[min(from-1, len(want)):], got), "from entry %d of %d to %d", from, j.First(), j.Last())
	}
}

func TestReadFindsItsPlaceWhateverHasBeenCut(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := newMemory()
		j, _, _ := open(t, m, large)
		want := appendSome(t, j, r, 1<<20)
		for range 12 {
			switch r.IntN(4) {
			case 0:
				last := j.Last() - r.Uint64N(1+(j.Last()-j.First())/2)
				require.NoError(t, j.CutBack(last))
				want = want[:last:last]
			case 1:
				require.NoError(t, j.CutFront(j.First()+r.Uint64N(1+(j.Last()-j.First())/2)))
			case 2:
				require.NoError(t, j.Close())
				j, _, _ = open(t, m, large)
			}
			requireReads(t, j, r, want)
			want = append(want, appendSome(t, j, r, r.IntN(256<<10))...)
			requireReads(t, j, r, want)
		}
	}
}

// inPieces reads everything as a follower is sent it, a MiB or so at a time.
func inPieces(t *testing.T, j *journal.Journal) []string {
	t.Helper()
	got := []string{}
	for from := j.First(); from <= j.Last(); {
		size := 0
		for e, err := range j.Read(from) {
			require.NoError(t, err)
			require.NoError(t, keep(&got)(e))
			if from, size = e.Index+1, size+len(e.Data); size > 1<<20 {
				break
			}
		}
	}
	return got
}

// If every piece were looked for from the beginning of its segment, much more
// would be read.
func TestAJournalThatIsReadInPiecesIsReadAboutOnce(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, journal.Config{})
	want := appendSome(t, j, rand.New(rand.NewPCG(1, 2)), 16<<20)
	requireOnce := func(what string) {
		t.Helper()
		m.read = 0
		require.True(t, slices.Equal(want, inPieces(t, j)), what)
		require.Less(t, m.read, 2*16<<20, what)
	}
	requireOnce("as it was written")
	require.NoError(t, j.Close())
	j, _, _ = open(t, m, journal.Config{})
	requireOnce("as it was found")
	require.NoError(t, j.CutBack(j.Last()-1))
	want = want[:len(want)-1]
	requireOnce("as it was cut")
}

func TestTheLastEntryIsReadWithoutThoseBefore(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, journal.Config{})
	for i := range 20_000 {
		appendEntries(t, j, fmt.Sprint("one of many, which make up a few hundred KiB: ", i))
	}
	m.read, m.calls = 0, nil
	got, err := list(j.Read(j.Last()))
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Less(t, m.read, 100<<10)
	got, err = list(j.Read(j.Last() + 1))
	require.NoError(t, err)
	require.Empty(t, got)
	require.Equal(t, 1, m.count("open"), "where there is nothing to read, no file is opened")
}

func TestReadEndsWithWhatWasThereWhenItWasCalled(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	read, nothing := j.Read(1), j.Read(j.Last()+1)
	for range 5 { // in this segment, and in others
		appendEntries(t, j, strings.Repeat("x", 100))
	}
	for range 2 {
		got, err := list(read)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := list(nothing)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestReadEndsWhenTheJournalIsCutBack(t *testing.T) {
	whole, want := several(t)
	for cut := range len(want) {
		for shown := range len(want) {
			j, _, _ := open(t, whole.clone(), small)
			next, stop := iter.Pull2(j.Read(1))
			for range shown {
				_, err, ok := next()
				require.True(t, ok)
				require.NoError(t, err)
			}
			require.NoError(t, j.CutBack(uint64(cut)))
			for int(j.Last()) < len(want) {
				appendEntries(t, j, "in the place of what was cut")
			}
			_, err, ok := next()
			require.True(t, ok)
			require.ErrorIs(t, err, journal.ErrCut)
			require.NotErrorIs(t, err, journal.ErrDamaged)
			_, _, ok = next()
			require.False(t, ok)
			stop()
		}
	}
}

func TestReadSaysThatItsFileIsGone(t *testing.T) {
	m, want := several(t)
	j, _, _ := open(t, m, small)
	next, stop := iter.Pull2(j.Read(1))
	defer stop()
	_, err, _ := next()
	require.NoError(t, err)
	end := j.Read(j.Last())
	require.NoError(t, j.CutFront(j.Last()))
	for err == nil {
		_, err, _ = next() // the file that is open is read to its end
	}
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotErrorIs(t, err, journal.ErrDamaged)
	got, err := list(end)
	require.NoError(t, err)
	require.Equal(t, want[len(want)-1:], got)
}

func TestReadSaysThatAFileWasShortened(t *testing.T) {
	m, _ := several(t)
	j, _, _ := open(t, m, small)
	f := m.files[m.last()]
	f.bytes = f.bytes[:headerSize]
	_, err := list(j.Read(1))
	require.ErrorIs(t, err, journal.ErrDamaged)
	require.ErrorContains(t, err, "the file ends before it")
}

// What the race detector has to say is a part of this.
func TestWhatReadReturnsIsReadInOtherGoroutines(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	j, _, _ := open(t, d, journal.Config{SegmentSize: 100 << 10})
	defer j.Close()
	r := rand.New(rand.NewPCG(1, 2))
	want := appendSome(t, j, r, 200<<10)
	var readers sync.WaitGroup
	for i := range 60 {
		from := j.First() + r.Uint64N(j.Last()-j.First()+1)
		read, due, back := j.Read(from), slices.Clone(want[from-1:]), i%10 == 9
		readers.Go(func() {
			got, err := list(read)
			gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, journal.ErrCut)
			assert.True(t, err == nil || gone, "%v", err)
			assert.LessOrEqual(t, len(got), len(due))
			assert.True(t, slices.Equal(due[:len(got)], got), "what is shown is what was there")
			assert.True(t, gone || len(got) == len(due), "all of it is shown")
		})
		if back {
			last := j.Last() - min(100, j.Last()-j.First())
			require.NoError(t, j.CutBack(last))
			want = want[:last:last]
		}
		if i%5 == 4 && j.Last() > 300 {
			require.NoError(t, j.CutFront(j.Last()-200))
		}
		want = append(want, appendSome(t, j, r, 20<<10)...)
		require.NoError(t, j.Sync())
	}
	readers.Wait()
}
