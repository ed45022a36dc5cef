package scenario

import (
	"errors"
	"path/filepath"
	"strings"
)

// nodeFlags are values that the flags of a node must not have: name, value, and
// a word that the answer must hold.
var nodeFlags = [][3]string{
	{"-id", "0", "number of a node"},
	{"-id", "many", "number of a node"},
	{"-peers", "2", "HOST:PORT"},
	{"-peers", "2=127.0.0.1:1,2=127.0.0.1:2", "twice"},
	{"-acks", "0", "majority"},
	{"-acks", "most", "majority"},
}

// badDumps asks step 04 to dump what is not there, which later steps do not do.
func (r *Run) badDumps() error {
	if _, ok := r.sys.(*cluster); ok {
		return nil
	}
	return errors.Join(
		r.refusesToStart(2, "stray", "dump", "stray"),
		r.refusesToStart(1, "no such", "dump", "-dir", filepath.Join(r.dir, "nowhere")),
	)
}

// badNodes sends the nodes of a cluster requests that make no sense, at their
// ports for clients and for each other, and starts nodes that cannot be.
func (r *Run) badNodes() error {
	c := r.sys.(*cluster)
	leader, follower := c.node(1), c.node(2)
	for _, q := range []struct {
		addr, text string
		status     int
	}{
		{leader.addr, "GET /promote HTTP/1.1\r\nHost: h\r\n\r\n", 405},
		{leader.addr, "POST /promote HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 409}, // it leads already
		{leader.addr, "GET /kv/k?read=tomorrow HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{leader.addr, "GET /kv/k?read=session&seen=much HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{follower.addr, "PUT /kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nv", 307},
		{follower.addr, "PUT /kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", 413},
		{follower.peers, "GET /kv/k HTTP/1.1\r\nHost: h\r\n\r\n", 404},
		{follower.peers, "POST /peer HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd", 400},
		{follower.peers, "POST /peer HTTP/1.1\r\nHost: h\r\nZeyrho-Cluster: c\r\nZeyrho-Sum: 00000000\r\nContent-Length: 1\r\n\r\n.", 400},
		{follower.peers, "POST /peer HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
		{follower.peers, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is no HTTP\r\n\r\n", 400},
	} {
		status, err := r.rawRequest(q.addr, q.text)
		r.expect("refusal", err == nil && status == q.status, "%s is answered with %d, as %d is asked (%v)", brief(q.text), status, q.status, err)
	}
	for i, n := range c.nodes {
		if n.server.Ended() {
			r.expect("refusal", false, "after this n%d %v", i+1, n.server.Exit())
		}
	}
	return errors.Join(
		r.refusesToStart(1, "2 disks", "-serve", "-acks", "3", "-peers", "2=127.0.0.1:1"),
		r.refusesToStart(1, "HOST:PORT", "-serve", "-peer-listen", "nonsense", "-dir", filepath.Join(r.dir, "nobody")),
		r.refusesToStart(2, "HOST:PORT", "-connect", leader.addr+",nonsense"),
		r.refusesToStart(2, "stale", "-connect", "http://"+leader.addr, "-read", "tomorrow"),
	)
}
