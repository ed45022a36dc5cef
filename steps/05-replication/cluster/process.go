package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long a process may take to end in good order.
const grace = 5 * time.Second

// process is a process of a node.
type process struct {
	cmd    *exec.Cmd
	log    string        // the file that it prints into
	offset int64         // where in the file it began
	ended  chan struct{} // closed when it has ended; then cmd.ProcessState says how
	wanted atomic.Bool   // that it ends is our doing
	paused bool
}

// launch starts a program whose output is added to the file log.
//
// It is in a process group of its own: ctrl-C at the terminal is for the shell.
// Its standard input is a pipe that ends when we do.
func launch(program string, args []string, log string) (*process, error) {
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the process has it
	p := &process{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	if p.offset, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	fmt.Fprintf(f, "$ %s %s\n", filepath.Base(program), strings.Join(args, " "))
	p.cmd.Stdout, p.cmd.Stderr = f, f
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // what it says is in the ProcessState
		close(p.ended)
	}()
	return p, nil
}

var listening = regexp.MustCompile(`(?m)^listening on http://\S+ \(pid \d+\)$`)

// awaitListening waits until the process says that it listens. What it prints
// goes into a file and not to us, so that it can go on if we cannot.
func (p *process) awaitListening(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		printed, err := p.printed()
		if err != nil || listening.Match(printed) {
			return err
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return fmt.Errorf("ended before it listened (%v): %s", p.cmd.ProcessState, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("does not listen: %w", ctx.Err())
		}
	}
}

// printed returns what the process has printed, up to a limit.
func (p *process) printed() ([]byte, error) {
	f, err := os.Open(p.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, p.offset, 1<<20))
}

// lastWords returns the last line that the process has printed.
func (p *process) lastWords() string {
	printed, err := p.printed()
	if err != nil {
		return err.Error()
	}
	_, printed, _ = bytes.Cut(printed, []byte("\n")) // without the command
	text := strings.TrimSpace(string(printed))
	if text == "" {
		return "without a word"
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// wait waits for the end of the process, and returns how it came, or "" if that
// was our doing.
func (p *process) wait() string {
	<-p.ended
	if p.wanted.Load() {
		return ""
	}
	return p.cmd.ProcessState.String()
}

// running says whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends a signal. A process that has ended is sent none.
func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%v: %w", s, err)
	}
	return nil
}

// pause stops the process, and returns when it stands still. If we ended before
// it does, the system would not see, when we die, that it has to hang up on it.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for p.running() {
		state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(p.cmd.Process.Pid)).Output()
		if err != nil || strings.HasPrefix(strings.TrimSpace(string(state)), "T") {
			return nil // without ps nobody can tell
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// kill ends the process with no chance to put anything in order.
func (p *process) kill() error {
	p.wanted.Store(true)
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// stop asks the process to end, and kills it if it does not.
func (p *process) stop() error {
	p.wanted.Store(true)
	// A process that is paused would not hear the first before the second.
	if err := errors.Join(p.signal(syscall.SIGTERM), p.signal(syscall.SIGCONT)); err != nil {
		return err
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-late.C:
		return p.kill()
	}
}
