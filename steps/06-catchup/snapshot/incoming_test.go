package snapshot_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/06-catchup/snapshot"
)

const chunk = 10_000

// source returns a source of a snapshot of w.
func source(t testing.TB, w *world) (*snapshot.Source, snapshot.State) {
	t.Helper()
	m, s := written(t, w)
	from, err := snapshot.OpenSource(m, s.Index)
	require.NoError(t, err)
	return from, s
}

func incoming(t testing.TB, d disk.Disk) *snapshot.Incoming {
	t.Helper()
	in, err := snapshot.OpenIncoming(d)
	require.NoError(t, err)
	return in
}

// send adds the chunk that is due, or one of n bytes from another offset.
func send(in *snapshot.Incoming, from *snapshot.Source, offset int64, n int) error {
	b, err := from.Chunk(offset, n)
	if err != nil {
		return err
	}
	return in.Add(from.Identity(), offset, b)
}

// next returns the offset at which the chunk of from is due.
func next(in *snapshot.Incoming, from *snapshot.Source) int64 {
	if in.Identity() != from.Identity() {
		return 0
	}
	return in.Next()
}

// sendAll sends what has not come yet.
func sendAll(in *snapshot.Incoming, from *snapshot.Source) error {
	for next(in, from) < from.Identity().Size {
		if err := send(in, from, next(in, from), chunk); err != nil {
			return err
		}
	}
	return nil
}

func TestASnapshotThatCameByChunksIsTheOneThatWasSent(t *testing.T) {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	from, s := source(t, medium(1))
	in := incoming(t, d)
	require.Zero(t, in.Identity())
	require.NoError(t, sendAll(in, from))
	require.Equal(t, from.Identity(), in.Identity())
	got, err := complete(in)
	require.NoError(t, err)
	requireIs(t, s, got)
	require.Zero(t, in.Identity())
	requireFinds(t, d, s)
	require.NoError(t, in.Close())
	require.NoError(t, from.Close())
}

func TestTheIdentityIsOfTheWholeFile(t *testing.T) {
	m, s := written(t, medium(1))
	from, err := snapshot.OpenSource(m, s.Index)
	require.NoError(t, err)
	b := m.only(t).bytes
	require.EqualValues(t, len(b), from.Identity().Size)
	require.Equal(t, s.Position, from.Identity().Position)
	whole, err := from.Chunk(0, len(b)+1)
	require.NoError(t, err)
	require.Equal(t, b, whole, "a chunk ends with the file")
	for _, at := range []int64{-1, int64(len(b)) + 1} {
		_, err := from.Chunk(at, 1)
		require.Error(t, err)
	}
}

// A follower that is slow reads its snapshot to the end.
func TestASourceOutlivesItsSnapshot(t *testing.T) {
	for _, d := range []disk.Disk{newMemory(), dir(t)} {
		w := medium(2)
		first := w.write(t, d)
		from, err := snapshot.OpenSource(d, first.Index)
		require.NoError(t, err)
		m := newMemory()
		in := incoming(t, m)
		require.NoError(t, send(in, from, 0, chunk))
		w.goOn(10, 10).write(t, d)
		require.NoError(t, sendAll(in, from))
		got, err := complete(in)
		require.NoError(t, err)
		requireIs(t, first, got)
	}
}

func dir(t *testing.T) disk.Disk {
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	return d
}

func TestATransferGoesOnAfterARestart(t *testing.T) {
	from, s := source(t, medium(3))
	d := dir(t)
	sent := int64(0)
	for restarts := 0; ; restarts++ {
		in := incoming(t, d)
		if restarts > 0 {
			require.Equal(t, from.Identity(), in.Identity())
			require.LessOrEqual(t, in.Next(), sent)
			require.Greater(t, in.Next(), sent-2*100_000, "no more than a block is lost")
		}
		for range 9 {
			if next(in, from) < from.Identity().Size {
				require.NoError(t, send(in, from, next(in, from), chunk))
			}
		}
		sent = in.Next()
		if sent < from.Identity().Size {
			require.NoError(t, in.Close())
			continue
		}
		require.NoError(t, in.Close())
		in = incoming(t, d)
		require.Equal(t, sent, in.Next(), "all has come")
		got, err := complete(in)
		require.NoError(t, err)
		requireIs(t, s, got)
		require.Greater(t, restarts, 1)
		return
	}
}

// What the network does to chunks: they come late, twice, and in no order.
func TestNoOrderOfChunksMakesAnotherSnapshot(t *testing.T) {
	from, s := source(t, medium(4))
	size := from.Identity().Size
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := newMemory()
		in := incoming(t, m)
		for next(in, from) < size {
			at := max(0, min(size, next(in, from)+r.Int64N(3*chunk)-2*chunk))
			had := in.Next()
			if err := send(in, from, at, r.IntN(2*chunk)); err != nil {
				require.ErrorIs(t, err, snapshot.ErrGap)
				require.Greater(t, at, had)
				require.Equal(t, had, in.Next())
			}
			require.GreaterOrEqual(t, in.Next(), had)
		}
		got, err := complete(in)
		require.NoError(t, err)
		requireIs(t, s, got)
	}
}

