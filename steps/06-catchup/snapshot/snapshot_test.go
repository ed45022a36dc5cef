package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
	"zeyrho/steps/06-catchup/tree"
)

func TestASnapshotIsReadAsItWasWritten(t *testing.T) {
	for seed := range uint64(10) {
		for _, w := range []*world{newWorld(seed), small(seed), medium(seed)} {
			m, s := written(t, w)
			require.Equal(t, []string{name(w.index)}, m.list())
			require.NoError(t, snapshot.Verify(m, w.index))
			requireFinds(t, m, s)
		}
	}
}

func TestASnapshotIsKeptInADirectory(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	l, err := snapshot.Open(d)
	require.NoError(t, err)
	require.Zero(t, l, "there is none yet")
	w := medium(1)
	w.write(t, d)
	requireFinds(t, d, w.goOn(100, 100).write(t, d))
	names, err := d.List()
	require.NoError(t, err)
	require.Equal(t, []string{name(w.index)}, names)
}

// A retry after the restart is answered, and a session that was forgotten before
// is forgotten still.
func TestARestoredMachineGoesOnAsTheOneThatWasWritten(t *testing.T) {
	w := medium(2)
	m, _ := written(t, w)
	got, err := load(m)
	require.NoError(t, err)
	restored := machine.Restore(got.Sessions, got.Map)
	for range 3000 {
		w.index++
		request := w.request(10)
		require.Equal(t, w.Apply(w.index, request), restored.Apply(w.index, request), "%v", request)
	}
	require.Equal(t, items(w), items(restored))
	require.Equal(t, w.Export(), restored.Export())
}

// The map goes on while it is written down, and what is written is the map as it
// was. (The rest of the package knows no goroutines; -race looks at this.)
func TestASnapshotIsOfOneMoment(t *testing.T) {
	w := medium(3)
	s, m := w.state(), newMemory()
	done := make(chan error)
	go func() { done <- publish(m, s) }()
	w.goOn(3000, 100)
	require.NoError(t, <-done)
	requireFinds(t, m, s)
}

// large is a world of values as large as they may be.
func large(n int) *world {
	w := newWorld(1)
	for i := range n {
		w.index++
		w.Apply(w.index, machine.Request{Command: kv.Put(string(rune('a'+i)), make([]byte, kv.MaxValue))})
	}
	return w
}

func TestALargeValueIsABlockOfItsOwn(t *testing.T) {
	m, s := written(t, large(3))
	requireFinds(t, m, s)
}

func TestALongSnapshotIsSyncedInPieces(t *testing.T) {
	s := large(18).state()
	syncs := 0
	for n, done := 1, false; !done; n++ {
		m := newMemory()
		m.failAt(n, errDisk)
		fail := m.fail
		syncs = 0
		m.fail = func(op, name string) error {
			if op == "sync" {
				syncs++
			}
			return fail(op, name)
		}
		if done = publish(m, s) == nil; done {
			require.Less(t, m.ops, n)
		}
	}
	require.Equal(t, 3, syncs)
}

func TestMemoryInWritingIsThatOfABlock(t *testing.T) {
	m := tree.New()
	for i := range 100_000 {
		m.Apply(kv.Entry{Version: kv.Version(i + 1), Command: kv.Put(string(binary.BigEndian.AppendUint32([]byte("k"), uint32(i)&0x7f7f7f7f)), make([]byte, 200))})
	}
	s := snapshot.State{Label: snapshot.Label{Position: node.Position{Index: 100_000}, Settings: settings}, Map: m.Freeze()}
	s.Sessions = session.NewTable(settings.Incarnation, settings.Sessions).Export()
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	require.Less(t, allocated(func() { require.NoError(t, publish(d, s)) }), 1<<20)
	require.Less(t, allocated(func() { require.NoError(t, snapshot.Verify(d, 100_000)) }), 16<<20, "the keys, one after another, and no more")
}

// Which is wanted, who publishes knows. Where a leader is not whom it should be, the
// snapshot of its history may even be of an earlier entry, and of an earlier epoch.
func TestASnapshotTakesThePlaceOfTheOneBefore(t *testing.T) {
	w := small(4)
	m, _ := written(t, w)
	second := w.goOn(10, 10).write(t, m)
	requireFinds(t, m, second)
	require.Len(t, m.names, 1)

	earlier := small(5).state()
	require.NoError(t, publish(m, earlier))
	requireFinds(t, m, earlier)
	require.NoError(t, publish(m, second))
	require.NoError(t, publish(m, second), "the same once more")
	requireFinds(t, m, second)
	require.Len(t, m.names, 1, "and nothing is left lying about")
}

// The end of a log may be cut and another one written, in a later epoch. Then
// that history stands, though it is shorter so far.
func TestALaterEpochIsLaterThanAGreaterIndex(t *testing.T) {
	long, short := small(4).goOn(50, 10), small(4)
	short.epoch = long.epoch.Next(2)
	m, _ := written(t, long)
	requireFinds(t, m, short.write(t, m))
	require.Len(t, m.names, 1)
}

