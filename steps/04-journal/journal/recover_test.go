package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/journal"
)

// requireDamaged checks that a journal is refused, that the error names the
// file, and that nothing has been changed.
func requireDamaged(t *testing.T, m *memory, file, what string) {
	t.Helper()
	before := m.bytes()
	_, _, err := replay(m)
	require.ErrorIs(t, err, journal.ErrDamaged, what)
	require.ErrorContains(t, err, file, what)
	require.Equal(t, before, m.bytes(), what)
}

// requireTorn checks that a journal is cut off at an offset, and holds want.
// Then it must go on, and be found whole.
func requireTorn(t *testing.T, m *memory, want []string, at, size int, what string) {
	t.Helper()
	last := m.last()
	got, r, err := replay(m)
	require.NoError(t, err, what)
	require.Equal(t, want, got, what)
	require.NotNil(t, r.Torn, what)
	require.Equal(t, journal.Torn{File: last, At: int64(at), Bytes: int64(size - at), Why: r.Torn.Why}, *r.Torn, what)
	require.Contains(t, r.String(), fmt.Sprintf("cut off %s at offset %d", last, at))

	j, r, got := open(t, m, small)
	require.Equal(t, want, got, what)
	require.Nil(t, r.Torn, what)
	want = append(want[:len(want):len(want)], appendEntries(t, j, "after the cut")...)
	got, r, err = replay(m)
	require.NoError(t, err, what)
	require.Equal(t, want, got, what)
	require.Nil(t, r.Torn, what)
}

func TestATornEndIsCutOffAtEveryByte(t *testing.T) {
	m, want := several(t)
	b := m.files[m.last()].bytes
	offsets := frames(b)
	at := offsets[len(offsets)-1]
	inLast := len(want) - int(binary.LittleEndian.Uint64(b[at+8:])) + 1
	want = want[:len(want)-inLast]
	for size := len(b) - 1; size > at; size-- {
		d := m.clone()
		d.files[m.last()].bytes = b[:size:size]
		requireTorn(t, d, want, at, size, fmt.Sprintf("%d of %d bytes", size, len(b)))
	}
	d := m.clone()
	d.files[m.last()].bytes = b[:at:at]
	got, r, err := replay(d)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Nil(t, r.Torn, "nothing is left of the last frame")
}

func TestAFileThatHasGrownButHoldsZerosIsCutOff(t *testing.T) {
	m, want := several(t)
	size := len(m.files[m.last()].bytes)
	for _, zeros := range []int{1, 2, 31, 32, 33, 511, 512, 4096, 3 << 20} {
		d := m.clone()
		d.files[m.last()].bytes = append(d.files[m.last()].bytes, make([]byte, zeros)...)
		requireTorn(t, d, want, size, size+zeros, fmt.Sprint(zeros, " zeros"))
	}
}

// Every frame but the last has a later one, which says that it was safe.
func TestEveryBitThatFlipsIsFound(t *testing.T) {
	m, want := several(t)
	last := m.files[m.last()].bytes
	offsets := frames(last)
	at := offsets[len(offsets)-1]
	before := want[:binary.LittleEndian.Uint64(last[at+8:])-1]
	tried := 0
	for _, name := range m.names() {
		for bit := range 8 * len(m.files[name].bytes) {
			d := m.clone()
			d.files[name].bytes[bit/8] ^= 1 << (bit % 8)
			what := fmt.Sprintf("bit %d of byte %d of %s", bit%8, bit/8, name)
			if name == m.last() && bit/8 >= at {
				requireTorn(t, d, before, at, len(last), what)
			} else {
				requireDamaged(t, d, name, what)
			}
			tried++
		}
	}
	require.Greater(t, tried, 7000)
}

func TestASegmentThatIsNotTheLastMayNotBeShorter(t *testing.T) {
	m, _ := several(t)
	names := m.names()
	for i, name := range names[:len(names)-1] {
		b := m.files[name].bytes
		offsets := frames(b)
		for size := range b {
			d := m.clone()
			d.files[name].bytes = b[:size:size]
			file := name
			for _, at := range offsets {
				if size == at { // it ends as a file may end, but the next does not follow
					file = names[i+1]
				}
			}
			requireDamaged(t, d, file, fmt.Sprintf("%d of %d bytes of %s", size, len(b), name))
		}
		d := m.clone()
		d.files[name].bytes = append(d.files[name].bytes, 0)
		requireDamaged(t, d, name, "a byte more of "+name)
	}
}

func TestTheLastSegmentMayNotEndWithinItsHeader(t *testing.T) {
	m, _ := several(t)
	for size := range headerSize {
		d := m.clone()
		d.files[m.last()].bytes = d.files[m.last()].bytes[:size]
		requireDamaged(t, d, m.last(), fmt.Sprint(size, " bytes"))
	}
}

