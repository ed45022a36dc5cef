package real

import (
	"fmt"
	"strconv"
	"strings"

	"zeyrho/harness/history"
)

// Unexpected is the error for an answer that is not in the shell's protocol.
// It is a fault of the program that was asked, not a fate that an operation
// may have.
type Unexpected struct {
	Asked string // the request, perhaps shortened
	Line  string // the first line that makes no sense, perhaps shortened
	Why   string
}

func (e *Unexpected) Error() string {
	return fmt.Sprintf("unexpected answer to %s: %s (%s)", e.Asked, e.Line, e.Why)
}

// request returns the line that asks for op. Words are always quoted.
func request(op history.Op) (string, error) {
	if err := sensible(op); err != nil {
		return "", err
	}
	line := string(op.Kind) + " " + strconv.Quote(op.Key)
	if op.Kind == history.Put {
		line += " " + strconv.Quote(op.Value)
	}
	if op.If != nil && *op.If == 0 && op.Kind == history.Put {
		line += " if absent"
	} else if op.If != nil {
		line += " if " + strconv.FormatUint(*op.If, 10)
	}
	if op.After != "" {
		line += " after " + strconv.Quote(op.After)
	}
	if op.Limit != 0 {
		line += " limit " + strconv.Itoa(op.Limit)
	}
	return line, nil
}

func sensible(op history.Op) error {
	switch op.Kind {
	case history.Get, history.Put, history.Delete, history.Scan:
	default:
		return fmt.Errorf("no such operation: %q", op.Kind)
	}
	if op.If != nil && op.Kind != history.Put && op.Kind != history.Delete {
		return fmt.Errorf("a %s has no condition", op.Kind)
	}
	if (op.After != "" || op.Limit != 0) && op.Kind != history.Scan {
		return fmt.Errorf("a %s has no range", op.Kind)
	}
	return nil
}

// reply reads what a shell says to one request, line by line.
type reply struct {
	op     history.Op // with an empty kind, any line will do
	asked  string
	answer history.Answer
}

// feed takes one line. It says whether the answer is complete; the error is an
// *Unexpected.
func (r *reply) feed(line string) (complete bool, err error) {
	if text, ok := strings.CutPrefix(line, "error: "); ok {
		r.answer = history.Answer{Outcome: history.Fail, Error: text}
		return true, nil
	}
	if text, ok := strings.CutPrefix(line, "unknown: "); ok {
		r.answer = history.Answer{Outcome: history.Unknown, Error: text}
		return true, nil
	}
	complete, why := true, ""
	switch r.op.Kind {
	case history.Get:
		why = r.get(line)
	case history.Put, history.Delete:
		why = r.write(line)
	case history.Scan:
		complete, why = r.scan(line)
	default:
		r.answer.Value = line
	}
	if why != "" {
		return true, &Unexpected{shorten(r.asked), shorten(line), why}
	}
	if complete {
		r.answer.Outcome = history.OK
	}
	return complete, nil
}

// get reads `"value", version 17` or `absent`.
func (r *reply) get(line string) (why string) {
	if line == "absent" {
		r.answer.Status = history.Absent
		return ""
	}
	value, rest, ok := quoted(line)
	version, ok2 := number(rest, ", version ")
	if !ok || !ok2 {
		return `neither "value", version N nor absent`
	}
	r.answer.Status, r.answer.Value, r.answer.Version = history.Done, value, version
	return ""
}

// write reads `ok, version 18`, a conflict or, for a delete, `absent`.
func (r *reply) write(line string) (why string) {
	if version, ok := number(line, "ok, version "); ok {
		r.answer.Status, r.answer.Version = history.Done, version
		return ""
	}
	if line == "absent" && r.op.Kind == history.Delete {
		r.answer.Status = history.Absent
		return ""
	}
	if rest, ok := strings.CutPrefix(line, "conflict: "); ok {
		return r.conflict(rest)
	}
	return "neither ok, version N nor a conflict"
}

// conflict reads `"K" is at version 9` or `"K" is absent`.
func (r *reply) conflict(text string) (why string) {
	key, rest, ok := quoted(text)
	version, at := number(rest, " is at version ")
	switch {
	case !ok || !at && rest != " is absent":
		return `not "key" is at version N, nor is absent`
	case key != r.op.Key:
		return "a conflict of another key"
	case r.op.If == nil:
		return "a conflict, and there was no condition"
	}
	r.answer.Status, r.answer.Version = history.Conflict, version
	return ""
}

// scan reads lines like `"key" = "value", version 4` and the line that ends
// them: `2 keys`, `1 key`, or `2 keys, more after "key"`.
func (r *reply) scan(line string) (complete bool, why string) {
	if !strings.HasPrefix(line, `"`) {
		return true, r.endScan(line)
	}
	key, rest, ok := quoted(line)
	rest, ok2 := strings.CutPrefix(rest, " = ")
	value, rest, ok3 := quoted(rest)
	version, ok4 := number(rest, ", version ")
	if !ok || !ok2 || !ok3 || !ok4 {
		return true, `not "key" = "value", version N`
	}
	r.answer.Items = append(r.answer.Items, history.Item{Key: key, Value: value, Version: version})
	return false, ""
}

func (r *reply) endScan(line string) (why string) {
	count, rest, _ := strings.Cut(line, " ")
	noun, more, hasMore := strings.Cut(rest, ", more after ")
	n, ok := number(count, "")
	if !ok || noun != "key" && noun != "keys" || (n == 1) != (noun == "key") {
		return "not N keys"
	}
	items := r.answer.Items
	if n != uint64(len(items)) {
		return fmt.Sprintf("but %d were listed", len(items))
	}
	if hasMore && (n == 0 || more != strconv.Quote(items[n-1].Key)) {
		return "the cursor is not the last key"
	}
	r.answer.Status, r.answer.More = history.Done, hasMore
	return ""
}

// quoted reads a word at the beginning of s that was printed by strconv.Quote.
func quoted(s string) (word, rest string, ok bool) {
	q, err := strconv.QuotedPrefix(s)
	if err != nil || q[0] != '"' {
		return "", "", false
	}
	word, err = strconv.Unquote(q)
	return word, s[len(q):], err == nil && strconv.Quote(word) == q
}

// number reads prefix and then a decimal number, and nothing else.
func number(s, prefix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil && strconv.FormatUint(n, 10) == digits
}

func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:most], len(s))
}
