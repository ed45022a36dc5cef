package check_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
)

// orderable is the oracle: it tries every order of the operations on one key
// that time allows, with every choice of what happened to writes of unknown
// outcome and of the versions they got. It is slow, and simple.
func orderable(ops []history.Op) bool {
	var top uint64
	var live []history.Op
	for _, op := range ops {
		top = max(top, op.Version)
		if op.If != nil {
			top = max(top, *op.If)
		}
		if op.Outcome == history.OK || op.Outcome == history.Unknown && op.Kind != history.Get {
			live = append(live, op)
		}
	}
	var try func(rest []history.Op, exists bool, value string, version, last uint64) bool
	try = func(rest []history.Op, exists bool, value string, version, last uint64) bool {
		allMaybe := true
		for _, op := range rest {
			allMaybe = allMaybe && op.Outcome == history.Unknown
		}
		if allMaybe {
			return true // none of them need have happened
		}
		for i, op := range rest {
			first := true
			for _, other := range rest {
				if other.Outcome == history.OK && other.Return < op.Call {
					first = false
				}
			}
			if !first {
				continue
			}
			others := append(append([]history.Op{}, rest[:i]...), rest[i+1:]...)
			holds := op.If == nil || *op.If == version // version is 0 when absent
			lo, hi := op.Version, op.Version
			if op.Outcome == history.Unknown {
				if !holds || op.Kind == history.Delete && !exists {
					continue // it would do nothing
				}
				lo, hi = last+1, top+uint64(len(ops))
				op.Status = history.Done
			}
			switch {
			case op.Status == history.Absent:
				if !exists && holds && try(others, exists, value, version, last) {
					return true
				}
			case op.Status == history.Conflict:
				if !holds && op.Version == version && try(others, exists, value, version, last) {
					return true
				}
			case op.Kind == history.Get:
				if exists && op.Value == value && op.Version == version && try(others, exists, value, version, last) {
					return true
				}
			case holds && (op.Kind == history.Put || exists):
				for v := lo; v <= hi; v++ {
					if v <= last {
						continue
					}
					if op.Kind == history.Put && try(others, true, op.Value, v, v) || op.Kind == history.Delete && try(others, false, "", 0, v) {
						return true
					}
				}
			}
		}
		return false
	}
	return try(live, false, "", 0, 0)
}

// simulate makes a history of a correct register: clients call, operations
// take effect at some instant, replies arrive or get lost. Small histories
// have n operations on one key; versions have gaps.
func simulate(r *rand.Rand, n, clients int, unknown float64, spread int) []history.Op {
	type running struct {
		op      int
		applied bool
		lost    bool
	}
	var ops []history.Op
	var value string
	var version, last uint64
	exists := false
	inFlight := map[int]*running{} // by place of the client
	numbers := make([]int, clients)
	for i := range numbers {
		numbers[i] = i
	}
	nextNumber := clients
	var late []int // lost before they were applied
	apply := func(id int) {
		op := &ops[id]
		last += 1 + uint64(r.IntN(2))
		holds := op.If == nil || *op.If == version
		op.Version = version
		switch {
		case op.Kind == history.Get && exists:
			op.Status, op.Value = history.Done, value
		case op.Kind == history.Get:
			op.Status = history.Absent
		case !holds:
			op.Status = history.Conflict
		case op.Kind == history.Delete && !exists:
			op.Status = history.Absent
		case op.Kind == history.Delete:
			op.Status, op.Version, exists, value, version = history.Done, last, false, "", 0
		default:
			op.Status, op.Version, exists, value, version = history.Done, last, true, op.Value, last
		}
	}
	now := int64(0)
	for len(ops) < n || len(inFlight) > 0 {
		now++
		place := r.IntN(clients)
		if len(late) > 0 && r.IntN(spread) == 0 {
			apply(late[0])
			ops[late[0]].Status, ops[late[0]].Version = "", 0
			late = late[1:]
		}
		f := inFlight[place]
		switch {
		case f == nil && len(ops) < n:
			op := history.Op{ID: len(ops), Client: numbers[place], Phase: "faults", Key: "x", Call: now, Outcome: history.OK}
			op.Kind = []history.Kind{history.Get, history.Put, history.Put, history.Delete, history.Get}[r.IntN(5)]
			if op.Kind == history.Put {
				op.Value = fmt.Sprint("v", r.IntN(2*n))
			}
			if op.Kind != history.Get && r.IntN(2) == 0 {
				guess := version
				if r.IntN(4) == 0 {
					guess = uint64(r.IntN(int(last) + 2))
				}
				op.If = &guess
			}
			ops = append(ops, op)
			inFlight[place] = &running{op: op.ID, lost: r.Float64() < unknown}
		case f == nil:
		case !f.applied && f.lost && r.IntN(2) == 0, f.lost && f.applied:
			op := &ops[f.op]
			op.Outcome, op.Status, op.Version = history.Unknown, "", 0
			if !f.applied && op.Kind != history.Get {
				late = append(late, f.op)
			}
			numbers[place] = nextNumber
			nextNumber++
			delete(inFlight, place)
		case !f.applied:
			apply(f.op)
			f.applied = true
		default:
			ops[f.op].Return = now
			delete(inFlight, place)
		}
	}
	return ops
}

