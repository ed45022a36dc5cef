package peers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/peers"
)

// conn is a connection with something in between.
type conn struct {
	net.Conn
	write func(net.Conn, []byte) (int, error)
	read  func(net.Conn, []byte) (int, error)
	ended func()
}

func (c *conn) Close() error {
	if c.ended != nil {
		c.ended()
	}
	return c.Conn.Close()
}

func (c *conn) Write(b []byte) (int, error) {
	if c.write == nil {
		return c.Conn.Write(b)
	}
	return c.write(c.Conn, b)
}

func (c *conn) Read(b []byte) (int, error) {
	if c.read == nil {
		return c.Conn.Read(b)
	}
	return c.read(c.Conn, b)
}

// flipper flips one bit of the bytes that go through it.
type flipper struct {
	at, bit int // in the bytes that are still to come; at < 0: no more
}

func (f *flipper) through(b []byte) []byte {
	b = append([]byte(nil), b...)
	if 0 <= f.at && f.at < len(b) {
		b[f.at] ^= 1 << f.bit
	}
	f.at -= len(b)
	return b
}

// TestNoFlippedBitComesThrough flips every bit of a request and of its answer, one at
// a time.
func TestNoFlippedBitComesThrough(t *testing.T) {
	for _, where := range []string{"request", "answer"} {
		t.Run(where, func(t *testing.T) {
			corrupt, position := 0, 0
			for over := false; !over; position++ {
				for bit := range 8 {
					synctest.Test(t, func(t *testing.T) {
						over, corrupt = flip(t, where, position, bit, corrupt)
					})
				}
			}
			require.Greater(t, position, 50)
			if where == "request" {
				require.Greater(t, corrupt, 8*20, "that many bits are in the frames")
			}
		})
	}
}

func flip(t *testing.T, where string, position, bit, corrupt int) (over bool, _ int) {
	network, one, two := pair(t, peers.Config{Advertise: "http://somewhere:8080"})
	f := &flipper{position, bit}
	network.through = func(c net.Conn) net.Conn {
		if where == "request" {
			return &conn{Conn: c, write: func(c net.Conn, b []byte) (int, error) { return c.Write(f.through(b)) }}
		}
		return &conn{Conn: c, read: func(c net.Conn, b []byte) (int, error) {
			n, err := c.Read(b)
			copy(b, f.through(b[:n]))
			return n, err
		}}
	}
	one.Send(text(2, "the message"))
	time.Sleep(10 * time.Second)
	synctest.Wait()
	over, f.at = f.at >= 0, -1
	one.Send(text(2, "another"))
	time.Sleep(10 * time.Second)
	got := texts(two.received())
	for _, s := range got {
		require.Contains(t, []string{"the message", "another"}, s, "bit %d of byte %d", bit, position)
	}
	require.NotEmpty(t, got)
	require.Equal(t, "another", got[len(got)-1], "bit %d of byte %d: it goes on", bit, position)
	require.Len(t, two.Status(), 1, "bit %d of byte %d: nobody is there who is not", bit, position)
	require.Equal(t, "http://somewhere:8080", two.URL(1), "bit %d of byte %d", bit, position)
	require.Empty(t, two.log.all(), "bit %d of byte %d: it does not look like a stranger", bit, position)
	return over, corrupt + two.about(1).Corrupt
}

// wire is one connection to a node, on which a test writes what it likes.
type wire struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func dial(t *testing.T, n *memory, address string) wire {
	c, err := n.dial(t.Context(), "", address)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return wire{c, t, bufio.NewReader(c)}
}

// post posts a batch and returns the answer.
func (w wire) post(cluster, from, to string, body []byte) (status int, text string) {
	go fmt.Fprintf(w, "%s%s", head(cluster, from, to, len(body)), body)
	return w.answer()
}

