package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"zeyrho/steps/05-replication/node"
)

const (
	path          = "/peer"
	headerCluster = "Zeyrho-Cluster"
	headerFrom    = "Zeyrho-From"
	headerTo      = "Zeyrho-To"
	headerURL     = "Zeyrho-Advertise"
	headerSum     = "Zeyrho-Sum"
)

// sumOf returns the checksum of what the headers of a batch say. A bit of them
// that has changed must not pass for another node, or for a wrong peer table.
func sumOf(h http.Header) string {
	sum := crc32.New(castagnoli)
	for _, name := range []string{headerCluster, headerFrom, headerTo, headerURL} {
		fmt.Fprintln(sum, h.Get(name))
	}
	return fmt.Sprintf("%08x", sum.Sum32())
}

// maxBatch is how many bytes go at once, if they are not one message. They are
// lost together, so they should not be more than keep a fast line busy.
const maxBatch = 256 << 10

// After a failure there is a pause, which doubles from the first to the last. Half
// of it is drawn, lest all who lost the same peer come back in step.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// peer is another node: what waits for it, and the figures of both directions.
//
// Invariants:
//   - status.Buffered is the frames of what waits and of the batch under way.
//   - If anything waits, wake has a token or the sender is at work.
type peer struct {
	id     node.ID
	ctx    context.Context // until it is taken out of the table
	cancel context.CancelFunc
	wake   chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []node.Message
	status  Status
}

func newPeer(ctx context.Context, id node.ID) *peer {
	r := &peer{id: id, wake: make(chan struct{}, 1), status: Status{ID: id}}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

func (r *peer) figures() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// note changes the figures.
func (r *peer) note(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}

// move reports whether the address is another one than before.
func (r *peer) move(address string) (moved bool) {
	r.note(func(s *Status) { s.Address, moved = address, s.Address != address })
	return moved
}

const noAddress = "its address is not in the peer table"

// add puts a message into the buffer, or says why it is dropped. The buffer has
// the message and not a copy, as nobody changes its bytes.
func (r *peer) add(m node.Message, room int) (why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := frameSize(m)
	switch s := &r.status; {
	case len(m.Data) > MaxMessage || len(m.Kind) > maxKind:
		why = fmt.Sprintf("one of kind %.40q has %d bytes, and the limit is %d: a mistake in the program", m.Kind, len(m.Data), MaxMessage)
	case s.Address == "":
		why = noAddress
	case r.ctx.Err() != nil:
		why = "we are about to stop"
	case s.Buffered > 0 && s.Buffered+size > room:
		why = "the buffer is full: it takes them too slowly, or not at all"
	default:
		r.waiting = append(r.waiting, m)
		s.Buffered += size
		r.signal()
		return ""
	}
	r.status.Dropped++
	return why
}

func (r *peer) signal() {
	select {
	case r.wake <- struct{}{}:
	default: // it is known already
	}
}

// next takes a batch from what waits, and says where it goes.
func (r *peer) next() (batch []node.Message, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for size := 0; n < len(r.waiting); n++ {
		if size += frameSize(r.waiting[n]); n > 0 && size > maxBatch {
			r.signal()
			break
		}
	}
	batch, r.waiting = r.waiting[:n:n], r.waiting[n:]
	return batch, r.status.Address
}

// run posts what waits for a peer, until that is taken out of the table.
func (p *Peers) run(r *peer) {
	pause := firstPause
	for r.ctx.Err() == nil {
		select {
		case <-r.wake:
		case <-r.ctx.Done():
			return
		}
		batch, address := r.next()
		if len(batch) == 0 {
			continue
		}
		frames, messages := encode(batch), len(batch)
		clear(batch) // what waits has its place behind it, and would keep it in memory
		err := p.post(r, address, frames)
		p.settle(r, messages, len(frames), err)
		if err == nil {
			pause = firstPause
			continue
		}
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-r.ctx.Done():
		}
		pause = min(2*pause, lastPause)
	}
}

// settle counts a batch as sent, or as lost.
func (p *Peers) settle(r *peer, messages, bytes int, err error) {
	const trouble = "messages to a peer are lost"
	r.note(func(s *Status) {
		s.Buffered -= bytes
		if err == nil {
			s.Sent += messages
			s.LastError = ""
		} else {
			s.Lost += messages
			s.LastError = err.Error()
		}
	})
	switch {
	case err == nil:
		p.notices.over(trouble, r.id)
	case r.ctx.Err() == nil: // or it is we who go
		p.notices.warn(trouble, r.id, err.Error())
	}
}

// errLate is why a batch is given up.
var errLate = errors.New("no answer in time")

// post sends a batch, and returns when it is answered.
func (p *Peers) post(r *peer, address string, frames []byte) error {
	ctx, cancel := context.WithTimeoutCause(r.ctx, p.config.patience(int64(len(frames))), errLate)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, bytes.NewReader(frames))
	if err != nil {
		return fmt.Errorf("address %q, which must be HOST:PORT: %w", address, err)
	}
	req.Header.Set(headerCluster, p.cluster)
	req.Header.Set(headerFrom, p.config.Self.String())
	req.Header.Set(headerTo, r.id.String())
	req.Header.Set(headerURL, p.config.Advertise)
	req.Header.Set(headerSum, sumOf(req.Header))
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return plain(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // what there is of it
	return &refusal{resp.StatusCode, strings.TrimSpace(string(text))}
}

// dial bounds the time of Config.Dial. The transport would let it go on after
// the batch that wanted the connection is given up.
func (p *Peers) dial(_ context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.config.Timeout)
	defer cancel()
	return p.config.Dial(ctx, network, address)
}

// plain leaves the ports of a connection out of an error. They are others at
// every try, and the same trouble should have the same words.
func plain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}
