package check

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"zeyrho/harness/history"
)

// explain puts in words why the operations on one key have no order. It finds
// the first reply that cannot be true: up to the reply before it, there is an
// order that explains everything that clients had been told by then.
func explain(ops []history.Op, deadline time.Time) Finding {
	if soon := time.Now().Add(2 * time.Second); deadline.Before(soon) {
		deadline = soon
	}
	replies := newQuick(ops).replies
	late := false
	first := sort.Search(len(replies), func(i int) bool {
		result := linearizable(regOps(until(ops, replies[:i+1]), values{}), deadline)
		late = late || result == porcupine.Unknown
		return result == porcupine.Illegal
	})
	if late || first == len(replies) {
		return lin.violation(nil, "no order of the %d operations on %s explains what clients were told", len(ops), quote(ops[0].Key))
	}
	return blame(ops, replies[:first+1])
}

// blame says what is wrong with the last of replies.
func blame(ops, replies []history.Op) Finding {
	bad := replies[len(replies)-1]
	why, witnesses := because(bad, replies[:len(replies)-1], ops)
	if why == "" {
		why = fmt.Sprintf("which no order of the operations on %s up to then explains", quote(bad.Key))
	}
	right := rightAnswers(bad, until(ops, replies), time.Now().Add(time.Second))
	if bad.Status == history.Done && strings.HasSuffix(right, " been done") {
		right = "" // it was told so, too: what is wrong is its version, or another reply
	}
	return lin.violation(append([]int{bad.ID}, witnesses...), "%s, %s%s", told(bad), why, right)
}

// until returns ops as they were known when the last of replies came in: what
// was still running had no outcome yet.
func until(ops, replies []history.Op) []history.Op {
	now := replies[len(replies)-1].Return
	answered := make(map[int]bool)
	for _, op := range replies {
		answered[op.ID] = true
	}
	var out []history.Op
	for _, op := range ops {
		if op.Call > now {
			continue
		}
		if op.Outcome == history.OK && !answered[op.ID] {
			op.Outcome, op.Status, op.Version = history.Unknown, "", 0
		}
		out = append(out, op)
	}
	return out
}

// because looks for operations that alone contradict bad, and returns the
// clause that says so, or nothing.
func because(bad history.Op, earlier, ops []history.Op) (string, []int) {
	switch {
	case bad.Status == history.Done && bad.Version == 0:
		return "but 0 is no version", nil
	case bad.Status == history.Conflict && bad.Version == *bad.If:
		return "although that is what it asked for", nil
	}
	if s := neverWritten(bad, ops); s != "" {
		return s, nil
	}
	if put, ok := neverDeleted(bad, earlier, ops); ok {
		return "after " + had(put) + ", and nobody deleted it", []int{put.ID}
	}
	for _, op := range slices.Backward(earlier) {
		if why := contradicts(bad, op); why != "" {
			return why, []int{op.ID}
		}
	}
	if other, ok := onSameVersion(bad, ops); ok {
		words := had(other)
		if other.Return > bad.Return { // which of the two is blamed goes by their versions
			words = strings.Replace(words, "had been told", "was told", 1)
		}
		return "but " + words + ", on the same condition: only one of the two can be", []int{other.ID}
	}
	return "", nil
}

// onSameVersion finds another write that was done on the version that bad was
// done on. A version does not come back, so one of them must have met a
// conflict.
func onSameVersion(bad history.Op, ops []history.Op) (history.Op, bool) {
	if bad.Status != history.Done || bad.If == nil || *bad.If == 0 {
		return history.Op{}, false
	}
	for _, op := range ops {
		if op.ID != bad.ID && op.Status == history.Done && op.If != nil && *op.If == *bad.If {
			return op, true
		}
	}
	return history.Op{}, false
}

// neverDeleted finds a put that shows that the key existed, if bad was told
// that it did not.
func neverDeleted(bad history.Op, earlier, ops []history.Op) (history.Op, bool) {
	if !absentFor(bad) {
		return history.Op{}, false
	}
	for _, op := range ops {
		if op.Kind == history.Delete && op.Call <= bad.Return && (op.Outcome == history.Unknown || op.Status == history.Done) {
			return history.Op{}, false
		}
	}
	for _, op := range slices.Backward(earlier) {
		if op.Kind == history.Put && op.Status == history.Done && op.Return < bad.Call {
			return op, true
		}
	}
	return history.Op{}, false
}

// neverWritten says that nobody wrote what a get returned.
func neverWritten(bad history.Op, ops []history.Op) string {
	if bad.Kind != history.Get || bad.Status != history.Done {
		return ""
	}
	excuse := ""
	for _, op := range ops {
		if op.Kind != history.Put || op.Value != bad.Value || op.Call > bad.Return {
			continue
		}
		switch {
		case op.Outcome == history.Fail:
			excuse = fmt.Sprintf("although client %d had been told at %s that its put of that value failed", op.Client, at(op.Return))
		case op.Status == history.Conflict:
			excuse = fmt.Sprintf("although client %d, who alone tried to write that, was told at %s of a conflict", op.Client, at(op.Return))
		default:
			return ""
		}
	}
	return cmp.Or(excuse, "although nobody had written that by then")
}

