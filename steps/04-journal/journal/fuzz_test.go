package journal_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/journal"
)

// What the fuzzer may do with its bytes.
const (
	asFile   = iota // they are the only segment
	asTail          // they are appended to a good journal
	asDamage        // they are written over a part of it
	asFrame         // they are the header and the payload of a frame whose checksums fit
	ways
)

// FuzzOpen opens what nobody wrote. Whatever it is, Open says so or finds a
// beginning of what was appended, and takes no more memory than the file is
// long.
func FuzzOpen(f *testing.F) {
	good, want := several(f)
	for _, name := range good.names() {
		f.Add(byte(asFile), uint(0), good.files[name].bytes)
	}
	last := good.files[good.last()].bytes
	for _, at := range frames(last) {
		f.Add(byte(asTail), uint(0), last[at:])
		f.Add(byte(asDamage), uint(at), last[headerSize:])
		f.Add(byte(asDamage), uint(at), make([]byte, 40))
		f.Add(byte(asFrame), uint(0), last[at+4:])
	}
	f.Add(byte(asTail), uint(0), slices.Repeat([]byte("FRAM"), 1000))
	f.Add(byte(asFrame), uint(1<<32-1), []byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01a"))
	f.Fuzz(func(t *testing.T, way byte, at uint, b []byte) {
		way %= ways
		m := good.clone()
		prepare(m, way, at, b)
		size := 0
		for _, f := range m.files {
			size += len(f.bytes)
		}
		var got []string
		var err error
		n := allocated(func() { got, _, err = replay(m) })
		require.Less(t, n, 3<<20+50*size, "memory for %d bytes", size)
		if way == asTail || way == asDamage {
			require.LessOrEqual(t, len(got), len(want))
			require.Equal(t, want[:len(got)], got)
		}
		if err != nil {
			require.ErrorIs(t, err, journal.ErrDamaged)
			return
		}
		requireGoesOn(t, m, got)
	})
}

func prepare(m *memory, way byte, at uint, b []byte) {
	last := m.files[m.last()]
	switch way {
	case asFile:
		*m = *oneSegment(b)
	case asTail:
		last.bytes = append(last.bytes, b...)
	case asDamage:
		names := m.names()
		f := m.files[names[at%uint(len(names))]]
		copy(f.bytes[at/uint(len(names))%uint(len(f.bytes)):], b)
	case asFrame:
		fr := frame{length: uint32(at)}
		if len(b) >= 16 {
			fr = frame{uint32(at), uint64(b[0]), uint64(b[8]), b[16:]}
		}
		if at%2 == 0 {
			fr.length = uint32(len(fr.payload))
		}
		*m = *oneSegment(segmentBytes(1, small.ID, 1), frame{2, 1, 0, []byte("\x01a")}.bytes(), fr.bytes(), b)
	}
}

// requireGoesOn checks that a journal which was opened is found as it was, and
// can be used.
func requireGoesOn(t *testing.T, m *memory, want []string) {
	t.Helper()
	j, r, got := open(t, m, small)
	require.Nil(t, r.Torn)
	require.Equal(t, want, got)
	want = append(want, appendEntries(t, j, "the next", "and one more")...)
	require.NoError(t, j.Sync())
	got, r, err := replay(m)
	require.NoError(t, err)
	require.Nil(t, r.Torn)
	require.Equal(t, want, got)
}
