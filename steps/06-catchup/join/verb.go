package join

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/cluster"
)

const helpAdd = `start one more node, and let it catch up while the others go on
It is a learner: it is sent everything, and does not count as a disk.
"status live" in another shell shows it, too.`

// Verb returns the verb that adds a node to a cluster on this machine.
func Verb(c *cluster.Cluster) shell.Verb {
	return shell.Verb{Name: "add", Help: helpAdd, Run: func(ctx context.Context, args []shell.Word, out io.Writer) error {
		if len(args) > 0 {
			return shell.UsageError("add takes no arguments")
		}
		before := c.URLs()
		m, err := c.Add(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is running, at %s\n", m.Name(), m.URL)
		if err := tell(ctx, before, m); err != nil {
			return fmt.Errorf("%s is running, but nobody leads that could be told: %w", m.Name(), err)
		}
		down := func() string {
			if state, err := c.State(m.ID); err != nil || strings.HasPrefix(state, "down") {
				return cmp.Or(state, fmt.Sprint(err))
			}
			return ""
		}
		return watch(ctx, m, down, out)
	}}
}

// Introduce tells the leader where those nodes are now that were added, beyond
// those that the cluster began with, before it was started again.
func Introduce(ctx context.Context, c *cluster.Cluster, began int) error {
	var all error
	for _, m := range c.Members() {
		if m.ID <= began {
			continue
		}
		if err := tell(ctx, c.URLs(), m); err != nil {
			all = errors.Join(all, fmt.Errorf("%s is running, but nobody leads that could be told where: %w", m.Name(), err))
		}
	}
	return all
}

// tell tells the leader, whoever of the nodes that is.
func tell(ctx context.Context, urls []string, m cluster.Member) error {
	body, err := json.Marshal(map[string]any{"id": m.ID, "peer": m.Peer})
	if err != nil {
		return err
	}
	var all []error
	for _, url := range urls {
		err := post(ctx, url+"/members", body)
		if p, ok := errors.AsType[*server.Problem](err); err == nil || ok && p.Status < 500 {
			return err // it was the leader who said that
		}
		all = append(all, fmt.Errorf("%s: %w", url, err))
	}
	return errors.Join(all...)
}

// post sends a request, which may be redirected.
func post(ctx context.Context, url string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := cluster.Call(ctx, http.MethodPost, url, body)
	return err
}

// report is what is used of the answer to GET /status.
type report struct {
	Role     string `json:"role"`
	Applied  uint64 `json:"applied"`
	Lag      uint64 `json:"lag"`
	Snapshot struct {
		Fetched   int `json:"fetched"`
		Receiving *struct {
			Bytes   int64   `json:"bytes"`
			Size    int64   `json:"size"`
			Seconds float64 `json:"seconds"`
		} `json:"receiving"`
	} `json:"snapshot"`
}

// watch shows how a node catches up: a bar for people, a line at the end in a
// pipe. Down says how the node has ended, if it has.
func watch(ctx context.Context, m cluster.Member, down func() string, out io.Writer) error {
	began := time.Now()
	bar := shell.Interactive()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := ask(ctx, m.URL)
		if err == nil && r.Role == "learner" && r.Applied > 0 && r.Lag == 0 && r.Snapshot.Receiving == nil {
			end := fmt.Sprintf("%s has caught up with entry %d, after %.1f s", m.Name(), r.Applied, time.Since(began).Seconds())
			if bar {
				end = "\r\x1b[K" + end
			}
			fmt.Fprintln(out, end)
			return nil
		}
		if how := down(); err != nil && how != "" {
			return fmt.Errorf("%s has ended before it had caught up: %s", m.Name(), how)
		}
		if bar && err == nil {
			fmt.Fprint(out, "\r\x1b[K"+line(r))
			if f, ok := out.(interface{ Flush() error }); ok {
				_ = f.Flush() // if nobody looks there is nothing to show
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s goes on catching up; \"status\" shows how far it is: %w", m.Name(), ctx.Err())
		}
	}
}

// line says how far a node is.
func line(r report) string {
	const width = 30
	in := r.Snapshot.Receiving
	switch {
	case in != nil && in.Size > 0:
		full := int(width * in.Bytes / in.Size)
		return fmt.Sprintf("snapshot [%s%s] %3d %%  %.1f of %.1f MB, %.1f s", strings.Repeat("#", full), strings.Repeat(".", width-full),
			100*in.Bytes/in.Size, float64(in.Bytes)/1e6, float64(in.Size)/1e6, in.Seconds)
	case r.Applied > 0:
		return fmt.Sprintf("entries: at %d, %d behind", r.Applied, r.Lag)
	}
	return "waiting for the leader"
}

func ask(ctx context.Context, url string) (r report, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	body, err := cluster.Call(ctx, http.MethodGet, url+"/status", nil)
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	return r, err
}
