package crash

import (
	"fmt"
	"regexp"
	"strings"

	"zeyrho/harness/simdisk"
)

// story is what happened, in lines. A nil story is not told.
type story struct {
	lines  []string
	closed bool
}

func (s *story) add(format string, args ...any) {
	if s != nil && !s.closed {
		s.lines = append(s.lines, fmt.Sprintf(format, args...))
	}
}

func (s *story) close() {
	if s != nil {
		s.closed = true
	}
}

func (x *explorer) tell(format string, args ...any) { x.story.add(format, args...) }

// tellOp adds an operation of the disk, if it changes something or goes wrong.
func (p *process) tellOp(op simdisk.Op) {
	if !op.Kind.Changes() && op.Fault == "" {
		return
	}
	if !p.begins && op.N > 1 && p.number > 0 {
		p.x.tell("  1 to %d  what is there is read", op.N-1)
	}
	p.begins = true
	p.x.tell("  %3d  %s", op.N, op.Words())
}

func (x *explorer) tellEnd(p *process, op simdisk.Op, e End) {
	if x.story == nil || x.story.closed {
		return
	}
	when := fmt.Sprintf("before operation %d (%s)", op.N, op.Words())
	if op.Kind == "" {
		when = "when all this is done"
	} else if n := len(x.story.lines); op.Kind.Changes() && n > 0 {
		x.story.lines = x.story.lines[:n-1] // it does not happen any more
	}
	switch {
	case e.Rot != nil:
		x.tell("the store is stopped, and while nobody looks, %s", e.Rot)
	case e.Kill:
		x.tell("kill -9, %s", when)
	default:
		x.tell("the power fails %s", when)
		for _, line := range p.disk.Describe(e.Fate) {
			x.tell("     %s", line)
		}
	}
	x.tell("restart")
}

// begun shortens the story of how a new store was made, if nothing went wrong
// in it.
func (p *process) begun() {
	for _, f := range p.disk.Faults {
		if f.At <= p.opened {
			return
		}
	}
	if s := p.x.story; s != nil && !s.closed && p.number == 0 {
		s.lines = []string{fmt.Sprintf("  1 to %d  a new store is made", p.opened)}
	}
}

// most is how many lines a story has.
const most = 24

// zeros are those in the names of segments, which fill a line too easily.
var zeros = regexp.MustCompile(`0{8,}(\d)`)

// text returns the story, without its beginning if it is too long.
func (s *story) text() string {
	lines := s.lines
	if left := len(lines) - most; left > 0 {
		lines = append([]string{fmt.Sprintf("  …  (%d lines before this)", left)}, lines[left:]...)
	}
	return zeros.ReplaceAllString(strings.Join(lines, "\n")+"\n", "…$1")
}