// mutate breaks a history a little, or not at all: whether it did is for the
// oracle to say.
func mutate(r *rand.Rand, ops []history.Op) []history.Op {
	out := append([]history.Op{}, ops...)
	i, j := r.IntN(len(out)), r.IntN(len(out))
	a, b := &out[i], &out[j]
	if a.Outcome != history.OK || b.Outcome != history.OK {
		return out
	}
	switch r.IntN(5) {
	case 0:
		if a.Kind == history.Get && b.Kind == history.Get {
			a.Value, b.Value = b.Value, a.Value
			a.Version, b.Version = b.Version, a.Version
			a.Status, b.Status = b.Status, a.Status
		}
	case 1:
		if a.Kind == history.Get && a.Status == history.Done && b.Kind == history.Put {
			a.Value = b.Value
		}
	case 2: // an acknowledged write that is not there
		if a.Kind == history.Put {
			out = append(out[:i], out[i+1:]...)
		}
	case 3:
		if a.Status != history.Absent && b.Version != 0 && a.Version != 0 {
			a.Version = b.Version
		}
	case 4:
		if a.Kind != history.Get && a.Status == history.Conflict {
			a.Status = history.Done
			a.Version += uint64(r.IntN(3)) + 1
		}
	}
	return out
}

func TestLinearizableSaysWhatTheOracleSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	lin := check.Linearizable(20 * time.Second)
	broken := 0
	for i := range 20000 {
		ops := simulate(r, 2+r.IntN(6), 1+r.IntN(4), 0.3, 3)
		require.True(t, orderable(ops), "the oracle itself\n%s", print(ops))
		f := lin(&history.History{Ops: ops})
		require.Equal(t, check.Pass, f.Verdict, "history %d: %s\n%s", i, f.Reason, print(ops))

		bad := mutate(r, mutate(r, ops))
		want := check.Pass
		if !orderable(bad) {
			want = check.Violation
			broken++
		}
		f = lin(&history.History{Ops: bad})
		require.Equal(t, want, f.Verdict, "history %d, mutated: %s\n%s", i, f.Reason, print(bad))
		if want == check.Violation {
			require.NotEmpty(t, f.Ops, f.Reason)
		}
	}
	t.Logf("%d mutated histories were wrong", broken)
	require.Greater(t, broken, 1500, "the mutations do not break enough")
}

func print(ops []history.Op) string {
	var b bytes.Buffer
	if err := history.Write(&b, history.History{Ops: ops}); err != nil {
		return err.Error()
	}
	return b.String()
}

func TestLongHistoriesOfACorrectRegisterPass(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 30 {
		h := &history.History{Ops: simulate(r, 1000, 1+i%8, 0.02, 20)}
		require.NoError(t, history.Validate(*h))
		start := time.Now()
		for _, c := range []check.Checker{check.Linearizable(20 * time.Second), check.Versions, check.Once} {
			f := c(h)
			require.Equal(t, check.Pass, f.Verdict, "history %d: %s: %s", i, f.Checker, f.Reason)
		}
		if d := time.Since(start); d > time.Second {
			t.Logf("history %d took %v", i, d)
		}
	}
}
