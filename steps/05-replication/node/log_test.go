package node_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
)

const everything = 1 << 30

// model is what a log is: entries that follow each other, of which those behind
// base are there.
type model struct {
	base node.Position
	all  []node.Entry
}

func (m *model) entries() []node.Entry { return m.all[m.base.Index:] }

func (m *model) last() node.Position { return m.at(uint64(len(m.all))) }

func (m *model) at(index uint64) node.Position {
	if index == 0 {
		return node.Position{}
	}
	return m.all[index-1].Position
}

func (m *model) append(e node.Epoch, record []byte) {
	m.all = append(m.all, node.Entry{Position: node.Position{Index: m.last().Index + 1, Epoch: e}, Record: record})
}

func (m *model) cutBack(last uint64) { m.all = m.all[:last] }

func (m *model) epochAt(index uint64) (node.Epoch, bool) {
	if index < m.base.Index || index > m.last().Index {
		return 0, false
	}
	return m.at(index).Epoch, true
}

// upTo is the last position that is neither above p nor of a later epoch.
func (m *model) upTo(p node.Position) node.Position {
	for _, e := range slices.Backward(m.entries()) {
		if e.Index <= p.Index && e.Epoch <= p.Epoch {
			return e.Position
		}
	}
	return m.base
}

// isLike checks that a log says what the model says.
func (m *model) isLike(t *testing.T, l *node.Log, r *rand.Rand) {
	t.Helper()
	require.Equal(t, m.base, l.Base())
	require.Equal(t, m.base.Index+1, l.First())
	require.Equal(t, m.last(), l.Last())
	for index := uint64(0); index <= m.last().Index+2; index++ {
		want, known := m.epochAt(index)
		got, ok := l.EpochAt(index)
		require.Equal(t, known, ok, "entry %d", index)
		require.Equal(t, want, got, "entry %d", index)
	}
	for range 20 {
		p := node.Position{Index: m.base.Index + r.Uint64N(uint64(len(m.entries()))+3), Epoch: node.NewEpoch(r.Uint64N(8), node.ID(1+r.IntN(2)))}
		require.Equal(t, m.upTo(p), l.UpTo(p), "up to %v in a log that ends at %v", p, m.last())
		m.holds(t, l, p)
		from := l.First() + r.Uint64N(uint64(len(m.entries()))+2)
		m.reads(t, l, from, from+r.Uint64N(10), r.IntN(600))
	}
	for _, e := range m.entries() {
		m.holds(t, l, e.Position)
	}
	m.reads(t, l, l.First(), m.last().Index, everything)
}

func (m *model) holds(t *testing.T, l *node.Log, p node.Position) {
	t.Helper()
	has, never := l.Holds(p)
	at, known := m.epochAt(p.Index)
	require.Equal(t, known && at == p.Epoch, has, "%v", p)
	switch {
	case known:
		require.Equal(t, at > p.Epoch, never, "%v, and there is one of epoch %v", p, at)
	case p.Index > m.last().Index:
		require.Equal(t, m.last().Epoch > p.Epoch, never, "%v behind %v", p, m.last())
	}
}

// reads compares Read, if it can, and Fetch with the model.
func (m *model) reads(t *testing.T, l *node.Log, from, to uint64, limit int) {
	t.Helper()
	var want []node.Entry
	size := 0
	for _, e := range m.entries() {
		if e.Index < from || e.Index > to {
			continue
		}
		if size += len(e.Record) + 16; len(want) > 0 && size > limit {
			break
		}
		want = append(want, e)
	}
	if got, ok := l.Read(from, to, limit); ok {
		same(t, want, got)
	}
	got, err := l.Fetch(from, to, limit)()
	require.NoError(t, err)
	same(t, want, got)
}

func same(t *testing.T, want, got []node.Entry) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	for i := range want {
		require.Equal(t, want[i].Position, got[i].Position)
		require.True(t, bytes.Equal(want[i].Record, got[i].Record), "%v", want[i].Position)
	}
}

// originAt is a config of a log that goes on from what *at says.
func originAt(at *node.Position) node.ReplicaConfig {
	c := config()
	c.Origin = func() (node.Origin, error) { return node.Origin{At: *at}, nil }
	c.Forget = func() error { *at = node.Position{}; return nil }
	return c
}

func TestALogIsWhatWasAppendedAndNotCut(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			m, base := &model{}, node.Position{}
			w := open(t, script.NewMemory(), originAt(&base))
			epoch := first
			for range 60 {
				switch n := r.IntN(12); {
				case n < 7: // a turn with some entries
					if r.IntN(3) == 0 {
						epoch = epoch.Next(node.ID(1 + r.IntN(2)))
					}
					w.turns(t, func() {
						for range 1 + r.IntN(4) {
							record := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(200))
							w.replica.Append(epoch, record)
							m.append(epoch, record)
						}
						m.isLike2(t, w.log)
					})
				case n < 9: // a cut at the back, anywhere, and perhaps more entries in the same turn
					last := base.Index + r.Uint64N(m.last().Index-base.Index+1)
					w.turns(t, func() {
						require.NoError(t, w.replica.CutBack(last))
						m.cutBack(last)
						m.isLike2(t, w.log)
						if r.IntN(2) == 0 {
							w.replica.Append(epoch, []byte("after the cut"))
							m.append(epoch, []byte("after the cut"))
						}
					})
				case n < 10: // a cut at the front
					base = m.at(base.Index + r.Uint64N(m.last().Index-base.Index+1))
					m.base = base
					w.turns(t, func() { require.NoError(t, w.replica.CutFront(base.Index)) })
				default:
					w = w.reopen(t, []script.Fate{script.Lost, script.Torn, script.Kept}[r.IntN(3)], originAt(&base))
					require.LessOrEqual(t, w.log.Base().Index, m.base.Index, "it may have more, for a disk is freed by whole files")
					m.base = m.at(w.log.Base().Index)
				}
				require.Equal(t, m.last().Index, w.log.Synced())
				m.isLike(t, w.log, r)
			}
		})
	}
}

