package check

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"zeyrho/harness/history"
)

const lin finder = "linearizability"

// MaxConcurrency is how many operations on one key may run at a time for
// Linearizable to look at it. The cost of a check grows steeply with this
// number, and hardly with the length of a history.
const MaxConcurrency = 10

// Linearizable returns the checker of the central promise: every operation on
// a key takes effect at one instant between its call and its return, and every
// reply, its version included, is what a single map would have answered in
// that order. The key starts absent; a write gets a greater version than the
// one before it on the same key; a write of unknown outcome may take effect at
// any instant after its call, once, or never.
//
// It is exact for what it sees: gets, puts and deletes, key by key. It does
// not see scans, nor what versions and values say across keys. Where it runs
// out of time, or a key has too many clients at once, it is inconclusive.
func Linearizable(timeout time.Duration) Checker {
	return func(h *history.History) Finding {
		deadline := time.Now().Add(timeout)
		keys := byKey(h)
		found := make([]Finding, len(keys))
		var wg sync.WaitGroup
		free := make(chan struct{}, runtime.GOMAXPROCS(0))
		for i, ops := range keys {
			free <- struct{}{}
			wg.Go(func() {
				found[i] = linKey(ops, deadline)
				<-free
			})
		}
		wg.Wait()
		if f := All(found); len(keys) > 0 && f.Verdict != Pass {
			return f
		}
		return lin.pass()
	}
}

// byKey returns the operations on single keys, a slice a key, in the order of
// the keys; the operations of a key are in the order of their calls.
func byKey(h *history.History) [][]history.Op {
	m := make(map[string][]history.Op)
	for _, op := range h.Ops {
		if op.Kind != history.Scan {
			m[op.Key] = append(m[op.Key], op)
		}
	}
	var keys [][]history.Op
	for _, ops := range m {
		slices.SortStableFunc(ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
		keys = append(keys, ops)
	}
	slices.SortFunc(keys, func(a, b []history.Op) int { return cmp.Compare(a[0].Key, b[0].Key) })
	return keys
}

func linKey(ops []history.Op, deadline time.Time) Finding {
	q := newQuick(ops)
	if i, ok := q.find(); ok {
		return blame(ops, q.replies[:i+1])
	}
	if n := concurrency(ops); n > MaxConcurrency {
		return lin.inconclusive("%d operations on %s run at the same time; more than %d are too many to order",
			n, quote(ops[0].Key), MaxConcurrency)
	}
	switch linearizable(regOps(ops, values{}), deadline) {
	case porcupine.Ok:
		return lin.pass()
	case porcupine.Illegal:
		return explain(ops, deadline)
	}
	return lin.inconclusive("the time was not enough to order the %d operations on %s", len(ops), quote(ops[0].Key))
}

// concurrency returns how many operations with a known outcome run at a time.
func concurrency(ops []history.Op) int {
	type edge struct {
		at    int64
		delta int
	}
	var edges []edge
	for _, op := range ops {
		if op.Outcome == history.OK {
			edges = append(edges, edge{op.Call, 1}, edge{op.Return, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.delta, b.delta)) })
	most, now := 0, 0
	for _, e := range edges {
		now += e.delta
		most = max(most, now)
	}
	return most
}

// linearizable asks porcupine for an order of ops that a register allows.
func linearizable(ops []regOp, deadline time.Time) porcupine.CheckResult {
	left := time.Until(deadline)
	if left <= 0 {
		return porcupine.Unknown
	}
	newPlan(ops)
	return porcupine.CheckOperationsTimeout(registerModel(nil), operations(ops), left)
}

// operations is what porcupine wants. Operations of unknown outcome have no
// end; one more operation marks the instant after which nobody looks.
func operations(ops []regOp) []porcupine.Operation {
	var end int64
	for _, o := range ops {
		end = max(end, o.Call+1, o.Return+1)
	}
	out := make([]porcupine.Operation, 0, len(ops)+1)
	for _, o := range ops {
		p := porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: o.Return}
		if o.Outcome == history.Unknown {
			p.Return = end + 1
		}
		out = append(out, p)
	}
	return append(out, porcupine.Operation{Input: regOp{end: true}, Call: end, Return: end})
}

// registerModel is register as porcupine knows models; names are the values by
// their numbers, for descriptions only.
func registerModel(names []string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register{} },
		Step: func(state, input, _ any) (bool, any) {
			next, ok := state.(register).step(input.(regOp))
			return ok, next
		},
		DescribeOperation: func(input, _ any) string { return input.(regOp).String() },
		DescribeState: func(state any) string {
			r := state.(register)
			if r.over {
				return "the end"
			}
			return r.describe(names[r.value])
		},
	}
}

// WriteLinHTML writes a page that shows the operations on a key and how far
// they could be put in order, with the events of the run above them.
func WriteLinHTML(w io.Writer, h *history.History, key string, timeout time.Duration) error {
	for _, ops := range byKey(h) {
		if ops[0].Key != key {
			continue
		}
		numbers := values{}
		reg := regOps(ops, numbers)
		newPlan(reg)
		names := make([]string, len(numbers))
		for v, n := range numbers {
			names[n] = v
		}
		model := registerModel(names)
		_, info := porcupine.CheckOperationsVerbose(model, operations(reg), timeout)
		info.AddAnnotations(annotations(h.Events))
		return porcupine.Visualize(model, info, w)
	}
	return fmt.Errorf("no operation on key %q", key)
}

func annotations(events []history.Event) []porcupine.Annotation {
	var out []porcupine.Annotation
	for _, e := range events {
		if e.Kind != "sample" {
			out = append(out, porcupine.Annotation{Tag: e.Kind, Start: e.At, End: e.At, Description: e.Text, Details: e.Node})
		}
	}
	return out
}
