package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// shell is a step's shell on a pipe.
type shell struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// shell returns the shell of a directive: "steps/01-map -flag … as NAME". With
// a name it is the same one in every block of the page.
func (s *stage) shell(ctx context.Context, arg string) (*shell, error) {
	arg, name, named := strings.Cut(arg, " as ")
	if sh := s.shells[name]; named && sh != nil {
		return sh, nil
	}
	words, err := splitWords(s.real(strings.ReplaceAll(arg, "$TMP", s.scratch)))
	if err != nil {
		return nil, err
	}
	bin, err := s.tool.build(ctx, words[0])
	if err != nil {
		return nil, err
	}
	sh := &shell{cmd: exec.CommandContext(ctx, bin, words[1:]...)}
	sh.cmd.Dir, sh.cmd.Env, sh.cmd.Stderr = s.root, s.environment(), &sh.stderr
	if sh.in, err = sh.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := sh.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	sh.out = bufio.NewReader(out)
	if !named {
		name = fmt.Sprint("unnamed ", len(s.shells))
	}
	s.shells[name] = sh
	return sh, sh.cmd.Start()
}

// stop ends the shell's input, which ends the shell.
func (sh *shell) stop() {
	sh.in.Close()
	timer := time.AfterFunc(10*time.Second, func() { sh.cmd.Process.Kill() })
	defer timer.Stop()
	_ = sh.cmd.Wait() // its status says only whether a line failed
}

// marker is a request that every shell refuses with an error that quotes it:
// that answer ends the one before. It leaves no trace in the history.
const marker = "end-of-answer"

// ask sends a line and returns the answer.
func (sh *shell) ask(line string) ([]string, error) {
	timer := time.AfterFunc(patience, func() { sh.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := fmt.Fprintf(sh.in, "%s\n%s\n", line, marker); err != nil {
		return nil, fmt.Errorf("the shell has ended: %w\n%s", err, sh.stderr.String())
	}
	var lines []string
	for {
		answer, err := sh.out.ReadString('\n')
		if err != nil {
			return lines, fmt.Errorf("the shell has ended: %w\n%s", err, sh.stderr.String())
		}
		if strings.HasPrefix(answer, "error: ") && strings.Contains(answer, marker) {
			return lines, nil
		}
		lines = append(lines, strings.TrimRight(answer, " \t\r\n"))
	}
}

// transcript sends the lines of a block that begin with "> " to a shell and
// returns them with the answers.
func (s *stage) transcript(ctx context.Context, b block) ([]string, error) {
	sh, err := s.shell(ctx, b.directive.arg)
	if err != nil {
		return nil, err
	}
	requests := typed(b.body, "> ")
	if len(requests) == 0 {
		return nil, errors.New(`no line of the block begins with "> "`)
	}
	var lines []string
	for _, r := range requests {
		answer, err := sh.ask(s.real(strings.TrimPrefix(strings.TrimSpace(r), "> ")))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		lines = append(lines, strings.Split(r, "\n")...)
		for _, line := range answer {
			lines = append(lines, s.shown(line))
		}
	}
	return lines, nil
}

// shownAddress is where a page says that a server listens. The real one gets a
// free port, so that the check disturbs nobody.
const shownAddress = "127.0.0.1:7003"

// server is a step's server that runs while its page is checked.
type server struct {
	cmd     *exec.Cmd
	address string
}

// server returns the server of an option such as "steps/03-server". It is the
// same one in every block of the page that has the same option.
func (s *stage) server(ctx context.Context, arg string) (*server, error) {
	if srv := s.servers[arg]; srv != nil {
		return srv, nil
	}
	words, err := splitWords(s.real(strings.ReplaceAll(arg, "$TMP", s.scratch)))
	if err != nil {
		return nil, err
	}
	bin, err := s.tool.build(ctx, words[0])
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, bin, append([]string{"-serve", "-listen", "127.0.0.1:0"}, words[1:]...)...)
	cmd.Dir, cmd.Env = s.root, s.environment()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	srv := &server{cmd: cmd}
	s.servers[arg] = srv
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "listening on http://")
	if err != nil || !ok {
		return nil, fmt.Errorf("%s said %q and not where it listens", arg, line)
	}
	srv.address, _, _ = strings.Cut(address, " ") // after it comes the pid
	return srv, nil
}

// stop asks the server to end, and makes it end.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	_ = s.cmd.Wait()
}