// unsynced makes a journal of one segment: two frames that were synced, and five
// that were not.
func unsynced(t *testing.T) (m *memory, entries []string, offsets []int) {
	t.Helper()
	m = newMemory()
	j, _, _ := open(t, m, journal.Config{ID: small.ID})
	for i := range 7 {
		entries = append(entries, appendEntries(t, j, fmt.Sprintf("entry %d, which is of some length", i+1))...)
		if i < 2 {
			require.NoError(t, j.Sync())
		}
	}
	return m, entries, frames(m.files[name(1)].bytes)
}

func TestAFrameLostInTheMiddleOfAnUnsyncedTailTakesTheRestAlong(t *testing.T) {
	m, entries, offsets := unsynced(t)
	size := len(m.files[name(1)].bytes)
	frameLength := offsets[1] - offsets[0]
	for i := 2; i < 7; i++ {
		for what, lost := range map[string][2]int{
			"the frame":           {0, frameLength},
			"its header":          {0, headerSize},
			"its payload":         {headerSize, frameLength},
			"its first half":      {0, frameLength / 2},
			"its last byte":       {frameLength - 1, frameLength},
			"its last byte and 8": {frameLength - 1, frameLength + 8},
		} {
			d := m.clone()
			b := d.files[name(1)].bytes
			clear(b[offsets[i]+lost[0] : min(offsets[i]+lost[1], size)])
			requireTorn(t, d, entries[:i], offsets[i], size, fmt.Sprintf("%s of frame %d", what, i+1))
		}
	}
}

func TestTheSameLossIsDamageWhenALaterFrameSaysThatItWasSafe(t *testing.T) {
	m, _, offsets := unsynced(t)
	j, _, _ := open(t, m, journal.Config{ID: small.ID})
	appendEntries(t, j, "the witness")
	for i := range offsets {
		d := m.clone()
		clear(d.files[name(1)].bytes[offsets[i]:][:headerSize+5])
		requireDamaged(t, d, name(1), fmt.Sprint("frame ", i+1))
	}
	clear(m.files[name(1)].bytes[offsets[6]:][:headerSize+5])
	_, _, err := replay(m)
	require.ErrorContains(t, err, fmt.Sprintf("offset %d, entry 7", offsets[6]))
	require.ErrorContains(t, err, "was written when entry 7 had been synced")
}

// The witness is looked for in pieces of the file. It is found wherever it lies
// between them.
func TestAWitnessIsFoundAtAnyDistance(t *testing.T) {
	const piece = 1 << 20
	for d := -headerSize - 2; d <= 2; d++ {
		m := newMemory()
		j, _, _ := open(t, m, journal.Config{ID: small.ID})
		appendEntries(t, j, strings.Repeat("x", piece+d-headerSize-3))
		require.NoError(t, j.Sync())
		appendEntries(t, j, "the witness")
		offsets := frames(m.files[name(1)].bytes)
		require.Equal(t, piece+d, offsets[1]-offsets[0])
		m.files[name(1)].bytes[offsets[0]] ^= 1
		requireDamaged(t, m, name(1), fmt.Sprint(d, " bytes after a piece"))
	}
}

// What a header says counts, even if its own frame is torn.
func TestATornFrameCanBeAWitness(t *testing.T) {
	m, entries, offsets := unsynced(t)
	j, _, _ := open(t, m, journal.Config{ID: small.ID})
	size := len(m.files[name(1)].bytes)
	appendEntries(t, j, "the witness")
	for cut := size + 1; cut < len(m.files[name(1)].bytes); cut++ {
		d := m.clone()
		d.files[name(1)].bytes = d.files[name(1)].bytes[:cut]
		d.files[name(1)].bytes[offsets[6]] ^= 1
		what := fmt.Sprintf("%d bytes of the witness", cut-size)
		if cut < size+headerSize {
			requireTorn(t, d, entries[:6], offsets[6], cut, what)
		} else {
			requireDamaged(t, d, name(1), what)
		}
	}
}

// A process that was killed may have left what is found in the memory of the
// operating system only, and a loss of power may still take it.
func TestWhatOpenHasFoundOrCutOffIsSafe(t *testing.T) {
	m, _ := several(t)
	torn := m.clone()
	torn.files[m.last()].bytes = append(torn.files[m.last()].bytes, "torn"...)
	for _, m := range []*memory{m, torn} {
		m.calls = nil
		j, r, _ := open(t, m, small)
		var writes []call
		for _, c := range m.calls {
			if c.op == "truncate" || c.op == "sync" || c.op == "syncdir" {
				writes = append(writes, c)
			}
		}
		want := []call{{"truncate", m.last()}, {"sync", m.last()}, {"syncdir", ""}}
		if r.Torn == nil {
			want = want[1:]
		}
		require.Equal(t, want, writes)
		require.Equal(t, j.Last(), j.Synced())
	}
}

