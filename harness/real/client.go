package real

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"zeyrho/harness/history"
)

// Client is a shell at the end of a pipe: the store as one user sees it. Every
// step has the same shell, so a client is all that a scenario needs to know of
// a step.
//
// Invariants:
//   - At most one question is open. The next is asked only when the answer to
//     the last is complete, however late it came, so no answer is ever taken
//     for that of another question.
//   - An operation is OK or Fail only if the shell said so, or if it was never
//     asked (Fail). All else is Unknown.
//
// The embedded Process may be used by anybody; the operations are for one
// goroutine at a time.
type Client struct {
	*Process
	lines queue
	open  *reply // asked, and not completely answered
	lost  error  // the answers cannot be told apart any more
}

// StartClient starts a program that speaks the shell's line protocol on its
// standard input and output.
func (w *World) StartClient(spec Spec) (*Client, error) {
	c := &Client{Process: newProcess(spec), lines: queue{more: make(chan struct{}, 1)}}
	c.stdout.onLine = c.lines.push
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	c.stdin = in
	if err := w.start(c.Process); err != nil {
		return nil, err
	}
	return c, nil
}

// Get asks for the value of a key.
func (c *Client) Get(ctx context.Context, key string) (history.Answer, error) {
	return c.Do(ctx, history.Op{Kind: history.Get, Key: key})
}

// Put sets a key; cond is the version that it must have (0: absent), nil for
// any.
func (c *Client) Put(ctx context.Context, key, value string, cond *uint64) (history.Answer, error) {
	return c.Do(ctx, history.Op{Kind: history.Put, Key: key, Value: value, If: cond})
}

// Delete removes a key; cond is as for Put.
func (c *Client) Delete(ctx context.Context, key string, cond *uint64) (history.Answer, error) {
	return c.Do(ctx, history.Op{Kind: history.Delete, Key: key, If: cond})
}

// Scan asks for one page: the keys with a prefix that are greater than after
// (empty: from the first), at most limit of them (0: as many as the store
// gives).
func (c *Client) Scan(ctx context.Context, prefix, after string, limit int) (history.Answer, error) {
	return c.Do(ctx, history.Op{Kind: history.Scan, Key: prefix, After: after, Limit: limit})
}

// Do carries out an operation, of which Kind, Key, Value, If, After and Limit
// count. Everything that may happen to an operation is in the answer; the error
// is an *Unexpected, or says that op makes no sense.
//
// If ctx ends first, the outcome is Unknown, and the next operation begins by
// waiting for the answer that is still owed. If that does not come before the
// end of its own context, it is not asked at all, and fails.
func (c *Client) Do(ctx context.Context, op history.Op) (history.Answer, error) {
	line, err := request(op)
	if err != nil {
		return history.Answer{Outcome: history.Fail, Error: err.Error()}, err
	}
	return c.ask(ctx, line, op)
}

// Ask sends any line and returns the one line that answers it, in Value if it
// is neither an error nor unknown. A line that has no answer, or several, must
// not be asked.
func (c *Client) Ask(ctx context.Context, line string) (history.Answer, error) {
	return c.ask(ctx, line, history.Op{})
}

func (c *Client) ask(ctx context.Context, line string, op history.Op) (history.Answer, error) {
	if err := c.Ready(ctx); err != nil {
		return history.Answer{Outcome: history.Fail, Error: "not asked: " + err.Error()}, asUnexpected(err)
	}
	r := &reply{op: op, asked: line}
	c.open = r
	// The write may block, if the process is stopped and the line is long. It
	// is complete when the answer is, and ends with the process at the latest.
	go c.stdin.Write([]byte(line + "\n"))
	if err := c.await(ctx); err != nil {
		return history.Answer{Outcome: history.Unknown, Error: err.Error()}, asUnexpected(err)
	}
	return r.answer, nil
}

// Ready waits until the client can be asked: until the answer that it owes
// after a deadline has come. The error says why it cannot.
func (c *Client) Ready(ctx context.Context) error {
	if c.lost != nil {
		return c.lost
	}
	if c.open != nil {
		if err := c.await(ctx); err != nil {
			return err
		}
	}
	if line, ok := c.lines.pop(); ok {
		c.lost = &Unexpected{"nothing", shorten(line), "nobody asked"}
		return c.lost
	}
	if c.Ended() {
		return c.ended()
	}
	return nil
}

// await reads lines until the open question is answered.
func (c *Client) await(ctx context.Context) error {
	for {
		over := c.Ended() // looked at before the lines: then none is missed
		for line, ok := c.lines.pop(); ok; line, ok = c.lines.pop() {
			complete, err := c.open.feed(line)
			if complete {
				c.open, c.lost = nil, err
				return err
			}
		}
		if over {
			return c.ended()
		}
		select {
		case <-c.lines.more:
		case <-c.done:
		case <-ctx.Done():
			return fmt.Errorf("no answer to %s: %w", shorten(c.open.asked), context.Cause(ctx))
		}
	}
}

func (c *Client) ended() error { return fmt.Errorf("the client process %v", c.Exit()) }

// Close ends the shell as a user would, with the end of its input, and waits.
func (c *Client) Close(ctx context.Context) (Exit, error) {
	c.stdin.Close() // the only error is that it is closed
	return c.Wait(ctx)
}

func asUnexpected(err error) error {
	if u, ok := errors.AsType[*Unexpected](err); ok {
		return u
	}
	return nil
}

// queue holds the lines that came and were not read.
type queue struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // has something in it if a line came since the last look
}

func (q *queue) push(line string) {
	q.mu.Lock()
	q.lines = append(q.lines, line)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *queue) pop() (string, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		return "", false
	}
	line := q.lines[0]
	q.lines = q.lines[1:]
	return line, true
}