func TestOfTwoSnapshotsTheLaterOneStands(t *testing.T) {
	w := small(4)
	m, _ := written(t, w)
	later, s := written(t, w.goOn(10, 10))
	for name, f := range later.names {
		m.names[name] = f
	}
	requireFinds(t, m, s)
	require.Len(t, m.names, 1)
}

func TestSettingsAreThoseOfTheSessions(t *testing.T) {
	s := small(1).state()
	s.Settings.Sessions++
	require.ErrorContains(t, publish(newMemory(), s), "other settings")
}

func TestWhatIsNotASnapshotIsLeftAlone(t *testing.T) {
	m, s := written(t, small(1))
	others := []string{"00000000000000000001.journal", "1.snapshot", "epoch", "epoch.new", "lock", "x.snapshot.new", "1-2-3-4.part"}
	for _, name := range others {
		m.names[name] = &content{}
	}
	m.names[name(7)+".new"] = &content{} // but this one is what a Write has left
	requireFinds(t, m, s)
	_, err := snapshot.OpenIncoming(m)
	require.NoError(t, err)
	require.Equal(t, slices.Sorted(slices.Values(append(others, name(s.Index)))), m.list())
}

// What follows writes the format anew, from its description.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// image is the bytes of a file, and the sum of those that are no sums.
type image struct {
	bytes []byte
	sum   uint32
}

func (f *image) part(b []byte) *image {
	f.sum = crc32.Update(f.sum, castagnoli, b)
	f.bytes = binary.LittleEndian.AppendUint32(append(f.bytes, b...), f.sum)
	return f
}

func (f *image) block(kind byte, payload string) *image {
	b := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	return f.part(append(b, payload...))
}

func head(format byte) *image { return new(image).part(append([]byte("zeyrho06"), format, 0, 0, 0)) }

// label is that of a snapshot of entry 4, with one member and one item at most.
const label = "\x04" + "\x82\x80\x04" + "\x03" + "\x0c" + "\x01\x14\x00\x00\x00\x00\x00\x00\x00inc" + "\x02" + "\x01" + "\x02\x01\x01p\x02u2"

func TestTheFormatIsAsDescribed(t *testing.T) {
	w := newWorld(0)
	w.Apply(2, machine.Request{OpenSession: true})
	w.Apply(3, machine.Request{Identity: session.Identity{Session: "inc-1", Number: 5}, Command: kv.Put("k", []byte("v!"))})
	w.Apply(4, machine.Request{OpenSession: true})
	w.index, w.epoch = 4, node.NewEpoch(1, 2)
	s := w.state()
	s.Members = []snapshot.Member{{ID: 2, Peer: "p", URL: "u2", Learner: true}}
	m := newMemory()
	require.NoError(t, publish(m, s))
	want := head(1).block(1, label).block(2, "\x05inc-1\x05\x01\x03"+"\x05inc-2\x00\x00\x00").block(3, "\x01k\x03\x02v!").block(4, "\x02\x01")
	require.Equal(t, want.bytes, m.only(t).bytes)
}

// ofEntry4 is a disk with one snapshot, of entry 4.
func ofEntry4(b []byte) *memory {
	m := newMemory()
	m.names[name(4)] = &content{b, b}
	return m
}

func TestWhatMakesNoSenseIsDamagedThoughItsChecksumsFit(t *testing.T) {
	slot, item, end := "\x05inc-1\x05\x01\x03", "\x01k\x03\x02v!", "\x01\x01"
	start := func() *image { return head(1).block(1, label) }
	good := start().block(2, slot).block(3, item).block(4, end)
	_, err := load(ofEntry4(good.bytes))
	require.NoError(t, err)
	for what, f := range map[string]*image{
		"no label":             head(1).block(2, slot).block(4, end),
		"two labels":           start().block(1, label).block(4, "\x00\x00"),
		"a long label":         head(1).block(1, label+"x").block(4, "\x00\x00"),
		"a short label":        head(1).block(1, label[:20]).block(4, "\x00\x00"),
		"another entry":        head(1).block(1, "\x05"+label[1:]).block(4, "\x00\x00"),
		"a command behind it":  head(1).block(1, label[:4]+"\x05"+label[5:]).block(4, "\x00\x00"),
		"no settings":          head(1).block(1, label[:5]+"\x00").block(4, "\x00\x00"),
		"no end":               start().block(2, slot).block(3, item),
		"two ends":             start().block(2, slot).block(3, item).block(4, end).block(4, end),
		"something behind it":  start().block(2, slot).block(3, item).block(4, end).block(3, item),
		"a long end":           start().block(2, slot).block(3, item).block(4, end+"\x00"),
		"a wrong order":        start().block(3, item).block(2, slot).block(4, end),
		"an unknown kind":      start().block(2, slot).block(5, item).block(4, end),
		"too few items":        start().block(2, slot).block(3, item).block(4, "\x01\x02"),
		"too many sessions":    start().block(2, slot).block(3, item).block(4, "\x00\x01"),
		"the same session":     start().block(2, slot+slot).block(4, "\x02\x00"),
		"an unknown session":   start().block(2, "\x05inc-9\x00\x00\x00").block(4, "\x01\x00"),
		"a session cut short":  start().block(2, slot[:8]).block(2, slot[8:]).block(4, "\x01\x00"),
		"the same key":         start().block(3, item+item).block(4, "\x00\x02"),
		"a key after a later":  start().block(3, item+"\x01j\x03\x02v!").block(4, "\x00\x02"),
		"a version to come":    start().block(3, "\x01k\x04\x02v!").block(4, "\x00\x01"),
		"an item cut short":    start().block(3, item[:4]).block(4, "\x00\x01"),
		"a block too long":     start().block(3, "\x01k\x03\x80\x80\x80\x01"+strings.Repeat("v", 2<<20)).block(4, "\x00\x01"),
		"a number of 11 bytes": start().block(3, "\x01k\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").block(4, "\x00\x01"),
	} {
		_, err := load(ofEntry4(f.bytes))
		require.ErrorIs(t, err, snapshot.ErrDamaged, what)
	}
}

