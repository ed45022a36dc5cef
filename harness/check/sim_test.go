package check_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// world says what kind of history simulate makes.
type world struct {
	ops, clients, keys int
	unknown            float64 // the share of operations whose reply is lost
	late               int     // about how many instants later a lost write may take effect
	scans              bool
	slowScans          bool // wrong: a scan looks at its keys at different instants
	quiet              bool // ends with a quiet phase in which everything is read
}

// simulation is a correct store and its clients. Operations take effect at an
// instant of their own between call and reply; versions have gaps.
type simulation struct {
	world
	r       *rand.Rand
	now     int64
	last    uint64
	items   map[string]history.Item
	out     []history.Op
	numbers []int         // by place of a client
	next    int           // client number
	running map[int]*flow // by place
	lost    []int         // writes that may still take effect
}

// flow is an operation that runs.
type flow struct {
	id            int
	applied, lost bool
	scanned       int // keys that a slow scan has looked at
}

func simulate(r *rand.Rand, w world) []history.Op {
	s := &simulation{world: w, r: r, items: map[string]history.Item{}, next: w.clients, running: map[int]*flow{}}
	for i := range w.clients {
		s.numbers = append(s.numbers, i)
	}
	for len(s.out) < w.ops || len(s.running) > 0 {
		s.now++
		if len(s.lost) > 0 && r.IntN(w.late) == 0 {
			s.apply(s.lost[0])
			s.out[s.lost[0]].Status, s.out[s.lost[0]].Version = "", 0
			s.lost = s.lost[1:]
		}
		place := r.IntN(w.clients)
		if f := s.running[place]; f != nil {
			s.proceed(place, f)
		} else if len(s.out) < w.ops {
			s.call(place, s.draw())
		}
	}
	for i := 0; w.quiet && i <= w.keys; i++ {
		op := history.Op{Kind: history.Get, Key: fmt.Sprint("x", i)}
		if i == w.keys {
			op = history.Op{Kind: history.Scan}
		}
		s.now++
		id := s.call(0, op)
		s.out[id].Phase = check.Quiet
		s.apply(id)
		s.now++
		s.out[id].Return = s.now
	}
	return s.out
}

func (s *simulation) draw() history.Op {
	op := history.Op{Key: fmt.Sprint("x", s.r.IntN(s.keys))}
	kinds := []history.Kind{history.Get, history.Put, history.Put, history.Delete, history.Get, history.Scan}
	op.Kind = kinds[s.r.IntN(5)]
	if s.scans && s.r.IntN(5) == 0 {
		op.Kind, op.Key = history.Scan, []string{"", "x", "x1"}[s.r.IntN(3)]
		op.Limit = s.r.IntN(4)
	}
	if op.Kind == history.Put {
		op.Value = fmt.Sprint("v", s.r.IntN(2*s.ops))
	}
	if (op.Kind == history.Put || op.Kind == history.Delete) && s.r.IntN(2) == 0 {
		guess := s.items[op.Key].Version
		if s.r.IntN(4) == 0 {
			guess = uint64(s.r.IntN(int(s.last) + 2))
		}
		op.If = &guess
	}
	return op
}

func (s *simulation) call(place int, op history.Op) int {
	op.ID, op.Client, op.Phase, op.Call, op.Outcome = len(s.out), s.numbers[place], "faults", s.now, history.OK
	s.out = append(s.out, op)
	s.running[place] = &flow{id: op.ID, lost: s.r.Float64() < s.unknown}
	return op.ID
}

func (s *simulation) proceed(place int, f *flow) {
	op := &s.out[f.id]
	switch {
	case f.lost && (f.applied || s.r.IntN(2) == 0):
		if op.Kind != history.Get && op.Kind != history.Scan && !f.applied {
			s.lost = append(s.lost, f.id)
		}
		op.Outcome, op.Status, op.Version, op.Items, op.More = history.Unknown, "", 0, nil, false
		s.numbers[place] = s.next
		s.next++
		delete(s.running, place)
	case !f.applied && op.Kind == history.Scan && s.slowScans:
		s.look(op, fmt.Sprint("x", f.scanned))
		f.scanned++
		op.Status, f.applied = history.Done, f.scanned == s.keys
	case !f.applied:
		s.apply(f.id)
		f.applied = true
	default:
		op.Return = s.now
		delete(s.running, place)
	}
}