// isLike2 is isLike in the middle of a turn: what is not written cannot be
// fetched from the disk.
func (m *model) isLike2(t *testing.T, l *node.Log) {
	t.Helper()
	require.Equal(t, m.last(), l.Last())
	if got, ok := l.Read(l.First(), m.last().Index, everything); ok {
		same(t, m.entries(), got)
	}
}

// The end of the log is in memory, at most 8 MiB of it; the rest is read from the
// disk, and says the same.
func TestOfALongLogTheEndIsInMemory(t *testing.T) {
	m := &model{}
	w := open(t, script.NewMemory(), node.ReplicaConfig{Journal: journal.Config{SegmentSize: 3 << 20}})
	large := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 200<<10) }
	inMemory := func() (n int) {
		for index := w.log.Last().Index; index >= w.log.First(); index-- {
			if _, ok := w.log.Read(index, index, 1); !ok {
				break
			}
			n++
		}
		return n
	}
	for i := range 60 {
		w.turns(t, func() {
			w.replica.Append(first, large(i))
			m.append(first, large(i))
		})
	}
	require.Equal(t, (8<<20)/(200<<10), inMemory())
	m.reads(t, w.log, 1, 60, everything)
	m.reads(t, w.log, 5, 40, 1<<20)

	w.turns(t, func() { // what is not on the disk yet must be in memory, however much it is
		for i := range 60 {
			w.replica.Append(first, large(i))
			m.append(first, large(i))
		}
		got, ok := w.log.Read(61, 120, everything)
		require.True(t, ok)
		same(t, m.entries()[60:], got)
	})
	w.turns(t, func() {
		w.replica.Append(first, nil)
		m.append(first, nil)
	})
	require.LessOrEqual(t, inMemory(), (8<<20)/(200<<10)+1)

	w = w.reopen(t, script.Lost, node.ReplicaConfig{})
	require.LessOrEqual(t, inMemory(), (8<<20)/(200<<10)+1, "after a start as well")
	m.isLike(t, w.log, rand.New(rand.NewPCG(1, 1)))

	// A cut below all that is in memory: the log still knows how it ends.
	w.turns(t, func() {
		require.NoError(t, w.replica.CutBack(7))
		m.cutBack(7)
		require.Equal(t, m.last(), w.log.Last())
		w.replica.Append(first.Next(2), []byte("x"))
		m.append(first.Next(2), []byte("x"))
	})
	m.isLike(t, w.log, rand.New(rand.NewPCG(1, 1)))
	for range 5 { // what was cut takes no room
		for i := range 20 {
			w.turns(t, func() { w.replica.Append(first.Next(2), large(i)) })
		}
		require.GreaterOrEqual(t, inMemory(), 20)
		w.turns(t, func() { require.NoError(t, w.replica.CutBack(8)) })
	}
	m.isLike(t, w.reopen(t, script.Lost, node.ReplicaConfig{}).log, rand.New(rand.NewPCG(1, 1)))
}

func TestEntriesAreFetchedWhileTheLogGoesOn(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	w.fill(t, 30)
	want, ok := w.log.Read(4, 20, everything)
	require.True(t, ok)
	fetch, fetchMore := w.log.Fetch(4, 20, everything), w.log.Fetch(4, 99, everything)
	w.turns(t, func() {
		for range 10 {
			w.replica.Append(first, []byte("later"))
		}
	})
	got, err := fetch()
	require.NoError(t, err)
	same(t, want, got)
	got, err = fetchMore()
	require.NoError(t, err)
	require.EqualValues(t, 31, got[len(got)-1].Index, "what was there when it was begun")

	w.turns(t, func() { require.NoError(t, w.replica.CutBack(5)) })
	_, err = fetch()
	require.ErrorIs(t, err, journal.ErrCut)
}

func TestWhatALogDoesNotHoldYetItMayHoldLater(t *testing.T) {
	w := open(t, script.NewMemory(), config())
	second, third := first.Next(2), first.Next(2).Next(3)
	w.turns(t, func() {
		for _, e := range []node.Epoch{first, first, second} {
			w.replica.Append(e, nil)
		}
	})
	for _, c := range []struct {
		p          node.Position
		has, never bool
	}{
		{node.Position{Index: 2, Epoch: first}, true, false},
		{node.Position{Index: 3, Epoch: second}, true, false},
		{node.Position{Index: 3, Epoch: first}, false, true},
		{node.Position{Index: 9, Epoch: first}, false, true},
		{node.Position{Index: 2, Epoch: second}, false, false}, // then 2@1.n1 has to go
		{node.Position{Index: 4, Epoch: second}, false, false},
		{node.Position{Index: 2, Epoch: third}, false, false},
	} {
		has, never := w.log.Holds(c.p)
		require.Equal(t, c.has, has, "%v", c.p)
		require.Equal(t, c.never, never, "%v", c.p)
	}
}
