// Package shell answers: how does one talk to a store?
//
// By lines: a request goes in, an answer comes out. A person on a terminal
// gets a prompt, line editing, a history and some colour. A program on a pipe
// gets the bare answers, each sent as soon as it is known, so that it can wait
// for one before it asks again. The requests and answers are the same.
//
// Every step has this shell, over its own kv.Store and with verbs of its own.
package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/fatih/color"

	"zeyrho/steps/01-map/kv"
)

// MaxLine is the length of the longest line that a pipe takes, in bytes:
// enough for the largest put even if each of its bytes is written as \xNN.
const MaxLine = 4*(kv.MaxKey+kv.MaxValue) + 1<<10

// Shell is a conversation with a store, ready to begin.
type Shell struct {
	Store    kv.Store
	In       io.Reader // nil: the standard input
	Out      io.Writer // nil: the standard output
	Greeting string    // said at the beginning, to people only
	Verbs    []Verb    // in addition to those that every shell has
}

// Run answers line after line until there are no more, somebody says exit, ctx
// ends, the process is told to stop (SIGTERM, on a pipe SIGINT too) or nobody
// reads the answers any longer. It returns the exit status for the process: 1
// if this was a pipe and a line of it failed or its answer could not be
// written, otherwise 0.
func (sh Shell) Run(ctx context.Context) int {
	if sh.In == nil {
		sh.In = os.Stdin
	}
	if sh.Out == nil {
		sh.Out = os.Stdout
	}
	s := &session{store: sh.Store, out: bufio.NewWriter(sh.Out), paint: plain}
	s.verbs = append(s.everyVerb(), sh.Verbs...)
	if onTerminal(sh.In, sh.Out) {
		s.converse(ctx, sh.Greeting)
		return 0
	}
	// Otherwise writing to a reader who has left would kill the process,
	// and whatever the step has yet to put in order with it.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // the second one kills, should a command hang
	return s.status(s.loop(ctx, pipe{bufio.NewReader(sh.In)}))
}

// status is the exit status after a loop on a pipe that has ended with err.
func (s *session) status(err error) int {
	if err != nil && err != errExit && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintln(os.Stderr, "error:", err)
		s.failed = true
	}
	if s.failed {
		return 1
	}
	return 0
}

// source is where lines come from.
type source interface {
	// next returns the next line without its end, or io.EOF. After
	// errLongLine, which stands for a line, one can go on.
	next() (string, error)
}

var errLongLine = fmt.Errorf("the line is longer than %d bytes, which is the limit", MaxLine)

// session is a Shell that runs.
type session struct {
	store  kv.Store
	verbs  []Verb
	out    *bufio.Writer
	paint  func(color.Attribute, string) string
	person bool // somebody is at a terminal
	failed bool // a line got an error, or was left unknown
}

func plain(_ color.Attribute, text string) string { return text }

// loop answers the lines of src. It returns nil when they or ctx have come to
// an end, errExit if somebody says so, or what went wrong with src or out.
func (s *session) loop(ctx context.Context, src source) error {
	for {
		line, err := s.next(ctx, src)
		switch {
		case errors.Is(err, errLongLine):
			s.report(err)
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("reading a line: %w", err)
		default:
			if err := s.answer(ctx, line); err != nil {
				return err
			}
		}
		if err := s.out.Flush(); err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
	}
}

// next waits for a line or the end of ctx. Reading cannot be interrupted: at
// the end of ctx it is left behind, and ends with the process.
func (s *session) next(ctx context.Context, src source) (string, error) {
	type read struct {
		line string
		err  error
	}
	reads := make(chan read, 1)
	go func() {
		line, err := src.next()
		reads <- read{line, err}
	}()
	select {
	case r := <-reads:
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// answer carries out a line and reports what went wrong with it, if anything.
// Its own error is errExit or nil.
func (s *session) answer(ctx context.Context, line string) error {
	if text := strings.TrimLeft(line, blanks); text == "" || text[0] == '#' {
		return nil
	}
	err := s.request(ctx, line)
	if err != nil && err != errExit {
		s.report(err)
		return nil
	}
	return err
}

// request carries out a line that is neither blank nor a comment.
func (s *session) request(ctx context.Context, line string) error {
	found, err := words(line)
	if err != nil {
		return err
	}
	v, err := s.verb(found[0].Text)
	if err != nil {
		return err
	}
	if s.person {
		var stop context.CancelFunc
		ctx, stop = interruptible(ctx)
		defer stop()
	}
	err = v.Run(ctx, found[1:], s.out)
	if wrong, ok := errors.AsType[UsageError](err); ok {
		return fmt.Errorf("%w; usage: %s", wrong, v.usage())
	}
	return err
}

// report prints an error as one line, which says whether the request may have
// happened all the same.
func (s *session) report(err error) {
	s.failed = true
	label := s.paint(color.FgRed, "error")
	if errors.Is(err, kv.ErrUnknown) {
		label = s.paint(color.FgYellow, "unknown")
	}
	fmt.Fprintf(s.out, "%s: %s\n", label, strings.Join(strings.FieldsFunc(err.Error(), isLineEnd), " "))
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// pipe is the source of a program: a line is what ends with "\n".
type pipe struct{ r *bufio.Reader }

func (p pipe) next() (string, error) {
	var line []byte
	size := 0
	for {
		part, err := p.r.ReadSlice('\n')
		if size += len(part); size <= MaxLine {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && size > 0: // a last line without its end
		case err != nil:
			return "", err
		}
		if size > MaxLine {
			return "", errLongLine
		}
		return strings.TrimSuffix(string(line), "\n"), nil
	}
}