// look adds a key to a page.
func (s *simulation) look(op *history.Op, key string) {
	it, ok := s.items[key]
	switch {
	case !ok || len(key) < len(op.Key) || key[:len(op.Key)] != op.Key:
	case op.Limit > 0 && len(op.Items) == op.Limit:
		op.More = true
	default:
		op.Items = append(op.Items, it)
	}
}

func (s *simulation) apply(id int) {
	op := &s.out[id]
	it, exists := s.items[op.Key]
	op.Status, op.Version = history.Done, it.Version
	switch {
	case op.Kind == history.Scan:
		op.Version = 0
		for i := range s.keys {
			s.look(op, fmt.Sprint("x", i))
		}
		return
	case op.Kind == history.Get && exists:
		op.Value = it.Value
		return
	case op.Kind == history.Get:
		op.Status = history.Absent
		return
	}
	s.last += 1 + uint64(s.r.IntN(2))
	switch {
	case op.If != nil && *op.If != it.Version:
		op.Status = history.Conflict
	case op.Kind == history.Put:
		op.Version = s.last
		s.items[op.Key] = history.Item{Key: op.Key, Value: op.Value, Version: s.last}
	case !exists:
		op.Status = history.Absent
	default:
		op.Version = s.last
		delete(s.items, op.Key)
	}
}

func TestNoCheckerBlamesACorrectStore(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	all := []check.Checker{check.Linearizable(20 * time.Second), check.Versions, check.Scans, check.Once, check.Durable}
	for i := range 1000 {
		w := world{ops: 5 + r.IntN(100), clients: 1 + r.IntN(8), keys: 1 + r.IntN(6), unknown: 0.1, late: 1 + r.IntN(20), scans: true, quiet: true}
		h := &history.History{Ops: simulate(r, w)}
		for _, f := range check.Judge(h, all...) {
			require.Equal(t, check.Pass, f.Verdict, "history %d: %s: %s\n%s", i, f.Checker, f.Reason, print(h.Ops))
		}
	}
}

func TestTheModelDoesNotBlameACorrectStore(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 1000 {
		w := world{ops: 5 + r.IntN(60), clients: 1, keys: 1 + r.IntN(4), unknown: 0.1, late: 1 + r.IntN(20), scans: true, quiet: true}
		h := &history.History{Ops: simulate(r, w)}
		f := check.Judge(h, check.Model)[0]
		require.Equal(t, check.Pass, f.Verdict, "history %d: %s\n%s", i, f.Reason, print(h.Ops))
	}
}

func TestTheModelSeesAtLeastWhatTheOracleSees(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	broken := 0
	for range 6000 {
		bad := mutate(r, simulate(r, world{ops: 2 + r.IntN(6), clients: 1, keys: 1, unknown: 0.3, late: 3}))
		if !orderable(bad) {
			broken++
			require.Equal(t, check.Violation, check.Model(&history.History{Ops: bad}).Verdict, "%s", print(bad))
		}
	}
	t.Logf("%d mutated histories were wrong", broken)
	require.Greater(t, broken, 250)
}

func TestScansOfKeysOneByOneAreCaught(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	caught := 0
	for range 100 {
		h := &history.History{Ops: simulate(r, world{ops: 400, clients: 6, keys: 4, unknown: 0.02, late: 10, scans: true, slowScans: true})}
		if f := check.Judge(h, check.Scans)[0]; f.Verdict == check.Violation {
			caught++
		}
	}
	t.Logf("%d of 100 caught", caught)
	require.Greater(t, caught, 90)
}

// heavy is a run like those of the matrix: 10 clients, 5 keys, 10,000
// operations, some of unknown outcome.
func heavy(unknown float64) *history.History {
	return &history.History{Ops: simulate(rand.New(rand.NewPCG(11, 12)),
		world{ops: 10000, clients: 10, keys: 5, unknown: unknown, late: 50, scans: true, quiet: true})}
}

func BenchmarkCheckers(b *testing.B) {
	h := heavy(0.005)
	for name, c := range map[string]check.Checker{"lin": check.Linearizable(time.Minute), "versions": check.Versions,
		"scans": check.Scans, "durable": check.Durable, "once": check.Once} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				require.Equal(b, check.Pass, c(h).Verdict)
			}
		})
	}
}
