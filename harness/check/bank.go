package check

import (
	"fmt"
	"slices"
	"strconv"

	"zeyrho/harness/history"
)

const bank finder = "bank"

// Bank returns the checker of a bank: accounts are the keys that begin with
// prefix and hold decimal numbers, and transfers move money between them, so
// that whoever sees all accounts at once sees total. It looks at every page
// that shows all accounts, and at gets of every account, in the given phases:
// the quiet phase if none is given. (While transfers run, gets are not taken
// together: they are not one instant.)
//
// It does not see money on the wrong account.
func Bank(prefix string, total int64, phases ...string) Checker {
	if len(phases) == 0 {
		phases = []string{Quiet}
	}
	return func(h *history.History) Finding {
		var good *history.Op // the last page with the right total
		judged := false
		ops := inOrder(h.Ops)
		for i, op := range ops {
			whole := op.Kind == history.Scan && op.Outcome == history.OK && op.Key == prefix && op.After == "" && !op.More
			if !whole || !slices.Contains(phases, op.Phase) {
				continue
			}
			judged = true
			sum, err := balance(op.Items)
			if err != nil {
				return bank.violation([]int{op.ID}, "%s: %s", told(op), err)
			}
			if sum != total {
				return missingMoney(h, op, sum-total, total, good)
			}
			good = &ops[i]
		}
		f, ok := quietAccounts(h, prefix, total)
		if ok && slices.Contains(phases, Quiet) && (f.Verdict != Pass || !judged) {
			return f
		}
		if !judged {
			return bank.inconclusive("nobody looked at all accounts of %s at once", quote(prefix))
		}
		return bank.pass()
	}
}

func balance(items []history.Item) (int64, error) {
	var sum int64
	for _, it := range items {
		n, err := strconv.ParseInt(it.Value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("the account %s holds %s, which is no amount", quote(it.Key), quote(it.Value))
		}
		sum += n
	}
	return sum, nil
}

// missingMoney says that a page has the wrong total, since when, and which
// write in between did not go well, if there is one.
func missingMoney(h *history.History, op history.Op, more, total int64, good *history.Op) Finding {
	what := fmt.Sprintf("%d was made", more)
	if more < 0 {
		what = fmt.Sprintf("%d was lost", -more)
	}
	ids, since, from := []int{op.ID}, "", int64(-1)
	if good != nil {
		since, from = fmt.Sprintf("; client %d still saw the right total at %s", good.Client, at(good.Return)), good.Call
		ids = append(ids, good.ID)
	}
	for _, w := range inOrder(h.Ops) {
		write := w.Kind == history.Put || w.Kind == history.Delete
		bad := w.Outcome != history.OK || w.Status == history.Conflict
		if write && bad && from < w.Call && w.Call < op.Return && covers(op, w.Key) {
			since += fmt.Sprintf("; the first write since then that did not go well: client %d called %s at %s (%s)",
				w.Client, wish(w), at(w.Call), howItEnded(w))
			ids = append(ids, w.ID)
			break
		}
	}
	return bank.violation(ids, "%s: the accounts hold %d, not %d: %s%s", told(op), total+more, total, what, since)
}

func howItEnded(w history.Op) string {
	if w.Status == history.Conflict {
		return "conflict"
	}
	return string(w.Outcome)
}

// quietAccounts adds up what gets found in the quiet phase, if they were asked
// for every account that was ever named.
func quietAccounts(h *history.History, prefix string, total int64) (Finding, bool) {
	last := make(map[string]history.Item)
	for _, op := range inOrder(h.Ops) {
		if op.Phase == Quiet && op.Kind == history.Get && op.Outcome == history.OK {
			last[op.Key] = history.Item{Key: op.Key, Value: op.Value}
			if op.Status == history.Absent {
				last[op.Key] = history.Item{Key: op.Key, Value: "0"}
			}
		}
	}
	var items []history.Item
	for _, key := range keysOf(h) {
		if !covers(history.Op{Key: prefix}, key) {
			continue
		}
		it, ok := last[key]
		if !ok {
			return Finding{}, false
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		return Finding{}, false
	}
	sum, err := balance(items)
	if err != nil {
		return bank.violation(nil, "in the quiet phase %s", err), true
	}
	if sum != total {
		return bank.violation(nil, "read one by one in the quiet phase, the accounts hold %d, not %d", sum, total), true
	}
	return bank.pass(), true
}