// A value may be anything, also a copy of what is in the journal already.
func TestAFrameWithinAValueIsNotTakenForOne(t *testing.T) {
	m, entries, offsets := unsynced(t)
	whole := m.files[name(1)].bytes
	values := map[string]string{
		"the first frame": string(whole[offsets[0]:offsets[1]]),
		"the last frame":  string(whole[offsets[6]:]),
		"the file":        string(whole),
	}
	for what, value := range values {
		d := m.clone()
		j, _, _ := open(t, d, journal.Config{ID: small.ID})
		appendEntries(t, j, value, value)
		b := d.files[name(1)].bytes
		at := len(whole)
		for size := len(b) - 1; size > at; size -= 3 {
			torn := d.clone()
			torn.files[name(1)].bytes = b[:size:size]
			requireTorn(t, torn, entries, at, size, fmt.Sprintf("%s in it, %d of %d bytes", what, size, len(b)))
		}
		for lost := 1; lost < len(b)-at; lost += 3 {
			torn := d.clone()
			clear(torn.files[name(1)].bytes[at : at+lost])
			requireTorn(t, torn, entries, at, len(b), fmt.Sprintf("%s in it, without the first %d bytes", what, lost))
		}
	}
}

func TestAMissingSegmentIsDamage(t *testing.T) {
	m, _ := several(t)
	names := m.names()
	for i := 1; i+1 < len(names); i++ {
		d := m.clone()
		delete(d.files, names[i])
		requireDamaged(t, d, names[i+1], "without "+names[i])
	}
}

func TestSwappedSegmentsAreDamage(t *testing.T) {
	m, _ := several(t)
	names := m.names()
	for i, a := range names {
		for _, b := range names[:i] {
			d := m.clone()
			d.files[a], d.files[b] = d.files[b], d.files[a]
			requireDamaged(t, d, b, "the first of the two is noticed first")
		}
	}
}

func TestASegmentOfAnotherJournalIsDamage(t *testing.T) {
	m, _ := several(t)
	other, _ := severalWith(t, journal.Config{ID: 0xbad, SegmentSize: small.SegmentSize})
	for _, name := range m.names()[1:] {
		d := m.clone()
		d.files[name] = other.files[name]
		requireDamaged(t, d, name, "")
		_, _, err := replay(d)
		require.ErrorContains(t, err, "another journal")
	}
}

func TestAnotherVersionOfTheFormatIsRefusedByItsNumber(t *testing.T) {
	m := oneSegment(segmentBytes(2, small.ID, 1))
	_, _, err := replay(m)
	require.ErrorIs(t, err, journal.ErrFormat)
	require.NotErrorIs(t, err, journal.ErrDamaged, "it is whole")
	require.ErrorContains(t, err, "its format is 2, and this program knows 1")
	_, _, err = replay(oneSegment([]byte("#!/bin/sh\necho this is no journal, and long enough\n")))
	require.ErrorContains(t, err, `does not begin with "zeyrho04"`)
}

func TestASegmentThatWasNotCompletedIsRemoved(t *testing.T) {
	m, want := several(t)
	for _, left := range []string{name(1), m.last(), name(len(want) + 1)} {
		for _, text := range []string{"", "half a hea", string(segmentBytes(1, small.ID, uint64(len(want)+1)))} {
			d := m.clone()
			d.files[left+".new"] = &content{[]byte(text)}
			got, r, err := replay(d)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Nil(t, r.Torn)
			require.Equal(t, m.bytes(), d.bytes())
		}
	}
	m = newMemory()
	m.files[name(1)+".new"] = &content{[]byte("half a hea")}
	_, r, err := replay(m)
	require.NoError(t, err)
	require.True(t, r.Created, "the first segment was not completed, so there never was a journal")
}

