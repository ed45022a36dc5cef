package snapshot_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/06-catchup/snapshot"
)

// What the fuzzer may do with its bytes.
const (
	asFile   = iota // they are the file
	asDamage        // they are written over a part of a good one
	asTail          // they take the place of its end
	asBlocks        // they are the payloads of blocks whose checksums fit
	asPart          // they have come from another node
	ways
)

// FuzzOpen opens what nobody wrote. Whatever it is, it is refused or it is a
// snapshot, and takes no more memory than its size lets one expect.
func FuzzOpen(f *testing.F) {
	m, _ := written(f, small(1))
	var good []byte
	for _, f := range m.names {
		good = f.bytes
	}
	f.Add(byte(asFile), uint(0), good)
	f.Add(byte(asDamage), uint(20), good[30:60])
	f.Add(byte(asTail), uint(200), good[:100])
	f.Add(byte(asPart), uint(0), good)
	f.Add(byte(asBlocks), uint(0), []byte("\x01"+string(rune(len(label)))+label+"\x02\x09\x05inc-1\x05\x01\x03"+"\x03\x07\x01k\x03\x02v!"+"\x04\x02\x01\x01"))
	f.Add(byte(asBlocks), uint(0), []byte("\x01\x0c\x04\x01\x03\x00\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add(byte(asFile), uint(0), append(slices.Clone(good[:16]), 1, 0xff, 0xff, 0x0f, 0))
	f.Fuzz(func(t *testing.T, way byte, at uint, b []byte) {
		way %= ways
		d := ofEntry4(prepare(slices.Clone(good), way, at, b))
		size := len(d.names[name(4)].bytes)
		n := allocated(func() {
			_, err := load(d)
			if err == nil {
				require.NoError(t, snapshot.Verify(d, 4))
			}
			refused(t, err)
		})
		require.Less(t, n, 1<<20+60*size, "memory for %d bytes", size)
		if way == asPart {
			receive(t, d.names[name(4)].bytes)
		}
	})
}

func prepare(good []byte, way byte, at uint, b []byte) []byte {
	switch at %= uint(len(good)); way {
	case asDamage:
		copy(good[at:], b)
		return good
	case asTail:
		return append(good[:at:at], b...)
	case asBlocks:
		return blocks(b).bytes
	}
	return b
}

// blocks makes blocks of b: of each the kind, the length, the payload.
func blocks(b []byte) *image {
	f := head(1)
	for len(b) >= 2 {
		n := min(int(b[1]), len(b)-2)
		f.block(b[0], string(b[2:2+n]))
		b = b[2+n:]
	}
	return f
}

func refused(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, snapshot.ErrFormat) {
		require.ErrorIs(t, err, snapshot.ErrDamaged)
	}
}

// receive takes b for a snapshot that is coming, over a restart.
func receive(t *testing.T, b []byte) {
	id := snapshot.Identity{Size: int64(len(b)), Sum: 7}
	id.Index = 4
	m := newMemory()
	in := incoming(t, m)
	require.NoError(t, in.Add(id, 0, b))
	require.NoError(t, in.Close())
	in = incoming(t, m)
	if in.Identity() != id || in.Next() < id.Size {
		return
	}
	_, err := complete(in)
	require.ErrorIs(t, err, snapshot.ErrDamaged, "the sum is another one")
	require.Empty(t, m.names)
}
