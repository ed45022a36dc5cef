package real

import (
	"bytes"
	"fmt"
	"regexp"
	"sync"
)

// How much of a process's output is remembered. A line that is longer than
// maxLine is cut there: the longest answer of a shell is a value of 1 MiB with
// every byte escaped, which is 4 MiB.
const (
	keep    = 64 << 10
	maxLine = 8 << 20
)

// output is where one stream of a process goes. It keeps the end of it for
// reports and hands every line to whoever waits for it.
type output struct {
	mu      sync.Mutex
	kept    []byte // at most 2*keep; the last keep bytes count
	total   int64
	line    []byte // the line that has not ended yet
	onLine  func(line string)
	waiters []waiter
}

type waiter struct {
	re    *regexp.Regexp
	found chan []string // has room for one
}

// Write implements io.Writer; it is called by one goroutine.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += int64(len(b))
	o.kept = append(o.kept, b[max(0, len(b)-keep):]...)
	if len(o.kept) > 2*keep {
		o.kept = append(o.kept[:0], o.kept[len(o.kept)-keep:]...)
	}
	for rest := b; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		o.line = append(o.line, part[:min(len(part), maxLine-len(o.line))]...)
		if ended {
			o.endLine()
		}
		rest = after
	}
	return len(b), nil
}

func (o *output) endLine() {
	line := string(o.line)
	o.line = o.line[:0]
	if cap(o.line) > keep {
		o.line = nil
	}
	if o.onLine != nil {
		o.onLine(line)
	}
	waiting := o.waiters[:0]
	for _, w := range o.waiters {
		if m := w.re.FindStringSubmatch(line); m != nil {
			w.found <- m
		} else {
			waiting = append(waiting, w)
		}
	}
	o.waiters = waiting
}

// expect returns a channel that yields the submatches of the first line, kept
// or to come, that matches re.
func (o *output) expect(re *regexp.Regexp) <-chan []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := make(chan []string, 1)
	lines := bytes.Split(o.kept, []byte{'\n'})
	for _, line := range lines[:len(lines)-1] {
		if m := re.FindStringSubmatch(string(line)); m != nil {
			found <- m
			return found
		}
	}
	o.waiters = append(o.waiters, waiter{re, found})
	return found
}

// String returns the end of what was written, at most 64 KiB of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	end := o.kept[max(0, len(o.kept)-keep):]
	if gone := o.total - int64(len(end)); gone > 0 {
		return fmt.Sprintf("[… %d bytes before this]\n%s", gone, end)
	}
	return string(end)
}
