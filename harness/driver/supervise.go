package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"zeyrho/harness/history"
)

// patience is how long a run may take. All take much less; one that does not
// is stuck.
const patience = 20 * time.Second

// superviseSelf runs this program again with other arguments. If it crashes or
// gets stuck the error is a violation: the code under test did that.
func superviseSelf(args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var diag bytes.Buffer
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = &diag
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return violated("stuck: the process did not end within %v and was killed", patience)
	case err != nil:
		return lastWords(err, diag.String())
	}
	return nil
}

// lastWords finds out what a process died of.
func lastWords(exit error, stderr string) error {
	var ended *exec.ExitError
	if errors.As(exit, &ended) && ended.ExitCode() == exitViolation {
		return violated("%s", strings.TrimSpace(stderr))
	}
	for line := range strings.Lines(stderr) {
		line = strings.TrimSuffix(strings.TrimSpace(line), " [recovered, repanicked]")
		for _, mark := range []string{"fatal error: ", "panic: ", "WARNING: DATA RACE", "SIGBUS", "SIGSEGV"} {
			if strings.Contains(line, mark) {
				return violated("%s", line)
			}
		}
	}
	return fmt.Errorf("driver: %w: %s", exit, errors.New(strings.TrimSpace(stderr)))
}

// boxed runs another verb in a process of its own, which records operations in
// a box, and writes the history of what is known when it has ended, well or
// not.
func boxed(c config, out io.Writer, header history.Header, verb string) error {
	box, err := os.CreateTemp(c.dir, "zeyrho-driver-*.box")
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	defer os.Remove(box.Name())
	defer box.Close()
	exit := superviseSelf(verb, "-out", box.Name(), "-store", c.store, "-dir", c.dir,
		"-seed", fmt.Sprint(c.seed), "-ops", fmt.Sprint(c.ops), "-clients", fmt.Sprint(c.clients))
	h := history.History{Header: header}
	h.Events = append(h.Events, history.Event{Kind: "phase", Text: "warm-up"})
	if h.Ops, err = readBox(box.Name()); err != nil {
		return errors.Join(exit, err)
	}
	if errors.As(exit, &violation{}) {
		h.Events = append(h.Events, history.Event{At: lastInstant(h.Ops), Kind: "exit", Node: "driver", Text: exit.Error()})
	}
	return errors.Join(exit, history.Write(out, h))
}

func lastInstant(ops []history.Op) (at int64) {
	for _, op := range ops {
		at = max(at, op.Call, op.Return)
	}
	return at
}

// boxRecorder returns a recorder that keeps everything in the box out.
func boxRecorder(c config, out io.Writer) (*history.Recorder, error) {
	box, err := newBox(out, c.ops)
	if err != nil {
		return nil, err
	}
	rec := history.NewRecorder(history.Header{})
	rec.OnBegin = func(_ history.Counts, op history.Op) {
		op.Outcome, op.Error = history.Unknown, "no answer: the process ended"
		box.put(op)
	}
	rec.OnEnd = func(_ history.Counts, op history.Op) { box.put(op) }
	rec.Phase("warm-up")
	return rec, nil
}
