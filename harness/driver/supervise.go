package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zeyrho/harness/history"
)

// patience is for how long a run may do nothing at all. How long it takes as a
// whole is the machine's affair.
const patience = 20 * time.Second

var errStuck = errors.New("stuck")

// superviseSelf runs this program again with other arguments, and watches the
// box that it fills. If it crashes or gets stuck the error is a violation: the
// code under test did that.
func superviseSelf(box io.ReaderAt, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var diag bytes.Buffer
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = &diag
	cmd.WaitDelay = patience // for its own child, which has this stderr too
	tie(cmd)
	go func() {
		if idle(ctx, box) {
			cancel(errStuck)
		}
	}()
	err = cmd.Run()
	switch {
	case context.Cause(ctx) == errStuck:
		return violated("stuck: nothing happened for %v, and the process was killed", patience)
	case err != nil:
		return lastWords(err, diag.String())
	}
	return nil
}

// idle returns true when the box has not changed for as long as patience lasts,
// and false when ctx has ended. It counts its own looks, not the time: if the
// whole machine is stopped for a while, that is nobody's fault.
func idle(ctx context.Context, box io.ReaderAt) bool {
	const looks = 40
	tick := time.NewTicker(patience / looks)
	defer tick.Stop()
	before := filled(box)
	for still := 0; still < looks; still++ {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if now := filled(box); now != before {
			before, still = now, -1
		}
	}
	return true
}

// lastWords finds out what a process died of. A panic of the driver's own begins
// with its name, and is not the store's fault.
func lastWords(exit error, stderr string) error {
	var ended *exec.ExitError
	if errors.As(exit, &ended) && ended.ExitCode() == exitViolation {
		return violated("%s", strings.TrimSpace(stderr))
	}
	if strings.Contains(stderr, "panic: driver: ") {
		return fmt.Errorf("driver: %w: %s", exit, strings.TrimSpace(stderr))
	}
	for line := range strings.Lines(stderr) {
		line = strings.TrimSuffix(strings.TrimSpace(line), " [recovered, repanicked]")
		for _, mark := range []string{"fatal error: ", "panic: ", "WARNING: DATA RACE", "SIGBUS", "SIGSEGV"} {
			if strings.Contains(line, mark) {
				return violated("%s", line)
			}
		}
	}
	return fmt.Errorf("driver: %w: %s", exit, strings.TrimSpace(stderr))
}

// boxed runs another verb in a process of its own, which records operations in
// a box, and writes the history of what is known when it has ended, well or
// not.
func boxed(c config, out io.Writer, header history.Header, verb string) error {
	dir, err := os.MkdirTemp(c.dir, "zeyrho-driver-")
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	defer os.RemoveAll(dir)
	box, err := os.Create(filepath.Join(dir, "box"))
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	defer box.Close()
	exit := superviseSelf(box, verb, "-out", box.Name(), "-store", c.store, "-dir", dir,
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
