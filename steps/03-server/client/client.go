// Package client answers: what can one know about a store at the other end of
// a wire?
//
// Client is a kv.Store, so whoever used a map in memory can use a server. But
// a call has three outcomes now. It happened; it did not happen; or the
// request may have reached the server and no answer came back, and then it may
// have happened. The client asks again, since a numbered command is applied
// once (see package session), and mostly learns what became of it. If it does
// not, the error wraps kv.ErrUnknown. It never takes silence for a no.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/session"
)

// Config says how patient a client is. A zero means the default.
type Config struct {
	Attempts   int           // tries for each request; 10
	TryTimeout time.Duration // for each try, connecting included; 3 s
	Timeout    time.Duration // for a request with all its tries, and for the turn that a write waits for; 20 s
	Backoff    time.Duration // longest pause after the first try; it doubles with every try, up to 2 s; 50 ms
	Conns      int           // open to the server at a time; 16
	// Dial connects to the server; net.Dialer's by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Wrap returns what requests go through on their way to the transport. Its
	// answers are taken for the server's. It may be nil.
	Wrap func(http.RoundTripper) http.RoundTripper
}

func (c Config) withDefaults() Config {
	set(&c.Attempts, 10)
	set(&c.TryTimeout, 3*time.Second)
	set(&c.Timeout, 20*time.Second)
	set(&c.Backoff, 50*time.Millisecond)
	set(&c.Conns, 16)
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Wrap == nil {
		c.Wrap = func(t http.RoundTripper) http.RoundTripper { return t }
	}
	return c
}

func set[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// dial bounds the time of Dial. The transport would let it go on after the try
// that wanted the connection has ended.
func (c Config) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.TryTimeout)
	defer cancel()
	return c.Dial(ctx, network, address)
}

// Client is a kv.Store on a server. Any number of goroutines may use it.
//
// Reads run side by side. Writes run one after another, because a session
// has one slot: while the fate of a write is open, the next one must not take
// its place in the slot. Who needs many writes at a time opens many clients.
//
// Invariants:
//   - session and number are touched only by the write that is under way.
//   - A number is given to one command, and a greater one to the next.
//   - A command is sent under another identity only if no try under the first
//     can have reached the server.
type Client struct {
	base      string // http://HOST:PORT
	config    Config
	transport *http.Transport
	wire      http.RoundTripper // the transport, in what Config.Wrap makes of it
	writing   chan struct{}     // holds a token while a write is under way
	session   session.ID        // "": none is open
	number    uint64            // of the last write in it
}

// New returns a client of the server at address, http://HOST:PORT. It does not
// connect before it has to.
func New(address string, config Config) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" || base.Host == "" || strings.Trim(base.Path, "/") != "" ||
		base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("%w server address %q: it must be http://HOST:PORT", kv.ErrInvalid, address)
	}
	c := config.withDefaults()
	transport := &http.Transport{
		DialContext:            c.dial,
		MaxConnsPerHost:        c.Conns,
		MaxIdleConnsPerHost:    c.Conns,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		DisableCompression:     true,
	}
	return &Client{
		base:      "http://" + base.Host,
		config:    c,
		transport: transport,
		wire:      c.Wrap(transport),
		writing:   make(chan struct{}, 1),
	}, nil
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Get implements kv.Store.
func (c *Client) Get(ctx context.Context, key string) (kv.Item, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Item{}, err
	}
	it := kv.Item{Key: key}
	q := request{method: http.MethodGet, path: keyPath(key), limit: kv.MaxValue}
	err := c.retry(ctx, func(ctx context.Context) error {
		a, err := c.try(ctx, q)
		switch {
		case err != nil:
			return again{err: err}
		case a.status == http.StatusNotFound && a.problem.Code == server.CodeNotFound:
			return nil
		case a.status != http.StatusOK:
			return a.refusal()
		}
		it.Value = a.body
		it.Version, err = a.version()
		return err
	})
	if err != nil {
		return kv.Item{}, fmt.Errorf("get %q: %w", key, err)
	}
	return it, nil
}

// maxPage bounds the JSON of a page: a third more for base64, and room for the
// keys, of which each byte may take six.
const maxPage = (kv.MaxPage+kv.MaxValue)*4/3 + kv.MaxScan*(6*kv.MaxKey+100)

// Scan implements kv.Store.
func (c *Client) Scan(ctx context.Context, r kv.Range) (kv.Page, error) {
	if err := r.Check(); err != nil {
		return kv.Page{}, err
	}
	var p kv.Page
	q := request{method: http.MethodGet, path: "/kv", query: queryOf(r), limit: maxPage}
	err := c.retry(ctx, func(ctx context.Context) error {
		a, err := c.try(ctx, q)
		switch {
		case err != nil:
			return again{err: err}
		case a.status != http.StatusOK:
			return a.refusal()
		}
		p = kv.Page{}
		return json.Unmarshal(a.body, &p)
	})
	if err != nil {
		return kv.Page{}, fmt.Errorf("scan %q: %w", r.Prefix, err)
	}
	return p, nil
}

// Status returns what the server says of itself.
func (c *Client) Status(ctx context.Context) (map[string]any, error) {
	var members map[string]any
	q := request{method: http.MethodGet, path: "/status", limit: 1 << 20}
	err := c.retry(ctx, func(ctx context.Context) error {
		a, err := c.try(ctx, q)
		switch {
		case err != nil:
			return again{err: err}
		case a.status != http.StatusOK:
			return a.refusal()
		}
		return json.Unmarshal(a.body, &members)
	})
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	return members, nil
}

// Do implements kv.Store. It waits until the writes before it are done.
func (c *Client) Do(ctx context.Context, cmd kv.Command) (kv.Result, error) {
	if err := cmd.Check(); err != nil {
		return kv.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-ctx.Done():
		return kv.Result{}, fmt.Errorf("write %q: waiting for an earlier write: %w", cmd.Key, ctx.Err())
	}
	// A copy, because a try that was given up may still be sending.
	cmd.Value = bytes.Clone(cmd.Value)
	w := write{client: c, command: cmd}
	if err := c.retry(ctx, w.try); err != nil {
		if w.maybe {
			err = fmt.Errorf("%w: %v", kv.ErrUnknown, err) // not %w: that the last try was refused settles nothing
		}
		return kv.Result{}, fmt.Errorf("write %q: %w", cmd.Key, err)
	}
	return w.result, nil
}
