package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"zeyrho/harness/check"
	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// Options say how a Lab is set up.
type Options struct {
	Full    bool     // the long tier
	Overlay string   // what to build in the place of the sources, see go build -overlay
	Columns []string // the steps to build; nil means all
	Dir     string   // where the programs go; "" is a cache
}

var stepNames = map[string]string{"01": "01-map", "02": "02-concurrency", "03": "03-server", "04": "04-journal", "05": "05-replication", "06": "06-catchup"}

// StepName returns the name of a column's step, which is its directory's.
func StepName(column string) string { return stepNames[column] }

// NewLab builds the programs. Close it when done.
func NewLab(ctx context.Context, o Options) (*Lab, error) {
	root, err := real.Root(".")
	if err != nil {
		return nil, err
	}
	if o.Columns == nil {
		o.Columns = Columns()
	}
	packages := []string{"harness/driver"}
	for _, c := range o.Columns {
		packages = append(packages, "steps/"+stepNames[c])
	}
	built, err := real.Builder{Root: root, Dir: o.Dir, Overlay: o.Overlay}.Build(ctx, packages...)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "zeyrho-")
	if err != nil {
		return nil, err
	}
	l := &Lab{full: o.Full, dir: dir, bin: map[string]string{}}
	for pkg, program := range built {
		l.bin[filepath.Base(pkg)] = program
	}
	return l, nil
}

// Close removes what the runs left behind.
func (l *Lab) Close() error { return os.RemoveAll(l.dir) }

// drive runs the harness' driver, which uses a step as a library, and returns
// the history that it wrote, and how it ended if not well.
func (r *Run) drive(verb string, args ...string) (h history.History, exit string, err error) {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return h, "", err
	}
	out := filepath.Join(r.dir, strings.Join(append([]string{verb}, args...), "_")+".jsonl")
	args = append([]string{verb, "-seed", fmt.Sprint(r.seed), "-out", out}, args...)
	stderr, err := r.command("driver", args)
	var ended *exec.ExitError
	switch {
	case err == nil:
	case r.ctx.Err() == nil && errors.As(err, &ended) && ended.ExitCode() == 1:
		line, _, _ := strings.Cut(stderr, "\n") // it saw a promise broken, a crash perhaps
		exit = strings.TrimSpace(line)
	default:
		return h, "", fmt.Errorf("driver %s: %w: %s", verb, err, stderr)
	}
	f, err := os.Open(out)
	if err != nil {
		return h, exit, fmt.Errorf("driver %s: %w %s", verb, err, stderr)
	}
	defer f.Close()
	h, err = history.Read(f)
	return h, exit, err
}

// command runs one of the programs to its end.
func (r *Run) command(name string, args []string) (stderr string, err error) {
	var diag bytes.Buffer
	cmd := exec.CommandContext(r.ctx, r.lab.bin[name], args...)
	cmd.Stderr = &diag
	err = cmd.Run()
	return diag.String(), err
}

// exploration is what the explorer has to say.
type exploration struct {
	Verdict   string `json:"verdict"`
	Schedules int    `json:"schedules"`
	Reason    string `json:"reason"`
	Story     string `json:"story"`
}

// told says what was found: the shortest schedule that goes wrong, if any does.
func (e exploration) told() string {
	if e.Verdict == string(check.Pass) {
		return "all as promised"
	}
	story, _, _ := strings.Cut(e.Story, "=> ") // where the reason comes again
	return strings.TrimRight(e.Reason+"\n"+story, "\n")
}

// explore lets the driver run a store in every order of its steps.
func (r *Run) explore(what string) (got exploration, err error) {
	_, err = r.ask(&got, "explore", "-what", what)
	return got, err
}

// ask runs a verb of the driver with the seed of the run. See Lab.ask.
func (r *Run) ask(into any, args ...string) (broken string, err error) {
	return r.lab.ask(r.ctx, into, append(args, "-seed", fmt.Sprint(r.seed))...)
}

// ask runs a verb of the driver that prints JSON. If the driver saw a promise
// broken, its words are returned too.
func (l *Lab) ask(ctx context.Context, into any, args ...string) (broken string, err error) {
	out, err := exec.CommandContext(ctx, l.bin["driver"], args...).Output()
	ended, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case ok && ended.ExitCode() == 1:
		broken = strings.TrimSpace(string(ended.Stderr))
	case ok:
		return "", fmt.Errorf("driver %s: %w: %s", args[0], err, ended.Stderr)
	case err != nil:
		return "", fmt.Errorf("driver %s: %w", args[0], err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		return broken, fmt.Errorf("driver %s: %w in %q", strings.Join(args, " "), err, out)
	}
	return broken, nil
}

// carry runs a cell's Run, and gathers whatever the harness could not do.
func (r *Run) carry(c Cell) error {
	if c.World == Sim && slices.Contains(clustered, c.Column) {
		return c.Run(r) // which starts nothing for real: see simulated
	}
	var err error
	if r.sys, err = r.newSystem(); err != nil {
		return err
	}
	if err = r.start(); err == nil {
		err = c.Run(r)
	}
	r.crashes()
	if r.ctx.Err() != nil {
		err = errors.Join(err, context.Cause(r.ctx))
	}
	return errors.Join(err, r.fault)
}

// launch starts a program of the step.
func (r *Run) launch(spec real.Spec) (*real.Process, error) {
	p, err := r.world.Start(spec)
	if err == nil {
		r.launched(p)
	}
	return p, err
}

// launchClient starts a program of the step as a client.
func (r *Run) launchClient(spec real.Spec) (*real.Client, error) {
	c, err := r.world.StartClient(spec)
	if err == nil {
		r.launched(c.Process)
	}
	return c, err
}

func (r *Run) launched(p *real.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.procs = append(r.procs, p)
}

// crashes looks at every program that was started, and records the first that
// has come to an end as Go programs do that panic or run into a fatal error; or
// the first node of a cluster that has given up, and should not have.
func (r *Run) crashes() {
	for _, p := range r.procs {
		if !p.Ended() || p.Exit().Code == 0 {
			continue
		}
		if c, ok := r.sys.(*cluster); ok && p.Exit().Code == 1 && c.unasked(p) {
			lines := strings.Split(strings.TrimSpace(p.Stderr()), "\n")
			r.rec.Event(history.Event{Kind: "crash", Node: p.Name, Text: "came to its end by itself: " + lines[len(lines)-1]})
			return
		}
		for line := range strings.Lines(p.Stderr()) {
			if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
				r.rec.Event(history.Event{Kind: "crash", Node: p.Name, Text: "crashed: " + strings.TrimSpace(line)})
				return
			}
		}
	}
}

// adopt makes the operations of a driver's history those of the run.
func (r *Run) adopt(h history.History) { r.adopted = h.Ops }