func TestAChunkThatDoesNotFitIsRefused(t *testing.T) {
	from, _ := source(t, medium(5))
	id := from.Identity()
	in := incoming(t, newMemory())
	require.Error(t, in.Add(snapshot.Identity{}, 0, nil), "a snapshot of nothing")
	require.ErrorIs(t, send(in, from, 1, chunk), snapshot.ErrGap, "nothing has come yet")
	require.NoError(t, send(in, from, 0, chunk))
	good, err := from.Chunk(chunk-100, 200)
	require.NoError(t, err)

	other := slices.Clone(good)
	other[99] ^= 1
	require.ErrorIs(t, in.Add(id, chunk-100, other), snapshot.ErrDiffers)
	require.ErrorIs(t, in.Add(id, chunk+1, good), snapshot.ErrGap)
	require.ErrorIs(t, in.Add(id, -1, good), snapshot.ErrGap)
	require.ErrorContains(t, in.Add(id, 0, make([]byte, id.Size+1)), "reach beyond its end")
	require.Error(t, in.Add(snapshot.Identity{}, 0, nil), "a snapshot of nothing")
	require.EqualValues(t, chunk, in.Next(), "and nothing of them was kept")
	_, err = complete(in)
	require.ErrorIs(t, err, snapshot.ErrGap)
	require.NoError(t, in.Add(id, chunk-100, good))
	require.EqualValues(t, chunk+100, in.Next())
	require.NoError(t, in.Add(id, in.Next(), nil))
}

func TestTwoSnapshotsAreNeverMixed(t *testing.T) {
	w := medium(6)
	first, _ := source(t, w)
	second, s := source(t, w.goOn(1, 10))
	m := newMemory()
	in := incoming(t, m)
	require.NoError(t, send(in, first, 0, chunk))
	require.NoError(t, send(in, first, chunk, chunk))

	require.ErrorIs(t, send(in, second, 2*chunk, chunk), snapshot.ErrGap, "of another one, and not its beginning")
	require.Equal(t, first.Identity(), in.Identity())
	require.NoError(t, send(in, second, 0, chunk), "the beginning of a later one")
	require.Equal(t, second.Identity(), in.Identity())
	require.EqualValues(t, chunk, in.Next())
	for _, at := range []int64{0, chunk, 2 * chunk} {
		require.ErrorIs(t, send(in, first, at, chunk), snapshot.ErrOlder)
	}
	require.Len(t, m.names, 1, "of the first one nothing is left")
	require.NoError(t, sendAll(in, second))
	got, err := complete(in)
	require.NoError(t, err)
	requireIs(t, s, got)
}

// Two leaders may have made different files of the same entry.
func TestFilesOfTheSameEntryAreNotMixedEither(t *testing.T) {
	w := medium(6)
	one, _ := source(t, w)
	s := w.state()
	s.Members = nil
	m := newMemory()
	require.NoError(t, publish(m, s))
	two, err := snapshot.OpenSource(m, s.Index)
	require.NoError(t, err)
	in := incoming(t, newMemory())
	require.NoError(t, send(in, one, 0, chunk))
	require.ErrorIs(t, send(in, two, chunk, chunk), snapshot.ErrGap)
	require.NoError(t, sendAll(in, two))
	got, err := complete(in)
	require.NoError(t, err)
	requireIs(t, s, got)
}

func TestWhatHasComeTakesThePlaceOfOnesOwn(t *testing.T) {
	w := medium(7)
	from, earlier := source(t, w)
	m, _ := written(t, w.goOn(1, 1))
	in := incoming(t, m)
	require.NoError(t, sendAll(in, from))
	_, err := complete(in)
	require.NoError(t, err)
	require.Zero(t, in.Identity())
	requireOneOf(t, m, earlier)
}

func TestDamageOnTheWayIsFoundAtTheEnd(t *testing.T) {
	w := medium(8)
	m, before := written(t, w)
	from, after := source(t, w.goOn(1, 1))
	id := from.Identity()
	whole, err := from.Chunk(0, int(id.Size))
	require.NoError(t, err)
	for at := 0; at < len(whole); at += 1 + len(whole)/100 {
		in := incoming(t, m)
		b := slices.Clone(whole)
		b[at] ^= 4
		require.NoError(t, in.Add(id, 0, b))
		_, err := complete(in)
		require.ErrorIs(t, err, snapshot.ErrDamaged, "offset %d", at)
		require.Zero(t, in.Identity(), "it has to come anew")
		requireOneOf(t, m, before)
	}
	in := incoming(t, m)
	short := id
	short.Size = int64(len(whole) - 1)
	require.NoError(t, in.Add(short, 0, whole[:len(whole)-1]))
	_, err = complete(in)
	require.ErrorIs(t, err, snapshot.ErrDamaged, "an identity that says that this is all")
	other := id
	other.Epoch++
	require.NoError(t, in.Add(other, 0, whole))
	_, err = complete(in)
	require.ErrorIs(t, err, snapshot.ErrDamaged, "an identity of another one")
	require.NoError(t, in.Add(id, 0, whole))
	_, err = complete(in)
	require.NoError(t, err)
	requireOneOf(t, m, after)
}

