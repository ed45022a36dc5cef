package bench

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"zeyrho/harness/real"
)

// set is a PUT in the protocol of Redis: a list of strings, each after its
// length. The answer is a line, "+OK" if it was done.
var set = kind{write: writeSet, ask: askRedis}

func writeSet(c *connection, key string, value []byte) {
	fmt.Fprintf(&c.out, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n", len(key), key, len(value))
	c.out.Write(value)
	c.out.WriteString("\r\n")
}

func askRedis(c *connection) error {
	_, err := c.conn.Write(c.out.Bytes())
	c.out.Reset()
	if err != nil {
		return err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if string(line) != "+OK\r\n" {
		return fmt.Errorf("redis answered %q", line)
	}
	return nil
}

// openRedis compares step 04 with Redis where it has the same duty: a write is
// on the disk before it is acknowledged.
func openRedis(ctx context.Context, b *bench) (ours, bare side, end func(), err error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return ours, bare, nil, fmt.Errorf("%w: redis-server is not installed", errSkipped)
	}
	process, address, err := b.startRedis(ctx, path)
	if err != nil {
		return ours, bare, nil, err
	}
	two, err := b.dial(ctx, address, set, crowd)
	if err != nil {
		process.Kill()
		return ours, bare, nil, err
	}
	one, err := b.durable(ctx, "batch", crowd)
	if err != nil {
		two.close()
		process.Kill()
		return ours, bare, nil, err
	}
	end = func() {
		closeBoth(one, two)()
		process.Kill()
	}
	return side{one.name, one.take}, side{redisName(ctx, path), two.take}, end, nil
}

// startRedis starts a Redis that syncs before it answers, and that never writes
// its log anew or a snapshot, since neither does step 04.
func (b *bench) startRedis(ctx context.Context, path string) (*real.Process, string, error) {
	dir, err := b.files("redis")
	if err != nil {
		return nil, "", err
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	process, err := b.world.Start(real.Spec{Name: "redis-server", Path: path, Args: []string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0",
	}})
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := process.WaitLine(ctx, regexp.MustCompile("Ready to accept connections")); err != nil {
		process.Kill()
		return nil, "", err
	}
	return process, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

// freePort returns a port that nobody uses. Somebody else may take it before
// Redis does; then Redis says so and ends.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

var redisVersion = regexp.MustCompile(` v=(\S+)`)

func redisName(ctx context.Context, path string) string {
	text, err := exec.CommandContext(ctx, path, "--version").Output()
	m := redisVersion.FindSubmatch(text)
	if err != nil || m == nil {
		m = [][]byte{nil, []byte("of an unknown version")}
	}
	return fmt.Sprintf("Redis %s, appendfsync always", m[1])
}