// contradicts says how op, which was answered before bad, shows that bad
// cannot be true. Versions give the order of writes; where they do not tell,
// it keeps silent.
func contradicts(bad, op history.Op) string {
	before := op.Return < bad.Call
	write := op.Kind != history.Get && op.Status == history.Done
	badWrite := bad.Kind != history.Get && bad.Status == history.Done
	seen := bad.Version // the version at which bad found the key
	if badWrite {
		seen = 0
		if bad.If != nil {
			seen = *bad.If
		}
	}
	switch {
	case badWrite && write && op.Version == bad.Version:
		return fmt.Sprintf("but the same version had been given to client %d at %s, for %s", op.Client, at(op.Return), wish(op))
	case badWrite && before && op.Version >= bad.Version:
		return "after " + had(op) + ": versions must grow"
	case badWrite && seen > 0 && seen < op.Version && (before || write && op.Version < bad.Version):
		return fmt.Sprintf("but %s, so version %d was no longer there", had(op), seen)
	case bad.Kind == history.Get && bad.Status == history.Done && op.Kind == history.Put && write &&
		(op.Version == seen) != (op.Value == bad.Value):
		return "but " + had(op)
	case !badWrite && seen > 0 && before && op.Version > seen:
		return "after " + had(op)
	}
	return ""
}

// rightAnswers returns a sentence that says what bad should have been told,
// given everything else that was known by then; or nothing, if that is long.
func rightAnswers(bad history.Op, known []history.Op, deadline time.Time) string {
	var right []string
	candidates := answers(bad, known)
	if len(candidates) > 20 {
		return ""
	}
	for _, answer := range candidates {
		trial := slices.Clone(known)
		i := slices.IndexFunc(trial, func(op history.Op) bool { return op.ID == bad.ID })
		trial[i] = answer.Op
		reg := regOps(trial, values{})
		for j := range reg {
			reg[j].noVersion = answer.noVersion && reg[j].ID == bad.ID
		}
		switch linearizable(reg, deadline) {
		case porcupine.Unknown:
			return ""
		case porcupine.Ok:
			right = append(right, answer.text)
		}
	}
	if len(right) == 0 || len(right) > 3 {
		return ""
	}
	return "; right would have been " + strings.Join(right, " or ")
}

// answer is a reply that an operation might have got instead.
type answer struct {
	history.Op
	noVersion bool
	text      string
}

// answers returns the replies that bad might have got, right or wrong.
func answers(bad history.Op, known []history.Op) []answer {
	var out []answer
	add := func(s history.Status, version uint64, value string, noVersion bool, text string) {
		op := bad
		op.Status, op.Version = s, version
		if op.Kind == history.Get {
			op.Value = value
		}
		if !slices.ContainsFunc(out, func(a answer) bool { return a.text == text }) {
			out = append(out, answer{op, noVersion, text})
		}
	}
	get := bad.Kind == history.Get
	switch {
	case get, bad.Kind == history.Delete && (bad.If == nil || *bad.If == 0):
		add(history.Absent, 0, "", false, "absent")
	case bad.If != nil && *bad.If != 0:
		add(history.Conflict, 0, "", false, "a conflict, the key being absent")
	}
	if !get {
		add(history.Done, 0, "", true, "done")
	}
	for _, op := range recent(bad, known) {
		switch {
		case get && op.Version == 0:
			add(history.Done, 0, op.Value, true, quote(op.Value))
		case get:
			add(history.Done, op.Version, op.Value, false, shown(op.Value, op.Version))
		case bad.If != nil && op.Version != 0:
			add(history.Conflict, op.Version, "", false, fmt.Sprintf("a conflict, the key being at version %d", op.Version))
		}
	}
	return out
}

// recent returns the puts whose value bad may have found: those that were not
// surely replaced before it was called. One of unknown outcome has the version
// with which somebody else read it.
func recent(bad history.Op, known []history.Op) []history.Op {
	var last int64 = -1 // the latest call of a write that was over before bad began
	for _, op := range known {
		if op.Kind != history.Get && op.Status == history.Done && op.Return < bad.Call {
			last = max(last, op.Call)
		}
	}
	var out []history.Op
	for _, op := range known {
		put := op.Kind == history.Put && (op.Outcome == history.Unknown || op.Status == history.Done)
		if !put || op.ID == bad.ID || op.Outcome == history.OK && op.Return < last {
			continue
		}
		for _, get := range known {
			if op.Version == 0 && get.Kind == history.Get && get.Status == history.Done && get.Value == op.Value && get.ID != bad.ID {
				op.Version = get.Version
			}
		}
		out = append(out, op)
	}
	return out
}