// The whole transfer, with the power going before every operation in turn, and a
// restart that goes on.
func TestALossOfPowerInATransferLeavesOneSnapshotOrTheOther(t *testing.T) {
	w := medium(9)
	before, first := written(t, w)
	from, second := source(t, w.goOn(1, 1))
	transfer := func(m *memory) error {
		in, err := snapshot.OpenIncoming(m)
		if err == nil {
			err = sendAll(in, from)
		}
		if err == nil {
			_, err = complete(in)
		}
		return err
	}
	for cut, done := 1, false; !done; cut += 7 {
		m := before.clone()
		m.cut = cut
		done = transfer(m) == nil
		for _, found := range m.survivors() {
			allowed := []snapshot.State{first, second}
			if done {
				allowed = allowed[1:]
			}
			without := found.clone()
			for _, name := range without.list() {
				if strings.HasSuffix(name, ".part") {
					delete(without.names, name)
				}
			}
			if requireOneOf(t, without, allowed...).Position == first.Position {
				require.NoError(t, transfer(found))
				requireOneOf(t, found, second)
			}
		}
	}
}

// Every operation fails in turn, and the process goes on, or starts again.
func TestWhenTheDiskFailsATransferCanBeMadeAnew(t *testing.T) {
	w := medium(9)
	before, _ := written(t, w)
	from, second := source(t, w.goOn(1, 1))
	for n, done := 1, false; !done; n += 5 {
		for _, restart := range []bool{false, true} {
			m := before.clone()
			in := incoming(t, m)
			m.failAt(n, errDisk)
			err := sendAll(in, from)
			if err == nil {
				_, err = complete(in)
			}
			if done = m.ops < n; err != nil {
				require.ErrorIs(t, err, errDisk)
			}
			m.fail = nil
			if restart {
				in = incoming(t, m)
			}
			if l, err := snapshot.Open(m); err == nil && l.Position != second.Position {
				require.NoError(t, sendAll(in, from), "operation %d", n)
				_, err = complete(in)
				require.NoError(t, err)
			}
			requireOneOf(t, m, second)
		}
	}
}

// A disk fails for a while. What could not even be removed is in nobody's way.
func TestWhatCouldNotBeDiscardedIsReplaced(t *testing.T) {
	from, s := source(t, small(5))
	m := newMemory()
	in := incoming(t, m)
	require.NoError(t, send(in, from, 0, 10))
	m.fail = func(op, _ string) error {
		if op == "append" || op == "remove" {
			return errDisk
		}
		return nil
	}
	require.ErrorIs(t, send(in, from, 10, 10), errDisk)
	m.fail = nil
	require.NoError(t, sendAll(in, from))
	_, err := complete(in)
	require.NoError(t, err)
	requireFinds(t, m, s)
}

func TestTheLatestOfTwoTransfersGoesOn(t *testing.T) {
	w := medium(6)
	first, _ := source(t, w)
	second, _ := source(t, w.goOn(1, 10))
	m := newMemory()
	require.NoError(t, send(incoming(t, m), first, 0, 3*chunk))
	only := m.clone()
	require.NoError(t, send(incoming(t, m), second, 0, 9*chunk))
	for name, f := range only.names {
		m.names[name] = f
	}
	require.Len(t, m.names, 2)
	require.Equal(t, second.Identity(), incoming(t, m).Identity())
	require.Len(t, m.names, 1)
}

func TestARottenSourceIsNotPassedOn(t *testing.T) {
	m, s := written(t, medium(5))
	m.only(t).bytes[50] ^= 1
	_, err := snapshot.OpenSource(m, s.Index)
	require.ErrorIs(t, err, snapshot.ErrDamaged)
	m.only(t).bytes[50] ^= 1
	m.only(t).bytes[100_000] ^= 1
	from, err := snapshot.OpenSource(m, s.Index)
	require.NoError(t, err, "its label is whole")
	in := incoming(t, newMemory())
	require.NoError(t, sendAll(in, from))
	_, err = complete(in)
	require.ErrorIs(t, err, snapshot.ErrDamaged)
	require.ErrorIs(t, snapshot.Verify(m, s.Index), snapshot.ErrDamaged, "and the sender can find out")
}
