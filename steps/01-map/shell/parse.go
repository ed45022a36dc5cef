package shell

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"zeyrho/steps/01-map/kv"
)

// A Word is one word of a line.
type Word struct {
	Text   string
	Quoted bool // it was typed in quotes, so it is not a keyword
}

func (w Word) is(keyword string) bool { return !w.Quoted && w.Text == keyword }

// UsageError is the error of a verb that was called with wrong arguments. It
// says what is wrong; the shell adds how the verb is used.
type UsageError string

func (e UsageError) Error() string { return string(e) }

func misuse(format string, args ...any) error {
	return UsageError(fmt.Sprintf(format, args...))
}

const blanks = " \t\r"

// words splits a line. A word is bare (no blanks, no quotes), or it is a Go
// string in double quotes, in which every sequence of bytes can be written.
func words(line string) ([]Word, error) {
	if i := invalidUTF8(line); i >= 0 {
		return nil, fmt.Errorf(`column %d: not UTF-8; write such a byte as "\x%02x", in quotes`, column(line, i), line[i])
	}
	var found []Word
	for at := 0; ; {
		at += len(line[at:]) - len(strings.TrimLeft(line[at:], blanks))
		if at == len(line) {
			return found, nil
		}
		var w Word
		var err error
		if line[at] == '"' {
			w, at, err = quotedWord(line, at)
		} else {
			w, at, err = bareWord(line, at)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, w)
	}
}

// bareWord returns the word that begins at line[at], and where it ends.
func bareWord(line string, at int) (Word, int, error) {
	end := len(line)
	if i := strings.IndexAny(line[at:], blanks+`"`); i >= 0 {
		end = at + i
	}
	if end < len(line) && line[end] == '"' {
		return Word{}, end, fmt.Errorf(`column %d: a quote inside a word; quote the whole word, with \" inside`, column(line, end))
	}
	return Word{Text: line[at:end]}, end, nil
}

// quotedWord is bareWord for a word that begins with a quote.
func quotedWord(line string, at int) (Word, int, error) {
	var text []byte
	rest := line[at+1:]
	for rest != "" && rest[0] != '"' {
		char, multibyte, tail, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			return Word{}, at, fmt.Errorf(`column %d: not an escape of Go (\\ is a backslash, \n a new line, \xff a byte)`,
				column(line, len(line)-len(rest)))
		}
		if multibyte {
			text = utf8.AppendRune(text, char)
		} else {
			text = append(text, byte(char))
		}
		rest = tail
	}
	if rest == "" {
		return Word{}, at, fmt.Errorf("column %d: this quote is never closed", column(line, at))
	}
	end := len(line) - len(rest) + 1
	if end < len(line) && !strings.ContainsRune(blanks, rune(line[end])) {
		return Word{}, end, fmt.Errorf("column %d: a blank is missing after the closing quote", column(line, end))
	}
	return Word{Text: string(text), Quoted: true}, end, nil
}

// column says where line[at] is for somebody who counts characters from 1.
func column(line string, at int) int { return utf8.RuneCountInString(line[:at]) + 1 }

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(line string) int {
	for i, r := range line {
		if r == utf8.RuneError && !strings.HasPrefix(line[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return -1
}

// parseGet reads KEY.
func parseGet(args []Word) (string, error) {
	switch len(args) {
	case 0:
		return "", misuse("get needs a key")
	case 1:
		return args[0].Text, nil
	}
	return "", surplus(args[1])
}

// parsePut reads KEY VALUE [if VERSION | if absent].
func parsePut(args []Word) (kv.Command, error) {
	if len(args) < 2 {
		return kv.Command{}, misuse("put needs a key and a value")
	}
	return parseIf(kv.Put(args[0].Text, []byte(args[1].Text)), args[2:])
}

// parseDelete reads KEY [if VERSION].
func parseDelete(args []Word) (kv.Command, error) {
	if len(args) < 1 {
		return kv.Command{}, misuse("delete needs a key")
	}
	return parseIf(kv.Delete(args[0].Text), args[1:])
}

// parseIf reads the condition of a command, if there is one.
func parseIf(c kv.Command, args []Word) (kv.Command, error) {
	switch {
	case len(args) == 0:
		return c, nil
	case !args[0].is("if"):
		return c, surplus(args[0])
	case len(args) == 1:
		return c, misuse("if needs a version")
	case len(args) > 2:
		return c, surplus(args[2])
	case args[1].is("absent"):
		return c.IfAbsent(), nil
	}
	v, err := strconv.ParseUint(args[1].Text, 10, 64)
	if err != nil {
		return c, misuse("if needs a version, which is a whole number; %.60q is not", args[1].Text)
	}
	return c.IfVersion(kv.Version(v)), nil
}

// parseRange reads [PREFIX] [after KEY] [limit NUMBER].
func parseRange(args []Word) (kv.Range, error) {
	var r kv.Range
	if len(args) > 0 && !args[0].is("after") && !args[0].is("limit") {
		r.Prefix, args = args[0].Text, args[1:]
	}
	for ; len(args) > 0; args = args[2:] {
		after, limit := args[0].is("after"), args[0].is("limit")
		switch {
		case !after && !limit:
			return r, surplus(args[0])
		case len(args) == 1 && after:
			return r, misuse("after needs a key")
		case len(args) == 1:
			return r, misuse("limit needs a number")
		case after:
			r.After = args[1].Text
		default:
			n, err := strconv.Atoi(args[1].Text)
			if err != nil || n < 1 {
				return r, misuse("limit needs a whole number above 0; %.60q is not", args[1].Text)
			}
			r.Limit = n
		}
	}
	return r, nil
}

func surplus(w Word) error {
	return misuse("%.60q is one word too many; what holds blanks goes in double quotes", w.Text)
}