func TestAnotherFormatIsNotDamage(t *testing.T) {
	_, err := load(ofEntry4(head(2).bytes))
	require.ErrorIs(t, err, snapshot.ErrFormat)
	require.NotErrorIs(t, err, snapshot.ErrDamaged)
	require.ErrorContains(t, err, "its format is 2, and this program knows 1")
	damaged := head(2)
	damaged.bytes[8] = 3
	_, err = load(ofEntry4(damaged.bytes))
	require.ErrorIs(t, err, snapshot.ErrDamaged)
}

// requireDamaged checks that a snapshot is refused, and left as it is.
func requireDamaged(t *testing.T, m *memory, index uint64, what string, args ...any) {
	t.Helper()
	before := bytes.Clone(m.names[name(index)].bytes)
	_, err := load(m)
	require.ErrorIs(t, err, snapshot.ErrDamaged, append([]any{what}, args...)...)
	require.ErrorIs(t, snapshot.Verify(m, index), snapshot.ErrDamaged)
	require.True(t, bytes.Equal(before, m.names[name(index)].bytes))
}

func TestDamageIsFoundWhereverItIs(t *testing.T) {
	for _, w := range []*world{small(6), medium(6)} {
		m, _ := written(t, w)
		whole := slices.Clone(m.only(t).bytes)
		step := 1 + len(whole)/700
		for at := 0; at < len(whole); at += step {
			f := m.only(t)
			f.bytes = slices.Clone(whole)
			f.bytes[at] ^= 1 << (at % 8)
			requireDamaged(t, m, w.index, "a bit at offset %d", at)
			f.bytes = slices.Clone(whole[:at])
			requireDamaged(t, m, w.index, "cut to %d bytes", at)
		}
		m.only(t).bytes = append(slices.Clone(whole), 0)
		requireDamaged(t, m, w.index, "a byte more")
	}
}

func TestAnErrorSaysWhereTheDamageIsAndWhatCanBeDone(t *testing.T) {
	m, s := written(t, medium(6))
	m.only(t).bytes[100_000] ^= 1
	_, err := load(m)
	require.ErrorContains(t, err, "load the snapshot: the snapshot is damaged: "+name(s.Index)+", offset ")
	require.ErrorContains(t, err, "the checksum of a block does not fit. Nothing has been changed.")
	require.ErrorContains(t, err, "start this node with an empty one")
}

// Each block is whole, and the file is none.
func TestBlocksOfTwoSnapshotsAreNotMixed(t *testing.T) {
	make := func(value string) ([]byte, uint64) {
		w := newWorld(0)
		for _, key := range []string{"a", "b"} {
			w.index++
			w.Apply(w.index, machine.Request{Command: kv.Put(key, bytes.Repeat([]byte(value), 70_000))})
		}
		m, _ := written(t, w)
		return m.only(t).bytes, w.index
	}
	one, index := make("1")
	two, _ := make("2")
	require.Equal(t, len(one), len(two))
	block := len(one) - 80_000
	m := newMemory()
	m.names[name(index)] = &content{bytes: slices.Concat(one[:block], two[block:])}
	requireDamaged(t, m, index, "the second half of another")
}

// The log may have been cut for the later one: to start from the other would be
// to forget what comes between.
func TestADamagedSnapshotIsNotPassedOverForAnEarlierOne(t *testing.T) {
	w := small(7)
	m, _ := written(t, w)
	later, s := written(t, w.goOn(10, 10))
	for _, at := range []int{0, 20, 100, len(later.only(t).bytes) - 1} {
		both := m.clone()
		both.names[name(s.Index)] = later.clone().only(t)
		both.names[name(s.Index)].bytes[at] ^= 1
		requireDamaged(t, both, s.Index, "offset %d", at)
	}
}
