package page

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"zeyrho/harness/history"
)

// most is how much of a long key, value or text is shown.
const most = 36

// show prints a key or a value: as it is if that is plain, else quoted, and of
// a long one the beginning.
func show(s string) string {
	long := ""
	if len(s) > most {
		long = fmt.Sprintf("… (%d bytes)", len(s))
		s = strings.ToValidUTF8(s[:most], "")
	}
	plain := s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == '"' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
	if plain {
		return s + long
	}
	return strconv.Quote(s) + long
}

// clock prints an instant of the run, all of them to the same place.
func (m *model) clock(ns int64) string {
	places := 5
	switch {
	case m.end >= int64(100*time.Second):
		places = 3
	case m.end >= int64(time.Second):
		places = 4
	}
	return strconv.FormatFloat(time.Duration(ns).Seconds(), 'f', places, 64) + "\u00a0s"
}

// seconds prints how long something took.
func seconds(ns int64) string {
	if ns < int64(time.Second) {
		return fmt.Sprintf("%.4g ms", float64(ns)/1e6)
	}
	return fmt.Sprintf("%.4g s", time.Duration(ns).Seconds())
}

// asked says what an operation asked for.
func asked(op history.Op) string {
	s := string(op.Kind) + " " + show(op.Key)
	if op.Kind == history.Put {
		s += " = " + show(op.Value)
	}
	if op.Kind == history.Scan && op.After != "" {
		s += " after " + show(op.After)
	}
	if op.Level != "" {
		s += " (" + op.Level + ")"
	}
	switch {
	case op.If == nil:
	case *op.If == 0:
		s += " if absent"
	default:
		s += fmt.Sprintf(" if at version %d", *op.If)
	}
	return s
}

// answered says what became of it.
func answered(op history.Op) string {
	switch {
	case op.Outcome == history.Fail:
		return "refused: " + op.Error
	case op.Outcome == history.Unknown:
		return "unknown, it may have happened: " + op.Error
	case op.Status == history.Absent:
		return "absent"
	case op.Status == history.Conflict:
		return fmt.Sprintf("conflict, the key is at version %d", op.Version)
	case op.Kind == history.Scan:
		return items(op)
	case op.Kind == history.Get:
		return fmt.Sprintf("%s, version %d", show(op.Value), op.Version)
	}
	return fmt.Sprintf("ok, version %d", op.Version)
}

// words says what an operation asked for and what became of it.
func words(op history.Op) string {
	s := asked(op) + " → " + answered(op)
	if op.Node != "" {
		s += ", by " + op.Node
	}
	return s
}

// entriesIn finds which entries a message carries, in the words of the steps:
// "entry 12@1.n1" or "entries 12 to 14@1.n1", or in short "12..14".
var entriesIn = regexp.MustCompile(`\bentr(?:y|ies) (\d+)(?:@\S+)?(?: to (\d+))?|\b(\d+)\.\.(\d+)`)

// carried returns the first entry that a message carries, and how many; 0, 0 if
// it carries none.
func carried(text string) (first, n uint64) {
	m := entriesIn.FindStringSubmatch(text)
	if m == nil {
		return 0, 0
	}
	first, _ = strconv.ParseUint(m[1]+m[3], 10, 64)
	last, err := strconv.ParseUint(m[2]+m[4], 10, 64)
	if err != nil || last < first {
		return first, 1
	}
	return first, last - first + 1
}

// reigning is what a message says of its epoch.
var reigning = regexp.MustCompile(` in epoch [^:]*:`)

// short says in a few words what a message is: its kind and its entries.
func short(e history.Event) string {
	kind, _, _ := strings.Cut(e.Text, " ")
	switch first, n := carried(e.Text); {
	case n == 1:
		return fmt.Sprintf("%s %d", kind, first)
	case n > 1:
		return fmt.Sprintf("%s %d..%d", kind, first, first+n-1)
	}
	text, _, _ := strings.Cut(reigning.ReplaceAllString(e.Text, ":"), " after ")
	text, _, _ = strings.Cut(text, ",")
	return text
}

// items prints what a scan found, as far as there is room.
func items(op history.Op) string {
	s := fmt.Sprintf("%d keys", len(op.Items))
	if len(op.Items) == 1 {
		s = "1 key"
	}
	if op.More {
		s += ", and there are more"
	}
	for i, it := range op.Items {
		if len(s) > 2*most {
			return s + " …"
		}
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		s += fmt.Sprintf("%s%s=%s@%d", sep, show(it.Key), show(it.Value), it.Version)
	}
	return s
}
