package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fatih/color"
	"github.com/peterh/liner"
	"golang.org/x/term"
)

// Interactive says whether a Shell with the zero In and Out has a person to talk to.
func Interactive() bool { return onTerminal(os.Stdin, os.Stdout) }

// onTerminal says whether a person is at both ends. If only one of them is a
// terminal, a program is at the other, and it gets what programs get.
func onTerminal(in, out any) bool {
	return in == os.Stdin && out == os.Stdout &&
		term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
}

// converse is the loop with a person.
//
// ctrl-C abandons the line that is being typed, or the command that runs, and
// never the shell. The terminal sends it as a character in the first case and
// as SIGINT in the second, so between two commands SIGINT has no effect.
func (s *session) converse(ctx context.Context, greeting string) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	s.person = true
	s.paint = func(c color.Attribute, text string) string { return color.New(c).Sprint(text) }
	fmt.Fprintln(s.out, greeting)
	fmt.Fprintln(s.out, `Type "help" for the commands, ctrl-D to leave.`)
	s.out.Flush()
	t := newTerminal(s.complete)
	defer t.close()
	if err := s.loop(ctx, t); err != errExit {
		fmt.Println() // the cursor is still behind a prompt
	}
}

// patience is how long a person waits for an answer without a word from us.
const patience = 2 * time.Second

// interruptible returns a context that ctrl-C ends. A person whose request takes
// long is told about that once.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	hint := time.AfterFunc(patience, func() { fmt.Println("still waiting; ctrl-C gives up") })
	return ctx, func() {
		hint.Stop()
		stop()
	}
}

// complete returns what a line could become when somebody presses tab.
func (s *session) complete(line string) (lines []string) {
	head, name := "", line
	if topic, ok := strings.CutPrefix(line, "help "); ok {
		head, name = "help ", topic
	}
	for _, v := range s.verbs {
		if strings.HasPrefix(v.Name, name) {
			lines = append(lines, head+v.Name+" ")
		}
	}
	return lines
}

// terminal is the source of a person.
//
// Its history is kept in a file, for the shells of all steps together. What
// goes wrong with the file is not worth a word: there is less of a history
// then. If several shells are open, the last to be left writes it.
type terminal struct {
	liner   *liner.State
	history string // a path, or "" for none
}

// maxRemembered is the length of the longest line that goes into the history,
// in bytes. The library reads none of more than 4 KiB back.
const maxRemembered = 1 << 10

func newTerminal(complete liner.Completer) *terminal {
	t := &terminal{liner: liner.NewLiner()}
	t.liner.SetCtrlCAborts(true)
	t.liner.SetTabCompletionStyle(liner.TabPrints)
	t.liner.SetCompleter(complete)
	if dir, err := os.UserCacheDir(); err == nil {
		t.history = filepath.Join(dir, "zeyrho", "history")
	}
	if f, err := os.Open(t.history); err == nil {
		_, _ = t.liner.ReadHistory(f)
		_ = f.Close()
	}
	return t
}

func (t *terminal) next() (string, error) {
	line, err := t.liner.Prompt("> ")
	if errors.Is(err, liner.ErrPromptAborted) {
		fmt.Println("(ctrl-D leaves)")
		return "", nil
	}
	if err == nil && strings.TrimSpace(line) != "" && len(line) <= maxRemembered {
		t.liner.AppendHistory(line)
	}
	return line, err
}

// close gives the terminal back as it was found.
func (t *terminal) close() {
	if os.MkdirAll(filepath.Dir(t.history), 0o700) == nil {
		if f, err := os.OpenFile(t.history, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
			_, _ = t.liner.WriteHistory(f)
			_ = f.Close()
		}
	}
	_ = t.liner.Close()
}
