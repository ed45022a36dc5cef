package mapped_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
	"zeyrho/steps/02-concurrency/mapped"
)

// memory is a Memory in which time passes between any two stores. The world
// outside comes in by the function stored, after each.
type memory struct {
	bytes     []byte
	published uint64
	grain     int // the bytes that one plain store writes
	stored    func()
}

func newMemory(size, grain int) *memory {
	return &memory{bytes: make([]byte, size), grain: grain, stored: func() {}}
}

func (m *memory) Size() uint64             { return uint64(len(m.bytes)) }
func (m *memory) Published() uint64        { return m.published }
func (m *memory) Read(at uint64, b []byte) { copy(b, m.bytes[at:]) }

func (m *memory) Publish(length uint64) {
	m.published = length
	m.stored()
}

func (m *memory) Write(at uint64, b []byte) {
	for len(b) > 0 {
		n := min(m.grain, len(b))
		copy(m.bytes[at:], b[:n])
		m.stored()
		at, b = at+uint64(n), b[n:]
	}
}

// history reads a log from the beginning, as a new process does.
func history(t *testing.T, m mapped.Memory) []kv.Entry {
	t.Helper()
	entries, err := drain(mapped.NewReader(m))
	require.NoError(t, err)
	return entries
}

func drain(r *mapped.Reader) (entries []kv.Entry, err error) {
	for {
		e, ok, err := r.Next()
		if err != nil || !ok {
			return entries, err
		}
		entries = append(entries, e)
	}
}

func entry(v kv.Version, c kv.Command) kv.Entry { return kv.Entry{Version: v, Command: c} }

func appendCommand(t *testing.T, m mapped.Memory, c kv.Command) {
	t.Helper()
	require.NoError(t, mapped.Append(m, codec.Append(nil, c)))
}

type death struct{}

// dieAfter runs Append as a process that is killed after so many stores, and
// says whether it was.
func dieAfter(m *memory, stores int, c kv.Command) (died bool) {
	m.stored = func() {
		if stores--; stores == 0 {
			panic(death{})
		}
	}
	defer func() {
		m.stored = func() {}
		r := recover()
		died = r == death{}
		if r != nil && !died {
			panic(r)
		}
	}()
	if err := mapped.Append(m, codec.Append(nil, c)); err != nil {
		panic(err)
	}
	return false
}

// This is the promise of the package, looked at from every side: after each
// single store of a writer who dies, others see the history before or the
// history after, and the next writer can go on.
func TestAWriterMayDieAfterAnyStore(t *testing.T) {
	before := []kv.Entry{entry(1, kv.Put("a", []byte("one"))), entry(2, kv.Delete("b"))}
	fatal := kv.Put("a", []byte("a value of some length")).IfVersion(1)
	for _, grain := range []int{1, 8} {
		for _, next := range []kv.Command{kv.Put("c", []byte("short")), kv.Put("c", make([]byte, 100))} {
			t.Run(fmt.Sprintf("stores of %d bytes, then %d", grain, len(next.Value)), func(t *testing.T) {
				deaths := 0
				for died := true; died; {
					deaths++
					m := newMemory(1024, grain)
					for _, e := range before {
						appendCommand(t, m, e.Command)
					}
					length := m.published
					died = dieAfter(m, deaths, fatal)

					want := before
					if m.published != length {
						want = append(want[:2:2], entry(3, fatal))
					}
					require.Equal(t, want, history(t, m), "after %d stores", deaths)

					appendCommand(t, m, next)
					want = append(want[:len(want):len(want)], entry(kv.Version(len(want)+1), next))
					require.Equal(t, want, history(t, m), "after %d stores and another writer", deaths)
				}
				assert.Greater(t, deaths, 8, "there were stores to die after")
			})
		}
	}
}

func TestAReaderSeesWholeCommandsOnlyAfterAnyStore(t *testing.T) {
	m := newMemory(4096, 1)
	reader := mapped.NewReader(m)
	var seen []kv.Entry
	looks := 0
	m.stored = func() {
		entries, err := drain(reader)
		require.NoError(t, err)
		seen = append(seen, entries...)
		looks++
	}
	var want []kv.Entry
	for v := range kv.Version(20) {
		c := kv.Put("k", bytes.Repeat([]byte{byte(v)}, int(v)))
		appendCommand(t, m, c)
		want = append(want, entry(v+1, c))
		require.Equal(t, want, seen, "what is published is seen at once")
	}
	assert.Greater(t, looks, 500)
}

