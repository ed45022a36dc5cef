package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

var errClosed = errors.New("the cluster has ended")

// with calls f for node i, while nobody else does anything.
func (c *Cluster) with(i int, f func(m *member) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return errClosed
	case i < 1 || i > len(c.members):
		return fmt.Errorf("there is no n%d; there are n1 to n%d", i, len(c.members))
	}
	m := c.members[i-1]
	if err := f(m); err != nil {
		return fmt.Errorf("%s %w", m.Name(), err)
	}
	return nil
}

// up calls f with the process of node i, which must not be down.
func (c *Cluster) up(i int, f func(p *process) error) error {
	return c.with(i, func(m *member) error {
		if !m.process.running() {
			return errors.New("is down; start it first")
		}
		return f(m.process)
	})
}

// Kill ends node i as kill -9 does, paused or not.
func (c *Cluster) Kill(i int) error { return c.up(i, (*process).kill) }

// Stop ends node i in good order, paused or not.
func (c *Cluster) Stop(i int) error { return c.up(i, (*process).stop) }

// Pause stops node i in the middle of whatever it does, until Resume. To the
// others that looks like a network that is cut.
func (c *Cluster) Pause(i int) error {
	return c.up(i, func(p *process) error {
		if p.paused {
			return errors.New("is paused already")
		}
		p.paused = true
		return p.pause()
	})
}

// Resume lets node i go on after Pause.
func (c *Cluster) Resume(i int) error {
	return c.up(i, func(p *process) error {
		if !p.paused {
			return errors.New("is not paused")
		}
		p.paused = false
		return p.signal(syscall.SIGCONT)
	})
}

// Start starts node i again, and returns when it listens. It never begins a new
// history: if its data is gone, it waits to be given the others'.
func (c *Cluster) Start(ctx context.Context, i int) error {
	return c.with(i, func(m *member) error {
		switch {
		case m.process.running() && m.process.paused:
			return errors.New("is paused; resume it, or kill it first")
		case m.process.running():
			return errors.New("is running already")
		}
		return c.start(ctx, m, false)
	})
}

// Wipe deletes all that node i has kept, as if its disk were lost. It must be
// down.
func (c *Cluster) Wipe(i int) error {
	return c.with(i, func(m *member) error {
		if m.process.running() {
			return errors.New("is running; kill it first")
		}
		return os.RemoveAll(c.dir(i))
	})
}

// State says how node i does, as far as that can be seen from outside: "running",
// "paused", "down", or "down: HOW" if it has ended by itself.
func (c *Cluster) State(i int) (state string, err error) {
	err = c.with(i, func(m *member) error {
		switch {
		case m.process.running() && m.process.paused:
			state = "paused"
		case m.process.running():
			state = "running"
		case m.process.wanted.Load():
			state = "down"
		default:
			state = "down: " + m.process.cmd.ProcessState.String()
		}
		return nil
	})
	return state, err
}

// Tail returns the last lines that node i has printed.
func (c *Cluster) Tail(i, lines int) (text string, err error) {
	err = c.with(i, func(m *member) error {
		f, err := os.Open(c.log(i))
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		const most = 64 << 10 // bytes
		from := max(info.Size()-most, 0)
		b, err := io.ReadAll(io.NewSectionReader(f, from, most))
		all := strings.SplitAfter(string(b), "\n")
		if from > 0 {
			all = all[1:] // it is the end of a line
		}
		if all[len(all)-1] == "" {
			all = all[:len(all)-1]
		}
		text = strings.Join(all[max(len(all)-lines, 0):], "")
		return err
	})
	return text, err
}
