package check_test

import (
	"bytes"
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
	for i := range 8000 {
		ops := simulate(r, world{ops: 2 + r.IntN(6), clients: 1 + r.IntN(4), keys: 1, unknown: 0.3, late: 3})
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
	require.Greater(t, broken, 600, "the mutations do not break enough")
}

func print(ops []history.Op) string {
	var b bytes.Buffer
	if err := history.Write(&b, history.History{Ops: ops}); err != nil {
		return err.Error()
	}
	return b.String()
}
