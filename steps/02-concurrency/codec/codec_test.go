package codec_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
)

func commands() []kv.Command {
	return []kv.Command{
		kv.Put("a", []byte("1")),
		kv.Put("empty", []byte{}),
		kv.Put("ключ\x00/..", []byte{0, 0xff, '\n'}).IfAbsent(),
		kv.Put("a", []byte("2")).IfVersion(17),
		kv.Put(strings.Repeat("k", kv.MaxKey), make([]byte, kv.MaxValue)).IfVersion(1<<64 - 1),
		kv.Delete("a"),
		kv.Delete("a").IfVersion(3),
		kv.Delete("a").IfAbsent(),
	}
}

func TestACommandSurvivesTheTrip(t *testing.T) {
	for _, c := range commands() {
		b := codec.Append(nil, c)
		got, err := codec.Decode(b)
		require.NoError(t, err)
		assert.Equal(t, c, got)
		assert.LessOrEqual(t, len(b), codec.MaxSize)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	b := codec.Append([]byte("before"), kv.Delete("a"))
	assert.Equal(t, "before", string(b[:6]))
	c, err := codec.Decode(b[6:])
	require.NoError(t, err)
	assert.Equal(t, kv.Delete("a"), c)
}

func TestADecodedCommandSharesNoMemory(t *testing.T) {
	b := codec.Append(nil, kv.Put("a", []byte("value")))
	c, err := codec.Decode(b)
	require.NoError(t, err)
	clear(b)
	assert.Equal(t, kv.Put("a", []byte("value")), c)
}

func TestEveryCutAndEveryExtraByteIsRefused(t *testing.T) {
	b := codec.Append(nil, kv.Put("key", []byte("value")).IfVersion(7))
	for n := range b {
		_, err := codec.Decode(b[:n])
		assert.ErrorIs(t, err, codec.ErrMalformed, "%d bytes of %d", n, len(b))
	}
	_, err := codec.Decode(append(b, 0))
	assert.ErrorIs(t, err, codec.ErrMalformed)
}

func TestNonsenseIsRefused(t *testing.T) {
	good := codec.Append(nil, kv.Delete("k"))
	for _, bad := range []struct {
		what  string
		at    int
		value byte
	}{
		{"format 0", 0, 0},
		{"a later format", 0, 2},
		{"op 0", 1, 0},
		{"op 3", 1, 3},
		{"condition 2", 2, 2},
		{"a version without a condition", 3, 1},
		{"no key", 11, 0},
		{"a key longer than the input", 14, 0xff},
		{"a value longer than the input", 18, 0xff},
		{"a key that is not UTF-8", 19, 0xff},
	} {
		b := bytes.Clone(good)
		b[bad.at] = bad.value
		_, err := codec.Decode(b)
		assert.ErrorIs(t, err, codec.ErrMalformed, bad.what)
	}
	_, err := codec.Decode(codec.Append(nil, kv.Command{Op: kv.OpDelete, Key: "k", Value: []byte("v")}))
	assert.ErrorIs(t, err, codec.ErrMalformed, "a delete with a value")
	_, err = codec.Decode(codec.Append(nil, kv.Put("k", make([]byte, kv.MaxValue+1))))
	assert.ErrorIs(t, err, codec.ErrMalformed, "a value beyond the limit")
}

func FuzzDecodeTakesOnlyWhatAppendWrites(f *testing.F) {
	for _, c := range commands() {
		if len(c.Value) < 100 {
			f.Add(codec.Append(nil, c))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := codec.Decode(b)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			return
		}
		require.NoError(t, c.Check())
		require.Equal(t, b, codec.Append(nil, c))
	})
}

func FuzzEveryCommandSurvivesTheTrip(f *testing.F) {
	f.Add(true, "key", []byte("value"), true, uint64(3))
	f.Add(false, "key", []byte(nil), false, uint64(0))
	f.Fuzz(func(t *testing.T, put bool, key string, value []byte, checked bool, version uint64) {
		c := kv.Delete(key)
		if put {
			c = kv.Put(key, append([]byte{}, value...))
		}
		if checked {
			c = c.IfVersion(kv.Version(version))
		}
		got, err := codec.Decode(codec.Append(nil, c))
		if c.Check() != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			return
		}
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func ExampleAppend() {
	fmt.Printf("% x\n", codec.Append(nil, kv.Put("a", []byte("hi")).IfVersion(9)))
	// Output: 01 01 01 09 00 00 00 00 00 00 00 01 00 00 00 02 00 00 00 61 68 69
}
