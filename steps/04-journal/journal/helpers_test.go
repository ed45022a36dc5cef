package journal_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
)

// small is a journal whose segments are soon full, with an identity that is the
// same every time.
var small = journal.Config{SegmentSize: 300, ID: 0x5eed}

// name returns the name of the segment that begins with an entry.
func name(first int) string { return fmt.Sprintf("%020d.journal", first) }

// open opens the journal on d, and returns it with what it replayed.
func open(t testing.TB, d disk.Disk, c journal.Config) (*journal.Journal, journal.Recovery, []string) {
	t.Helper()
	got := []string{}
	j, r, err := journal.Open(d, c, keep(&got))
	require.NoError(t, err)
	return j, r, got
}

// replay opens the journal on d to see what is in it.
func replay(d disk.Disk) ([]string, journal.Recovery, error) {
	got := []string{}
	j, r, err := journal.Open(d, small, keep(&got))
	if err == nil {
		err = j.Close()
	}
	return got, r, err
}

// keep returns a function that appends an entry to the list, in words.
func keep(list *[]string) func(journal.Entry) error {
	return func(e journal.Entry) error {
		*list = append(*list, fmt.Sprintf("%d:%s", e.Index, e.Data))
		return nil
	}
}

// appendEntries appends entries as one frame, and returns them in words.
func appendEntries(t testing.TB, j *journal.Journal, texts ...string) (entries []string) {
	t.Helper()
	entries, err := tryAppend(j, texts...)
	require.NoError(t, err)
	return entries
}

func tryAppend(j *journal.Journal, texts ...string) (entries []string, err error) {
	var data [][]byte
	for i, text := range texts {
		entries = append(entries, fmt.Sprintf("%d:%s", int(j.Last())+1+i, text))
		data = append(data, []byte(text))
	}
	return entries, j.Append(data...)
}

// several makes a journal of several segments, with several frames in each and
// one to three entries in a frame, all of them synced.
func several(t testing.TB) (m *memory, entries []string) {
	t.Helper()
	return severalWith(t, small)
}

func severalWith(t testing.TB, c journal.Config) (m *memory, entries []string) {
	t.Helper()
	m = newMemory()
	j, _, _ := open(t, m, c)
	for i := range 18 {
		texts := []string{fmt.Sprint("first of ", i), "", fmt.Sprint("third of ", i)}[:1+i%3]
		entries = append(entries, appendEntries(t, j, texts...)...)
		require.NoError(t, j.Sync())
	}
	require.NoError(t, j.Close())
	require.GreaterOrEqual(t, len(m.files), 4)
	require.GreaterOrEqual(t, len(frames(m.files[m.last()].bytes)), 2)
	return m, entries
}

// frames returns the offsets of the frames of a segment, by what the headers
// say.
func frames(b []byte) (offsets []int) {
	for at := headerSize; at < len(b); at += headerSize + int(binary.LittleEndian.Uint32(b[at+4:])) {
		offsets = append(offsets, at)
	}
	return offsets
}

// What follows writes the format anew, from its description: so the tests can
// write what no Journal would, and the description is checked.

const headerSize = 32 // of a segment, and of a frame

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func segmentBytes(version uint32, id, first uint64) []byte {
	b := []byte("zeyrho04")
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint64(b, id)
	b = binary.LittleEndian.AppendUint64(b, first)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// frame is a frame in the segment of small that begins with entry 1.
type frame struct {
	length        uint32
	first, synced uint64
	payload       []byte
}

func (f frame) bytes() []byte {
	seed := crc32.Checksum(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, small.ID), 1), castagnoli)
	b := binary.LittleEndian.AppendUint32([]byte("FRAM"), f.length)
	b = binary.LittleEndian.AppendUint64(b, f.first)
	b = binary.LittleEndian.AppendUint64(b, f.synced)
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(seed, castagnoli, f.payload))
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(seed, castagnoli, b))
	return append(b, f.payload...)
}

// oneSegment is a disk with one segment of small in it.
func oneSegment(parts ...[]byte) *memory {
	m := newMemory()
	m.files[name(1)] = &content{slices.Concat(parts...)}
	return m
}