func head(cluster, from, to string, length int) string {
	return fmt.Sprintf("POST /peer HTTP/1.1\r\nHost: x\r\nZeyrho-Cluster: %s\r\nZeyrho-From: %s\r\nZeyrho-To: %s\r\nZeyrho-Sum: %s\r\nContent-Length: %d\r\n\r\n",
		cluster, from, to, headerSum(cluster, from, to), length)
}

func (w wire) answer() (status int, text string) {
	resp, err := http.ReadResponse(w.in, nil)
	require.NoError(w.t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, resp.StatusCode >= 300, resp.Close, "who is refused loses the connection")
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func TestStrangersAreRefusedWithWordsAndLoggedOnce(t *testing.T) {
	ours := peers.Config{Cluster: "blue & green", Known: func(id node.ID) bool { return id < 9 }}
	for name, c := range map[string]struct {
		self    node.ID
		cluster string
		to      node.ID
		want    string
	}{
		"another cluster": {1, "red", 2, `this is a node of cluster "blue & green" and n1 is one of "red": correct the address of n2 at n1, or the name of its cluster (421)`},
		"another node":    {1, "blue & green", 3, `this is n2 and not n3: correct the address of n3 at n1 (421)`},
		"the same number": {2, "blue & green", 2, ``}, // it does not even send
		"a stranger":      {9, "blue & green", 2, `n2 does not know n9: add it to the cluster, or correct its number (403)`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := newMemory()
				ours.Dial = network.dial
				two := join(t, 2, network.listen("two"), ours)
				other := join(t, c.self, network.listen("other"), peers.Config{Cluster: c.cluster, Dial: network.dial})
				other.Set(c.to, "two")
				for range 1000 {
					other.Send(text(c.to, "let me in"))
					time.Sleep(time.Millisecond * 100)
				}
				require.Equal(t, c.want, other.about(c.to).LastError)
				require.Empty(t, two.received())
				require.Empty(t, two.Status(), "a stranger does not come into the table")
				require.Len(t, other.log.all(), 1, "%s", other.log.all())
				if c.want != "" {
					require.Len(t, two.log.all(), 1, "%s", two.log.all())
				}
			})
		})
	}
}

func TestANewNodeIsLetInWhenItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := false
		network := newMemory()
		two := join(t, 2, network.listen("two"), peers.Config{Dial: network.dial, Known: func(node.ID) bool { return known }})
		nine := join(t, 9, network.listen("nine"), peers.Config{Dial: network.dial})
		nine.Set(2, "two")
		nine.Send(text(2, "too early"))
		time.Sleep(time.Second)
		require.Contains(t, nine.about(2).LastError, "does not know")
		known = true
		nine.Send(text(2, "in time"))
		synctest.Wait()
		require.Equal(t, []string{"in time"}, texts(two.received()))
		require.Equal(t, 1, two.about(9).Received)
	})
}

