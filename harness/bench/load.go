package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is several clients of one server. Each has a connection of its own, and
// sends its next request when the last one is answered: so a server that is
// slow is also asked less, as by people who wait.
//
// The clients share the CPUs with the server. Most write the bytes of their
// requests themselves, which takes less than an http.Client would, and leaves
// more of what is measured to the server; see wire.
type load struct {
	clients []asker
	keys    []string
	value   []byte
	// disk, if there is one, is a file that the client appends each value to,
	// and syncs, before it asks.
	disk *os.File
}

// asker is one of the clients: it asks for something, and waits for the answer.
type asker interface {
	ask(ctx context.Context, key string, value []byte) error
	until(deadline time.Time) // a server that hangs until then is an error
	close()
}

// wire asks in bytes that it has written itself.
type wire struct {
	client *connection
	kind   kind
}

func (w wire) ask(_ context.Context, key string, value []byte) error {
	w.kind.write(w.client, key, value)
	return w.kind.ask(w.client)
}

func (w wire) until(deadline time.Time) { w.client.conn.SetDeadline(deadline) }
func (w wire) close()                   { w.client.close() }

// kind is a kind of request.
type kind struct {
	session bool // whether every client needs a session
	write   func(c *connection, key string, value []byte)
	ask     func(c *connection) error // sends what was written and reads the answer
}

var (
	get     = kind{write: writeGet, ask: askHTTP}
	put     = kind{write: writePut, ask: askHTTP}
	putOnce = kind{session: true, write: writePut, ask: askHTTP}
)

func askHTTP(c *connection) error {
	_, err := c.ask()
	return err
}

func writeGet(c *connection, key string, value []byte) {
	fmt.Fprintf(&c.out, "GET /kv/%s HTTP/1.1\r\nHost: bench\r\n\r\n", key)
	c.want = len(value)
}

func writePut(c *connection, key string, value []byte) {
	fmt.Fprintf(&c.out, "PUT /kv/%s HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n", key, len(value))
	if c.session != "" {
		c.number++
		fmt.Fprintf(&c.out, "Idempotency-Key: %s/%d\r\n", c.session, c.number)
	}
	c.out.WriteString("\r\n")
	c.out.Write(value)
	c.want = 0
}

// dial opens the connections of a load.
func (b *bench) dial(ctx context.Context, address string, k kind, clients int) (*load, error) {
	l := &load{keys: b.keys, value: b.value}
	for range clients {
		c, err := dial(ctx, address)
		if err != nil {
			l.close()
			return nil, err
		}
		l.clients = append(l.clients, wire{c, k})
		if !k.session {
			continue
		}
		if err := c.openSession(); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.clients {
		c.close()
	}
	if l.disk != nil {
		l.disk.Close()
	}
}

// take lets all clients ask until length has passed. What is under way then is
// still answered, and counts.
func (l *load) take(ctx context.Context, length time.Duration) (sample, error) {
	group, ctx := errgroup.WithContext(ctx)
	latencies := make([][]time.Duration, len(l.clients))
	began := time.Now()
	for i, c := range l.clients {
		group.Go(func() (err error) {
			latencies[i], err = l.ask(ctx, c, began.Add(length))
			return err
		})
	}
	err := group.Wait()
	return summary(slices.Concat(latencies...), time.Since(began)), err
}

// summary makes a sample of what all requests took, and all of them together.
func summary(all []time.Duration, took time.Duration) sample {
	if len(all) == 0 {
		return sample{}
	}
	slices.Sort(all)
	return sample{
		nanos: float64(took) / float64(len(all)),
		p50:   all[len(all)/2],
		p99:   all[len(all)*99/100],
	}
}

// ask sends requests until end, and returns how long each of them took.
func (l *load) ask(ctx context.Context, c asker, end time.Time) (took []time.Duration, err error) {
	const patience = 10 * time.Second
	c.until(end.Add(patience))
	for began := time.Now(); began.Before(end) && ctx.Err() == nil; {
		if l.disk != nil {
			if err := appendSync(l.disk, l.value); err != nil {
				return nil, err
			}
		}
		if err := c.ask(ctx, l.keys[rand.IntN(len(l.keys))], l.value); err != nil {
			return nil, err
		}
		now := time.Now()
		took = append(took, now.Sub(began))
		began = now
	}
	return took, ctx.Err()
}

// connection is one connection to a server, and what is asked on it.
type connection struct {
	conn    net.Conn
	in      *bufio.Reader
	out     bytes.Buffer // the next request
	want    int          // bytes of the answer to it
	session string
	number  uint64 // of the last request in the session
}

func dial(ctx context.Context, address string) (*connection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, in: bufio.NewReader(conn)}, nil
}

func (c *connection) close() { c.conn.Close() }

// ask sends the request in c.out and returns the body of the answer.
func (c *connection) ask() ([]byte, error) {
	_, err := c.conn.Write(c.out.Bytes())
	c.out.Reset()
	if err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode/100 != 2:
		return nil, fmt.Errorf("the server answered %s: %s", answer.Status, body)
	case c.want >= 0 && len(body) != c.want:
		return nil, fmt.Errorf("the server answered %d bytes and not %d", len(body), c.want)
	}
	return body, nil
}

func (c *connection) openSession() error {
	c.out.WriteString("POST /sessions HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n")
	c.want = -1 // any
	body, err := c.ask()
	if err != nil {
		return err
	}
	var opened struct{ Session string }
	if err := json.Unmarshal(body, &opened); err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	c.session = opened.Session
	return nil
}
