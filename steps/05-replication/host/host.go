// Package host answers: what does a node need around it, to be a process on a
// machine?
//
// A directory, a loop with a clock, a port for its peers, a service for clients,
// and flags that say who it is and where the others are. A step brings the node
// itself.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"zeyrho/steps/03-server/program"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/peers"
	"zeyrho/steps/05-replication/service"
)

// Part is the node that a step has opened.
type Part struct {
	Node    *node.Node
	Promote func() error                      // makes it lead; called in a turn
	Status  func() map[string]any             // for GET /status; called when nothing changes in the node
	Wrap    func(Site) http.Handler           // further paths, around the service's handler; it may be nil
	Begin   func(table func(node.ID, string)) // told how to change the peer table, before the node runs; it may be nil
}

// Site is where a handler of a step finds itself.
type Site struct {
	Loop    *node.Loop
	Service *service.Service
	Inner   http.Handler
}

// Open opens a node with open, and everything around it. What is served to
// clients is in the Opened; the peers' port is served already.
func Open(f *Flags, log *slog.Logger, open func(node.Env, disk.Disk) (Part, error)) (program.Opened, error) {
	d, err := disk.OpenDir(f.Dir)
	if err != nil {
		return program.Opened{}, fmt.Errorf("-dir %s: %w", f.Dir, err)
	}
	listener, err := server.Listen(f.PeerListen)
	if err != nil {
		return program.Opened{}, fmt.Errorf("-peer-listen: %w", err)
	}
	h := &host{log: log}
	h.loop = node.NewLoop(node.LoopConfig{Send: func(m node.Message) { h.peers.Send(m) }, Queue: f.Queue})
	h.peers = peers.New(peers.Config{
		Cluster: f.Cluster, Self: f.ID, Advertise: f.Advertise, Receive: h.loop.Deliver, Log: log,
	})
	if h.part, err = open(h.loop, d); err != nil {
		h.peers.Close()
		return program.Opened{}, errors.Join(fmt.Errorf("-dir %s: %w", d, err), listener.Close())
	}
	for id, address := range f.Peers {
		h.peers.Set(id, address)
	}
	if h.part.Begin != nil {
		h.part.Begin(h.peers.Set)
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.serving.Go(func() {
		if err := h.peers.Serve(ctx, listener); err != nil {
			log.Error("peers", "error", err)
		}
	})
	h.service = service.New(h.loop, h.url, h.part.Promote)
	found := h.part.Node.Replica().Found()
	log.Info("opened", "node", f.ID, "dir", d, "found", found, "peers", listener.Addr())
	h.loop.Drive(h.part.Node)
	return program.Opened{
		Store:    h.service,
		Greeting: fmt.Sprintf("This is %v; its data is in %s: %v.", f.ID, d, found),
		Status:   h.status,
		Wrap:     h.wrap,
		Ended:    h.ended(f),
		Close:    h.close,
	}, nil
}

// host is a node with everything around it.
type host struct {
	log     *slog.Logger
	loop    *node.Loop
	peers   *peers.Peers
	part    Part
	service *service.Service
	stop    context.CancelFunc
	serving sync.WaitGroup
}

func (h *host) wrap(inner http.Handler) http.Handler {
	inner = h.service.Wrap(inner)
	if h.part.Wrap == nil {
		return inner
	}
	return h.part.Wrap(Site{h.loop, h.service, inner})
}

// url returns where clients reach a node: it has said so itself.
func (h *host) url(id node.ID) string { return h.peers.URL(id) }

func (h *host) status() map[string]any {
	var members map[string]any
	h.loop.Look(func(*node.Node) { members = h.part.Status() })
	members["queued"], members["queued_bytes"] = h.loop.Queued()
	members["links"] = h.peers.Status()
	return members
}

// ended is closed when the node has come to its end or, if it was started so,
// the process that has started this one.
func (h *host) ended(f *Flags) <-chan struct{} {
	if !f.WithParent {
		return h.loop.Ended()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-h.loop.Ended():
		case <-f.parent():
		}
	}()
	return ended
}

func (h *host) close() error {
	err := h.loop.Close()
	h.stop()
	h.serving.Wait()
	h.peers.Close()
	return err
}
