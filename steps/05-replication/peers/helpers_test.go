package peers_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/peers"
)

// memory is a network without sockets, for the virtual time of testing/synctest.
type memory struct {
	mu        sync.Mutex
	listeners map[string]*listener
	dials     int
	// through is what a new connection goes through, if anything. The dialler has
	// that end of it.
	through func(net.Conn) net.Conn
}

func newMemory() *memory { return &memory{listeners: make(map[string]*listener)} }

type listener struct {
	network  *memory
	address  string
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (n *memory) listen(address string) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &listener{network: n, address: address, incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l
}

func (n *memory) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	l, through := n.listeners[strings.TrimSuffix(address, ":80")], n.through
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	if l == nil {
		return nil, refused
	}
	near, far := net.Pipe()
	select {
	case l.incoming <- far:
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if through != nil {
		near = through(near)
	}
	return near, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.address} }

// member is a node: its peers, and what has come in.
type member struct {
	*peers.Peers
	t     *testing.T
	id    node.ID
	log   *lines
	stop  context.CancelFunc // of the receiving end
	ended chan error

	mu    sync.Mutex
	inbox []node.Message
	more  chan struct{}
}

// roomless is the kind of a message for which there is no room in the inbox.
const roomless = "roomless"

// join starts a node at l, until the end of the test at the latest.
func join(t *testing.T, id node.ID, l net.Listener, c peers.Config) *member {
	m := &member{t: t, id: id, log: &lines{}, ended: make(chan error, 1), more: make(chan struct{}, 1)}
	if c.Cluster == "" {
		c.Cluster = "the cluster"
	}
	c.Self = id
	c.Receive = m.receive
	c.Log = slog.New(slog.NewTextHandler(m.log, nil))
	m.Peers = peers.New(c)
	t.Cleanup(m.Close)
	m.serve(l)
	return m
}

func (m *member) serve(l net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go func() { m.ended <- m.Serve(ctx, l) }()
	m.t.Cleanup(m.leave)
}

// leave ends the receiving end.
func (m *member) leave() {
	if m.stop != nil {
		m.stop()
		require.NoError(m.t, <-m.ended)
		m.stop = nil
	}
}

func (m *member) receive(got node.Message) bool {
	if got.Kind == roomless {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inbox = append(m.inbox, got)
	select {
	case m.more <- struct{}{}:
	default:
	}
	return true
}

func (m *member) received() []node.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]node.Message(nil), m.inbox...)
}

// await waits until there are n messages.
func (m *member) await(n int) []node.Message {
	for {
		if got := m.received(); len(got) >= n {
			return got
		}
		<-m.more
	}
}

// about returns the figures about a peer.
func (m *member) about(id node.ID) peers.Status {
	for _, s := range m.Status() {
		if s.ID == id {
			return s
		}
	}
	return peers.Status{}
}

// lines is what was logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.FieldsFunc(l.text.String(), func(r rune) bool { return r == '\n' })
}

// pair is two nodes in memory, n1 and n2, at one and two, that know each other.
func pair(t *testing.T, c peers.Config) (n *memory, one, two *member) {
	n = newMemory()
	c.Dial = n.dial
	one, two = join(t, 1, n.listen("one"), c), join(t, 2, n.listen("two"), c)
	one.Set(2, "two")
	two.Set(1, "one")
	return n, one, two
}

func text(to node.ID, format string, args ...any) node.Message {
	return node.Message{To: to, Kind: "text", Data: fmt.Appendf(nil, format, args...)}
}

func texts(all []node.Message) (s []string) {
	for _, m := range all {
		s = append(s, string(m.Data))
	}
	return s
}

// frame is a frame as the documentation has it.
func frame(from, to node.ID, kind, data string) []byte {
	p := binary.LittleEndian.AppendUint16(nil, uint16(from))
	p = binary.LittleEndian.AppendUint16(p, uint16(to))
	p = append(p, byte(len(kind)))
	p = append(p, kind+data...)
	return seal(p)
}

// seal puts a header before a payload.
func seal(payload []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, payload...)
}

// headerSum is the checksum of the headers of a batch without an Advertise.
func headerSum(cluster, from, to string) string {
	text := cluster + "\n" + from + "\n" + to + "\n\n"
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// requireSame compares long messages, and prints short ones.
func requireSame(t *testing.T, want, got []node.Message) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, reflect.DeepEqual(want[i], got[i]), "message %d: %.99v, not %.99v", i, got[i], want[i])
	}
}
