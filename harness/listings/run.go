package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// patience is how long anything that a page runs may take.
const patience = 2 * time.Minute

// stage is where the commands of one page run: what it has started lives as
// long as the page is being read.
type stage struct {
	root    string
	scratch string // a directory of the page's own: $TMP in commands
	tool    toolbox
	shells  map[string]*shell
	servers map[string]*server
}

// shownScratch is where a page says that its files are: a path that readers can
// type. What the check runs gets the page's own directory, and disturbs nobody.
const shownScratch = "/tmp/zeyrho/"

// real returns text with the paths that are really used.
func (s *stage) real(text string) string {
	return strings.ReplaceAll(text, shownScratch, s.scratch+"/")
}

// shown returns text with the paths that the page shows.
func (s *stage) shown(text string) string {
	return strings.ReplaceAll(text, s.scratch+"/", shownScratch)
}

// toolbox builds each program once.
type toolbox struct {
	root string
	dir  string
}

func newStage(tool toolbox) (*stage, error) {
	dir, err := os.MkdirTemp("", "listings")
	if err != nil {
		return nil, err
	}
	return &stage{tool.root, dir, tool, map[string]*shell{}, map[string]*server{}}, nil
}

// close ends what the page has started.
func (s *stage) close() {
	for _, sh := range s.shells {
		sh.stop()
	}
	for _, srv := range s.servers {
		srv.stop()
	}
	os.RemoveAll(s.scratch)
}

// build compiles a program of the repository and returns its path.
func (t toolbox) build(ctx context.Context, pkg string) (string, error) {
	bin := filepath.Join(t.dir, filepath.Base(pkg))
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "./"+pkg)
	cmd.Dir = t.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./%s: %w\n%s", pkg, err, out)
	}
	return bin, nil
}

func (s *stage) environment() []string {
	return append(os.Environ(), "NO_COLOR=1", "TERM=dumb", "TMP="+s.scratch)
}

// bash runs a line and returns its output and its exit status.
func (s *stage) bash(ctx context.Context, line, stdin string) ([]string, int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdin = s.root, s.environment(), strings.NewReader(stdin)
	cmd.WaitDelay = time.Second // for what the line has left in the background
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return nil, 0, fmt.Errorf("%s: not done after %v", line, patience)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, 0, err
	}
	return outputLines(out), cmd.ProcessState.ExitCode(), nil
}

// outputLines cuts an output into lines, without blanks at their ends and
// without blank lines at its own.
func outputLines(out []byte) []string {
	lines := strings.Split(string(out), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// run returns what a run directive's block should hold. With a command, that
// is its output. Without one the block is a transcript: every line "$ command"
// in it is run, and followed by its output.
func (s *stage) run(ctx context.Context, b block, stdin string) ([]string, error) {
	in, out := s.real, s.shown
	if arg := b.directive.options["server"]; arg != "" {
		srv, err := s.server(ctx, arg)
		if err != nil {
			return nil, err
		}
		in = func(t string) string { return s.real(strings.ReplaceAll(t, shownAddress, srv.address)) }
		out = func(t string) string { return s.shown(strings.ReplaceAll(t, srv.address, shownAddress)) }
	}
	transcript := b.directive.arg == ""
	commands := []string{b.directive.arg}
	if transcript {
		commands = typed(b.body, "$ ")
	}
	if len(commands) == 0 {
		return nil, errors.New(`run without a command needs lines that begin with "$ " in its block`)
	}
	var lines []string
	for i, c := range commands {
		answer, status, err := s.bash(ctx, in(strings.TrimPrefix(strings.TrimSpace(c), "$ ")), stdin)
		if err != nil {
			return nil, err
		}
		want := "0"
		if x := b.directive.options["exit"]; x != "" && i == len(commands)-1 {
			want = x
		}
		if strconv.Itoa(status) != want {
			return nil, fmt.Errorf("%s: exit status %d, want %s (see the option exit)\n%s", c, status, want, strings.Join(answer, "\n"))
		}
		if transcript {
			lines = append(lines, strings.Split(c, "\n")...)
		}
		for _, line := range answer {
			lines = append(lines, out(line))
		}
	}
	return lines, nil
}

// typed returns what a person typed in a transcript: the lines after a prompt.
// One that ends in a backslash goes on with the next; a blank line before a
// prompt is kept with it.
func typed(body []string, prompt string) (commands []string) {
	blank := ""
	for i := 0; i < len(body); i++ {
		if body[i] == "" {
			blank = "\n"
			continue
		}
		if strings.HasPrefix(body[i], prompt) {
			command := body[i]
			for strings.HasSuffix(command, `\`) && i+1 < len(body) {
				i++
				command += "\n" + body[i]
			}
			if len(commands) == 0 {
				blank = ""
			}
			commands = append(commands, blank+command)
		}
		blank = ""
	}
	return commands
}