func TestWhatIsNoBatchIsAnsweredWithWords(t *testing.T) {
	good := frame(1, 2, "text", "good")
	for name, c := range map[string]struct {
		from, to string
		body     []byte
		status   int
		want     string
	}{
		"good":                   {"n1", "n2", good, 204, ""},
		"two":                    {"1", "2", append(frame(1, 2, "", ""), good...), 204, ""},
		"nothing":                {"n1", "n2", nil, 411, "a batch has frames"},
		"no sender":              {"", "n2", good, 400, "must be nodes"},
		"garbage for a sender":   {"n1", "n99999", good, 400, "not the number of a node"},
		"our own number":         {"n2", "n2", good, 409, "give one of the two another number"},
		"half a header":          {"n1", "n2", good[:7], 400, "7 bytes where a frame should begin"},
		"half a frame":           {"n1", "n2", good[:len(good)-1], 400, "a frame cannot have"},
		"zeros":                  {"n1", "n2", make([]byte, 100), 400, "a frame cannot have 0 bytes here"},
		"a flipped bit":          {"n1", "n2", frame(1, 2, "text", "gooe")[:len(good)-1], 400, "changed on the way"},
		"a kind without an end":  {"n1", "n2", seal([]byte{1, 0, 2, 0, 9, 'a', 'b'}), 400, "a kind that reaches beyond its frame"},
		"a kind that ends late":  {"n1", "n2", seal([]byte{1, 0, 2, 0, 3, 'a', 'b'}), 400, "a kind that reaches beyond its frame"},
		"for somebody else":      {"n1", "n2", frame(1, 3, "text", "x"), 400, "from n1 to n3 among those from n1 to n2"},
		"from somebody else":     {"n1", "n2", frame(4, 2, "text", "x"), 400, "from n4 to n2 among those from n1 to n2"},
		"larger than can be":     {"n1", "n2", make([]byte, peers.MaxMessage+1000), 413, "at most"},
		"a length beyond bounds": {"n1", "n2", append([]byte{255, 255, 255, 255}, make([]byte, 100)...), 400, "a frame cannot have 4294967295 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, _, two := pair(t, peers.Config{Cluster: "c"})
				status, words := dial(t, network, "two").post("c", c.from, c.to, c.body)
				require.Equal(t, c.status, status, words)
				require.Contains(t, words, c.want)
				require.Equal(t, status == 204, len(two.received()) > 0)
				require.Equal(t, status == 400 && c.to == "n2" && c.from != "", two.about(1).Corrupt == 1)
			})
		})
	}
}

func TestWhatComesAfterDamageIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, _, two := pair(t, peers.Config{Cluster: "c"})
		bad := frame(1, 2, "text", "two")
		bad[len(bad)-1]++
		body := append(append(frame(1, 2, "text", "one"), bad...), frame(1, 2, "text", "three")...)
		status, _ := dial(t, network, "two").post("c", "n1", "n2", body)
		require.Equal(t, 400, status)
		require.Equal(t, []string{"one"}, texts(two.received()))
		s := two.about(1)
		require.Equal(t, [2]int{1, 1}, [2]int{s.Received, s.Corrupt})
	})
}

func TestWhoComesToTheWrongPortIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, _, _ := pair(t, peers.Config{})
		for _, path := range []string{"/", "/kv/key", "/peer"} {
			w := dial(t, network, "two")
			go fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
			status, words := w.answer()
			require.Equal(t, 404, status)
			require.Contains(t, words, "clients have another one")
		}
	})
}

// TestNobodyHoldsAConnectionForLong is about those who say nothing, or half of it.
func TestNobodyHoldsAConnectionForLong(t *testing.T) {
	header := head("c", "n1", "n2", 50)
	for name, c := range map[string]struct {
		say  string
		took time.Duration
	}{
		"nothing":       {"", 3 * time.Second},
		"half a header": {header[:30], 3 * time.Second},
		"half a body":   {header + string(frame(1, 2, "text", "whole")), 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, _, _ := pair(t, peers.Config{Cluster: "c", Timeout: 3 * time.Second})
				w := dial(t, network, "two")
				began := time.Now()
				go io.WriteString(w, c.say)
				io.Copy(io.Discard, w.in)
				require.Equal(t, c.took, time.Since(began).Round(100*time.Millisecond))
			})
		})
	}
}

func TestStrangersWhoSayNothingKeepThePeersOutForShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, one, two := pair(t, peers.Config{Timeout: 3 * time.Second})
		var closed atomic.Int32
		for range 300 {
			w := dial(t, network, "two")
			go func() {
				w.Read(make([]byte, 1))
				closed.Add(1)
			}()
			synctest.Wait()
		}
		require.EqualValues(t, 300-256, closed.Load())
		one.Send(text(2, "there is no room"))
		synctest.Wait()
		require.Equal(t, 1, one.about(2).Lost)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 300, closed.Load())
		one.Send(text(2, "now there is"))
		synctest.Wait()
		require.Equal(t, []string{"now there is"}, texts(two.received()))
	})
}