// Frames whose checksums are right, and which no Journal writes: no loss of
// power did that, so they are not cut off.
func TestASoundFrameThatMakesNoSenseIsDamage(t *testing.T) {
	good := frame{2, 1, 0, []byte("\x01a")}.bytes()
	for what, f := range map[string]frame{
		"an entry again":                {2, 1, 0, []byte("\x01b")},
		"a gap":                         {2, 3, 1, []byte("\x01b")},
		"an entry longer than it":       {2, 2, 1, []byte("\x02b")},
		"an entry of 2^64-1 bytes":      {10, 2, 1, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
		"an entry of no known length":   {11, 2, 1, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
		"a length that does not end":    {1, 2, 1, []byte("\xff")},
		"more bytes than may be":        {journal.MaxFrame + 1, 2, 1, []byte("\x01b")},
		"as many bytes as are in all":   {1<<32 - 1, 2, 1, []byte("\x01b")},
		"more bytes, which look signed": {1 << 31, 2, 1, []byte("\x01b")},
	} {
		requireDamaged(t, oneSegment(segmentBytes(1, small.ID, 1), good, f.bytes()), name(1), what)
	}
}

func TestALengthIsNotBelievedBeforeThereAreThatManyBytes(t *testing.T) {
	long := frame{journal.MaxFrame, 1, 0, []byte("\x01a")}.bytes()
	wild := frame{2, 1, 0, []byte("\x01a")}.bytes()
	binary.LittleEndian.PutUint32(wild[4:], 1<<32-1) // and the checksum does not fit
	huge := frame{1<<32 - 1, 1, 0, []byte("\x01a")}.bytes()
	for _, b := range [][]byte{long, wild, huge} {
		m := oneSegment(segmentBytes(1, small.ID, 1), b)
		assert.Less(t, allocated(func() { replay(m) }), 1<<20)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// Recovery holds a frame in memory, however long the journal is.
func TestMemoryInRecoveryDoesNotGrowWithTheJournal(t *testing.T) {
	m := newMemory()
	j, _, _ := open(t, m, journal.Config{ID: small.ID})
	for range 32 {
		appendEntries(t, j, strings.Repeat("x", 1<<20))
	}
	var err error
	assert.Less(t, allocated(func() { _, _, err = journal.Open(m, small, nil) }), 3<<20)
	require.NoError(t, err)
	m.files[name(1)].bytes[headerSize+1] ^= 1
	assert.Less(t, allocated(func() { _, _, err = journal.Open(m, small, nil) }), 3<<20)
	require.NoError(t, err, "nothing of it was synced")
}

// What a damaged journal says that can be done, can be done.
func TestTheAdviceHelps(t *testing.T) {
	m, want := several(t)
	for _, name := range m.names() {
		offsets := frames(m.files[name].bytes)
		if name == m.last() {
			offsets = offsets[:len(offsets)-1]
		}
		for _, at := range offsets {
			d := m.clone()
			d.files[name].bytes[at+headerSize] ^= 1
			entry := binary.LittleEndian.Uint64(d.files[name].bytes[at+8:])
			followAdvice(t, d, want[:entry-1])
		}
	}
}

func TestTheAdviceHelpsWhenAHeaderIsDamagedOrAFileIsMissing(t *testing.T) {
	m, want := several(t)
	for i, name := range m.names() {
		d := m.clone()
		before := binary.LittleEndian.Uint64(d.files[name].bytes[20:]) - 1
		d.files[name].bytes[20] ^= 1
		followAdvice(t, d, want[:before])
		if i > 0 && name != m.last() {
			d := m.clone()
			delete(d.files, name)
			followAdvice(t, d, want[:before])
		}
	}
}

var (
	adviceToRemove = regexp.MustCompile(`(\d{20}\.journal), offset 0, .* remove this file and all after it$`)
	adviceToCut    = regexp.MustCompile(`(\d{20}\.journal), offset \d+, .* remove all files after this one and cut this one to (\d+) bytes$`)
)

func followAdvice(t *testing.T, m *memory, want []string) {
	t.Helper()
	_, _, err := replay(m)
	require.ErrorIs(t, err, journal.ErrDamaged)
	remove, cut := adviceToRemove.FindStringSubmatch(err.Error()), adviceToCut.FindStringSubmatch(err.Error())
	require.True(t, (remove == nil) != (cut == nil), err)
	for _, name := range m.names() {
		if remove != nil && name >= remove[1] || cut != nil && name > cut[1] {
			delete(m.files, name)
		}
	}
	if cut != nil {
		size, err := strconv.Atoi(cut[2])
		require.NoError(t, err)
		m.files[cut[1]].bytes = m.files[cut[1]].bytes[:size]
	}
	got, r, err := replay(m)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Nil(t, r.Torn)
}

func TestTheChecksumIsTheOneOfCastagnoli(t *testing.T) {
	require.EqualValues(t, 0xe3069283, crc32.Checksum([]byte("123456789"), castagnoli))
	require.True(t, bytes.HasPrefix(segmentBytes(1, 1, 1), []byte("zeyrho04")))
}

func TestAnyErrorOfReplayEndsOpen(t *testing.T) {
	m, _ := several(t)
	for _, why := range []error{io.EOF, io.ErrUnexpectedEOF, errors.New("enough")} {
		_, _, err := journal.Open(m, small, func(journal.Entry) error { return why })
		require.ErrorIs(t, err, why)
		require.NotErrorIs(t, err, journal.ErrDamaged)
	}
}