func TestWhatIsNotPublishedDoesNotCount(t *testing.T) {
	m := newMemory(512, 8)
	for i := range m.bytes {
		m.bytes[i] = byte(rand.Uint32())
	}
	assert.Empty(t, history(t, m))
	appendCommand(t, m, kv.Put("a", []byte("1")))
	assert.Equal(t, []kv.Entry{entry(1, kv.Put("a", []byte("1")))}, history(t, m))
}

func TestAFullLogStaysAsItIs(t *testing.T) {
	m := newMemory(100, 8)
	appendCommand(t, m, kv.Put("a", []byte("1")))
	appendCommand(t, m, kv.Put("a", []byte("2")))
	want, remains := history(t, m), bytes.Clone(m.bytes)

	assert.ErrorIs(t, mapped.Append(m, codec.Append(nil, kv.Put("a", []byte("a longer one")))), mapped.ErrFull)

	assert.Equal(t, want, history(t, m))
	assert.Equal(t, remains, m.bytes)
}

func TestALogCanBeFilledToItsLastByte(t *testing.T) {
	payload := codec.Append(nil, kv.Put("a", make([]byte, 4))) // 24 bytes, and 8 before it
	m := newMemory(3*32, 8)
	for range 3 {
		require.NoError(t, mapped.Append(m, payload))
	}
	assert.ErrorIs(t, mapped.Append(m, payload), mapped.ErrFull)
	assert.Len(t, history(t, m), 3)
}

// Any byte of a published frame, but for the zeros that fill it up, can be
// changed in any way, and the reader says so.
func TestADamagedFrameIsRefused(t *testing.T) {
	m := newMemory(512, 8)
	appendCommand(t, m, kv.Put("a", []byte("1")))
	first := m.published
	payload := codec.Append(nil, kv.Put("b", []byte("some value")))
	require.NoError(t, mapped.Append(m, payload))
	for i := range 8 + len(payload) {
		for bit := range 8 {
			at := int(first) + i
			m.bytes[at] ^= 1 << bit
			entries, err := drain(mapped.NewReader(m))
			require.ErrorIs(t, err, mapped.ErrDamaged, "bit %d of byte %d", bit, i)
			require.Len(t, entries, 1, "what comes before can still be read")
			m.bytes[at] ^= 1 << bit
		}
	}
	assert.Len(t, history(t, m), 2)
}

func TestAnImpossibleLengthIsRefused(t *testing.T) {
	m := newMemory(512, 8)
	appendCommand(t, m, kv.Put("a", []byte("1")))
	reader := mapped.NewReader(m)
	_, err := drain(reader)
	require.NoError(t, err)
	for _, length := range []uint64{0, 4, m.published - 8, m.published + 4, 520, 1 << 63, 1<<64 - 1} {
		good := m.published
		m.published = length
		_, _, err := reader.Next()
		assert.ErrorIs(t, err, mapped.ErrDamaged, "%d", length)
		if length > m.Size() {
			assert.ErrorIs(t, mapped.Append(m, nil), mapped.ErrDamaged, "%d", length)
		}
		m.published = good
	}
	_, ok, err := reader.Next()
	assert.NoError(t, err)
	assert.False(t, ok)
}

func FuzzAReaderBelievesNothing(f *testing.F) {
	m := newMemory(64, 8)
	_ = mapped.Append(m, codec.Append(nil, kv.Put("a", []byte("1"))))
	f.Add(m.bytes, m.published)
	f.Add(make([]byte, 64), uint64(64))
	f.Fuzz(func(t *testing.T, b []byte, published uint64) {
		m := newMemory(0, 8)
		m.bytes, m.published = b, published
		entries, err := drain(mapped.NewReader(m))
		if err != nil {
			require.ErrorIs(t, err, mapped.ErrDamaged)
		}
		for i, e := range entries {
			require.Equal(t, kv.Version(i+1), e.Version)
			require.NoError(t, e.Command.Check())
		}
	})
}

// A log in a plain slice of bytes: what the file holds, byte by byte.
func ExampleAppend() {
	m := newMemory(64, 8)
	_ = mapped.Append(m, codec.Append(nil, kv.Put("a", []byte("hi"))))
	fmt.Println("published:", m.published)
	for at := uint64(0); at < m.published; at += 8 {
		fmt.Printf("%2d  % x\n", at, m.bytes[at:at+8])
	}
	// Output:
	// published: 32
	//  0  16 00 00 00 8e 0c 84 a3
	//  8  01 01 00 00 00 00 00 00
	// 16  00 00 00 01 00 00 00 02
	// 24  00 00 00 61 68 69 00 00
}
