package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to start.
type Spec struct {
	Name string   // in reports: "server", "client 2"
	Path string   // of the program
	Args []string // without the program's name
	Env  []string // added to the environment of the harness
	Dir  string   // to start in; "" means where the harness is
}

// Process is a program that was started, and may have ended since. It is safe
// for use by several goroutines.
type Process struct {
	Spec
	cmd            *exec.Cmd
	stdin          io.WriteCloser // nil: the program has an empty standard input
	stdout, stderr output
	done           chan struct{} // closed when it has ended and all its output was read
	exit           Exit          // once done
}

// Exit is how a process ended.
type Exit struct {
	Code   int            // when it ended by itself
	Signal syscall.Signal // when it was killed; else 0
}

func (e Exit) String() string {
	switch {
	case e.Signal != 0:
		return "killed by " + unix.SignalName(e.Signal)
	case e.Code != 0:
		return fmt.Sprintf("ended with exit status %d", e.Code)
	}
	return "ended normally"
}

// Start starts a program with an empty standard input.
func (w *World) Start(spec Spec) (*Process, error) {
	p := newProcess(spec)
	if err := w.start(p); err != nil {
		return nil, err
	}
	return p, nil
}

func newProcess(spec Spec) *Process {
	p := &Process{Spec: spec, done: make(chan struct{})}
	p.cmd = exec.Command(spec.Path, spec.Args...)
	p.cmd.Env = append(os.Environ(), spec.Env...)
	p.cmd.Dir = spec.Dir
	p.cmd.Stdout = &p.stdout
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = attributes()
	p.cmd.WaitDelay = 2 * time.Second // a child of the child may hold the pipe
	return p
}

func (w *World) start(p *Process) error {
	err := w.own(func() (closer, error) { return p, p.cmd.Start() })
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	go func() {
		p.exit = exitOf(p.cmd.Wait(), p.cmd.ProcessState)
		close(p.done)
		w.disown(p)
	}()
	return nil
}

// exitOf ignores the error of Wait, which repeats the state, or says that the
// output was cut short.
func exitOf(_ error, s *os.ProcessState) Exit {
	status, ok := s.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return Exit{Signal: status.Signal()}
	}
	return Exit{Code: s.ExitCode()}
}

// Pid returns the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and all its output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Exit says how the process ended; only once Done is closed.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// Wait waits until the process has ended.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return Exit{}, fmt.Errorf("%s has not ended: %w", p.Name, context.Cause(ctx))
	}
}

// Kill ends the process with SIGKILL, stopped or not, and waits until it is
// gone.
func (p *Process) Kill() Exit {
	p.kill()
	return p.Exit()
}

func (p *Process) kill() { p.cmd.Process.Kill() } // the only error is that it has ended
func (p *Process) end()  { <-p.done }

// Stop freezes the process with SIGSTOP and returns when it stands still.
func (p *Process) Stop() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := waitStopped(p.Pid()); err != nil {
		return fmt.Errorf("stop %s: %w", p.Name, err)
	}
	return nil
}

// Continue lets a stopped process go on.
func (p *Process) Continue() error { return p.signal(syscall.SIGCONT) }

// Terminate asks the process to end, with SIGTERM.
func (p *Process) Terminate() error { return p.signal(syscall.SIGTERM) }

func (p *Process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		err = errors.New("it has ended")
	}
	if err != nil {
		return fmt.Errorf("send %s to %s: %w", unix.SignalName(s), p.Name, err)
	}
	return nil
}

// Stdout returns the end of what the process wrote, at most 64 KiB of it.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is like Stdout.
func (p *Process) Stderr() string { return p.stderr.String() }

// WaitLine waits for a line of standard output that matches re, written before
// or after the call, and returns it and its submatches.
func (p *Process) WaitLine(ctx context.Context, re *regexp.Regexp) ([]string, error) {
	return p.waitLine(ctx, &p.stdout, re)
}

// WaitErrLine is like WaitLine, for standard error, where programs log.
func (p *Process) WaitErrLine(ctx context.Context, re *regexp.Regexp) ([]string, error) {
	return p.waitLine(ctx, &p.stderr, re)
}

func (p *Process) waitLine(ctx context.Context, from *output, re *regexp.Regexp) ([]string, error) {
	found := from.expect(re)
	select {
	case m := <-found:
		return m, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s has not printed %q: %w%s", p.Name, re, context.Cause(ctx), p.report())
	case <-p.done:
	}
	select {
	case m := <-found:
		return m, nil
	default:
		return nil, fmt.Errorf("%s did not print %q: it %v%s", p.Name, re, p.exit, p.report())
	}
}

var listening = regexp.MustCompile(`listening on http://(\S+)`)

// Listening waits until a server says where it listens, and returns its
// host:port.
func (p *Process) Listening(ctx context.Context) (string, error) {
	m, err := p.WaitLine(ctx, listening)
	if err != nil {
		return "", err
	}
	return m[1], nil
}

// report is what the process said, for the end of an error.
func (p *Process) report() string {
	said := strings.TrimSpace(p.Stdout() + "\n" + p.Stderr())
	if said == "" {
		return ""
	}
	const most = 2000
	if cut := len(said) - most; cut > 0 {
		said = "…" + said[cut:]
	}
	return "; it said:\n" + said
}
