package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"zeyrho/harness/history"
)

// judge returns an error if no order of ops explains all the answers, or if a
// store that had no reason to refuse did. It tries every order, which is fine
// for the handful of operations of an explored program, and unlike the checkers
// for long histories it takes scans for what they are: one look at all keys.
func judge(ops []history.Op) error {
	for i, a := range ops {
		if a.Outcome == history.Fail {
			return fmt.Errorf("%s was refused: %s", wish(a), a.Error)
		}
		for _, b := range ops[:i] {
			if wrote(a) && wrote(b) && (a.Version == b.Version || (a.Version < b.Version) != (a.ID < b.ID) && disjoint(a, b)) {
				return fmt.Errorf("versions went wrong: %s, and %s", told(b), told(a))
			}
		}
	}
	s := search{ops: ops, done: make([]bool, len(ops))}
	if !s.explain(cells{}) {
		return fmt.Errorf("no order of these explains the answers: %s", list(ops))
	}
	return nil
}

// cell is what a key holds. Its version is 0 if it was put there by a write
// that never had an answer; whoever reads it first says which it is.
type cell struct {
	value   string
	version uint64
}

type cells map[string]cell

// search looks for an order.
//
// Invariant: done marks the operations that are in the order so far. An
// operation may come next if none that is not done had ended before it began.
type search struct {
	ops  []history.Op
	done []bool
}

func (s *search) explain(now cells) bool {
	end, left := int64(1<<62), false
	for i, op := range s.ops {
		if !s.done[i] && op.Outcome == history.OK {
			end, left = min(end, op.Return), true
		}
	}
	if !left {
		return true // what is unknown need not have happened
	}
	for i, op := range s.ops {
		if s.done[i] || op.Call > end {
			continue
		}
		next, ok := now.step(op)
		s.done[i] = true
		if ok && s.explain(next) {
			return true
		}
		s.done[i] = false
	}
	return false
}

// step returns the cells after op, or false if op cannot have its answer now.
func (c cells) step(op history.Op) (cells, bool) {
	old, exists := c[op.Key]
	switch {
	case op.Kind == history.Scan:
		return c.scan(op)
	case op.Kind == history.Get && op.Outcome == history.Unknown:
		return c, true
	case op.Kind == history.Get && exists && op.Status == history.Done:
		return c.with(op.Key, cell{old.value, op.Version}), old.value == op.Value && old.is(op.Version)
	case op.Kind == history.Get:
		return c, !exists && op.Status == history.Absent
	}
	holds := op.If == nil || *op.If == 0 && !exists || exists && *op.If != 0 && old.is(*op.If)
	switch {
	case op.Status == history.Conflict:
		return c, op.If != nil && (op.Version != *op.If) && (op.Version == 0) == !exists && (!exists || old.is(op.Version))
	case op.Status == history.Absent:
		return c, !exists && holds
	case !holds, op.Kind == history.Delete && !exists, op.Outcome == history.OK && op.Version <= old.version:
		return c, false
	case op.Kind == history.Delete:
		next := maps.Clone(c)
		delete(next, op.Key)
		return next, true
	}
	return c.with(op.Key, cell{op.Value, op.Version}), true
}

func (c cell) is(version uint64) bool { return c.version == 0 || c.version == version }

func (c cells) with(key string, v cell) cells {
	next := maps.Clone(c)
	next[key] = v
	return next
}

// scan is step for a scan without a limit.
func (c cells) scan(op history.Op) (cells, bool) {
	if op.Outcome == history.Unknown {
		return c, true
	}
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if strings.HasPrefix(key, op.Key) && key > op.After {
			keys = append(keys, key)
		}
	}
	if len(keys) != len(op.Items) {
		return c, false
	}
	for i, it := range op.Items {
		old := c[keys[i]]
		if it.Key != keys[i] || it.Value != old.value || !old.is(it.Version) {
			return c, false
		}
		c = c.with(it.Key, cell{it.Value, it.Version})
	}
	return c, true
}

func wish(op history.Op) string {
	text := string(op.Kind)
	if op.Key != "" {
		text += " " + op.Key
	}
	if op.Kind == history.Put {
		text += " " + op.Value
	}
	if op.If != nil && *op.If == 0 {
		text += " if absent"
	} else if op.If != nil {
		text += fmt.Sprintf(" if %d", *op.If)
	}
	return text
}

func answer(op history.Op) string {
	switch {
	case op.Outcome == history.Unknown:
		return "no answer"
	case op.Outcome == history.Fail:
		return "error: " + op.Error
	case op.Kind == history.Scan:
		var items []string
		for _, it := range op.Items {
			items = append(items, fmt.Sprintf("%s=%s (%d)", it.Key, it.Value, it.Version))
		}
		return "[" + strings.Join(items, " ") + "]"
	case op.Status == history.Absent:
		return "absent"
	case op.Status == history.Conflict:
		return fmt.Sprintf("conflict, it is at %d", op.Version)
	case op.Kind == history.Get:
		return fmt.Sprintf("%s (%d)", op.Value, op.Version)
	}
	return fmt.Sprintf("ok, version %d", op.Version)
}

func told(op history.Op) string { return wish(op) + " -> " + answer(op) }

func list(ops []history.Op) string {
	var all []string
	for _, op := range ops {
		all = append(all, told(op))
	}
	return strings.Join(all, "; ")
}

// wrote reports whether op is a write that took effect.
func wrote(op history.Op) bool {
	return op.Kind != history.Get && op.Kind != history.Scan && op.Outcome == history.OK && op.Status == history.Done
}

// disjoint reports whether one of the two had ended when the other began.
func disjoint(a, b history.Op) bool { return a.Return < b.Call || b.Return < a.Call }
