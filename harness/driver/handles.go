package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sync/errgroup"

	"zeyrho/harness/history"
	"zeyrho/steps/02-concurrency/mapped"
)

// rounds is how often the second handle is opened and closed in a run.
const rounds = 8

// runHandles lets two processes write to one mapped file. One of them keeps it
// open, and opens and closes it once more beside that, over and over. A lock
// that belongs to the process and the file (fcntl) does not keep the two
// handles apart, and is gone when one of them is closed.
func runHandles(c config, out io.Writer) error {
	c.store = "mapped"
	return boxed(c, out, c.header("handles", "02"), "in-handles")
}

// inHandles is what runs in the first process. It starts the second, and asks
// it through a pipe, so that one clock stands behind the whole history.
func inHandles(c config, out io.Writer) error {
	rec, err := boxRecorder(c, out)
	if err != nil {
		return err
	}
	first, file, remove, err := openMapped(c)
	if err != nil {
		return err
	}
	other, err := startServant(c, file)
	if err != nil {
		return errors.Join(err, first.Close(), remove())
	}
	var users errgroup.Group
	users.Go(func() error { return newUser(c, 0, record(local(first, c.pad()), rec.Client())).run(c.ops / 5) })
	users.Go(func() error { return newUser(c, 1, record(local(first, c.pad()), rec.Client())).run(c.ops / 5) })
	users.Go(func() error { return newUser(c, 2, record(other.ask, rec.Client())).run(c.ops / 5) })
	users.Go(func() error { return reopen(c, file, rec) })
	err = refusal(users.Wait())
	rec.Phase("quiet")
	here := refusal(newUser(c, 5, record(local(first, c.pad()), rec.Client())).look())
	there := refusal(newUser(c, 6, record(other.ask, rec.Client())).look())
	return errors.Join(err, here, there, other.end(), first.Close(), remove())
}

// reopen opens the file, lets two users write, and closes it under the hands of
// the second; and again.
func reopen(c config, file string, rec *history.Recorder) error {
	a, b := newUser(c, 3, nil), newUser(c, 4, nil)
	first, second := rec.Client(), rec.Client()
	for range rounds {
		s, err := mapped.Open(file, 0)
		if err != nil {
			return err
		}
		a.store, b.store = record(local(s, c.pad()), first), record(local(s, c.pad()), second)
		var late errgroup.Group
		late.Go(func() error { return b.run(c.ops / 5 / rounds) })
		err = a.run(c.ops / 5 / rounds)
		err = errors.Join(err, s.Close())
		if closed := late.Wait(); closed != nil && !strings.Contains(closed.Error(), mapped.ErrClosed.Error()) {
			err = errors.Join(err, closed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// servant is another process that has the file open and does what it is told.
type servant struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	to  *json.Encoder
	out *json.Decoder
}

func startServant(c config, file string) (*servant, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	cmd := exec.Command(self, "servant", "-file", file, "-store", "mapped")
	cmd.Stderr = os.Stderr
	tie(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	return &servant{cmd, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

// ask is an asker; for one goroutine. If there is no answer, the operation may
// have happened.
func (s *servant) ask(_ context.Context, op history.Op) history.Answer {
	var a history.Answer
	if err := errors.Join(s.to.Encode(op), s.out.Decode(&a)); err != nil {
		return history.Answer{Outcome: history.Unknown, Error: err.Error()}
	}
	return a
}

// end lets the servant go. If he died before, the code under test did that.
func (s *servant) end() error {
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		return violated("the second process: %v", err)
	}
	return nil
}

// runServant is what runs in the second process.
func runServant(c config, out io.Writer) error {
	s, err := mapped.Open(c.file, 0)
	if err != nil {
		return err
	}
	in, to := json.NewDecoder(os.Stdin), json.NewEncoder(out)
	for {
		var op history.Op
		if err := in.Decode(&op); err != nil {
			return s.Close() // whoever asked has gone
		}
		if err := to.Encode(ask(context.Background(), s, op, c.pad())); err != nil {
			return fmt.Errorf("driver: %w", err)
		}
	}
}
