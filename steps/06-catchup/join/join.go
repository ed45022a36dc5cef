// Package join answers: how does an operator bring one more node into a cluster
// that is at work, and watch it catch up?
//
//	POST /members    202; the body is {"id": 4, "peer": "HOST:PORT"}; at the leader
//
// The node itself has been started with -join and an empty disk. From then on
// the leader sends it a snapshot, and what comes after.
package join

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/host"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
	"zeyrho/steps/05-replication/service"
	"zeyrho/steps/06-catchup/catchup"
	"zeyrho/steps/06-catchup/snapshot"
)

// member is the body of POST /members.
type member struct {
	ID   node.ID `json:"id"`
	Peer string  `json:"peer"` // HOST:PORT, where it hears others
}

// Handler answers POST /members on a node, and leaves the rest to inner.
func Handler(at host.Site, c *catchup.Catchup) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/members" {
			at.Inner.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodPost {
			p := server.NewProblem(http.StatusMethodNotAllowed, server.CodeMethod, "%.80q is not for this path, which takes POST", r.Method)
			p.Header = http.Header{"Allow": {"POST"}}
			p.ServeHTTP(w, r)
			return
		}
		var m member
		in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
		in.DisallowUnknownFields()
		if err := in.Decode(&m); err != nil {
			server.NewProblem(http.StatusBadRequest, server.CodeInvalid, `the body must be such as {"id": 4, "peer": "HOST:PORT"}: %v`, err).ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeoutCause(r.Context(), addTime, fmt.Errorf("the disk has not answered within %v", addTime))
		defer cancel()
		add := func() error { return c.Add(snapshot.Member{ID: m.ID, Peer: m.Peer}) }
		if err := at.Loop.Call(ctx, add); err != nil {
			at.Service.Refusal(err).ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

// addTime is how long it may take to write down who is a member.
const addTime = 10 * time.Second

// Status returns what GET /status says of a node of this step.
func Status(n *node.Node, r replication.Status, c catchup.Status) map[string]any {
	members := service.Status(n, r)
	if c.Learner && r.Role == "follower" {
		members["role"] = "learner"
	}
	shot := map[string]any{
		"index": c.Saved.Index, "epoch": c.Saved.Epoch.String(), "bytes": c.Size,
		"written": c.Written, "fetched": c.Fetched,
		"paused_ms": float64(c.Paused.Microseconds()) / 1000, "took_ms": c.Took.Milliseconds(),
	}
	if c.Failed != "" {
		shot["failed"] = c.Failed
	}
	if in := c.Incoming; in != nil {
		shot["receiving"], shot["percent"] = progress(*in), 100*float64(in.Bytes)/float64(in.Size)
	}
	if len(c.Sending) > 0 {
		var all []map[string]any
		for _, p := range c.Sending {
			all = append(all, progress(p))
		}
		shot["sending"] = all
	}
	members["snapshot"] = shot
	if len(c.Members) > 0 {
		members["learners"] = c.Members
	}
	return members
}

func progress(p catchup.Progress) map[string]any {
	m := map[string]any{"of": p.Of.String(), "bytes": p.Bytes, "size": p.Size, "seconds": p.Took.Seconds()}
	if p.Peer != 0 {
		m["to"] = p.Peer.String()
	}
	return m
}
