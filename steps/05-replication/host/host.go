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
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"

	"zeyrho/steps/03-server/program"
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
	listener, err := listen(f.PeerListen)
	if err != nil {
		return program.Opened{}, err
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
	h.service = service.New(h.loop, h.peers.URL, h.promote)
	found := h.part.Node.Replica().Found()
	log.Info("opened", "node", f.ID, "dir", d, "found", found, "peers", listener.Addr())
	h.loop.Drive(h.part.Node)
	return program.Opened{
		Store:    h.service,
		Greeting: fmt.Sprintf("This is %v; its data is in %s: %v.", f.ID, d, found),
		Status:   h.status,
		Wrap:     h.wrap,
		Ended:    h.ended(ctx, f.WithParent),
		Close:    h.close,
	}, nil
}

// listen claims the port for other nodes.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("-peer-listen %s is in use: choose another port, and tell the others with their -peers: %w", address, err)
	case err != nil:
		return nil, fmt.Errorf("-peer-listen %q, which must be HOST:PORT of this machine: %w", address, err)
	}
	return l, nil
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

func (h *host) promote() (node.Epoch, error) {
	err := h.part.Promote()
	epoch, _ := h.part.Node.Replica().Epoch()
	return epoch, err
}

func (h *host) status() map[string]any {
	var members map[string]any
	h.loop.Look(func(*node.Node) { members = h.part.Status() })
	members["queued"], members["queued_bytes"] = h.loop.Queued()
	members["links"] = append([]peers.Status{}, h.peers.Status()...) // in JSON, [] and not null
	return members
}

// ended is closed when the node has come to its end or, with a parent, when the
// process has that has started this one.
func (h *host) ended(ctx context.Context, withParent bool) <-chan struct{} {
	if !withParent {
		return h.loop.Ended()
	}
	ended, orphaned := make(chan struct{}), parent()
	go func() {
		defer close(ended)
		select {
		case <-h.loop.Ended():
		case <-orphaned:
		case <-ctx.Done(): // it was closed
		}
	}()
	return ended
}

// parent returns a channel that is closed when the standard input ends.
func parent() <-chan struct{} {
	ended, input := make(chan struct{}), os.Stdin
	go func() {
		defer close(ended)
		io.Copy(io.Discard, input)
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
