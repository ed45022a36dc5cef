package host

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeyrho/steps/03-server/program"
	"zeyrho/steps/04-journal/queue"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
)

// Flags say who a node is, and where the others are.
type Flags struct {
	ID         node.ID
	Dir        string
	Cluster    string
	PeerListen string
	Advertise  string
	Peers      Table
	Acks       int // see replication.Config
	New        bool
	Sessions   int
	Segment    int64
	Queue      queue.Config
	WithParent bool
}

// Register adds the flags to fs. The name of the step and the size of a segment
// are for defaults.
func (f *Flags) Register(fs *flag.FlagSet, step string, segment int64) {
	f.ID, f.Peers = 1, Table{}
	fs.Var((*idFlag)(&f.ID), "id", "this is node `N`")
	fs.StringVar(&f.Dir, "dir", "", "keep the data in the directory `DIR`, which is made if there is none; by default one below "+os.TempDir())
	fs.StringVar(&f.Cluster, "cluster", step, "talk only to nodes of the cluster `NAME`")
	fs.StringVar(&f.PeerListen, "peer-listen", "", "hear other nodes at `HOST:PORT`; by default where -peers says, or at any port that is free")
	fs.StringVar(&f.Advertise, "advertise", "", "tell others that clients reach this node at `URL`; by default it is what -listen says")
	fs.Var(f.Peers, "peers", "the nodes, and where they hear others, `1=HOST:PORT,2=HOST:PORT,...`; this one may be among them")
	fs.Var((*acksFlag)(&f.Acks), "acks", "acknowledge a write when it is on `DISKS`: async (the leader's), a number, majority, or all.\nAll nodes should be given the same")
	fs.BoolVar(&f.New, "new", false, "begin a new history and lead it; only for the first start of the first node")
	program.Positive(fs, &f.Sessions, "sessions", 10_000, "with -new: remember `N` sessions")
	program.Positive(fs, &f.Segment, "segment", segment, "begin a new file of the journal after so many `BYTES`")
	program.Positive(fs, &f.Queue.Bytes, "queue-bytes", 8<<20, "refuse writes when `N` bytes of them wait for the disk")
	program.Positive(fs, &f.Queue.Wait, "queue-wait", time.Second, "refuse writes that have waited for the disk for so much `TIME`")
	fs.BoolVar(&f.WithParent, "with-parent", false, "end when the standard input does: with the process that holds its other end")
}

// Complete checks the flags against each other, and fills in what follows from
// others. Listen is where clients are served.
func (f *Flags) Complete(listen, step string) error {
	if f.Dir == "" {
		f.Dir = filepath.Join(os.TempDir(), fmt.Sprintf("zeyrho-%s-%d-%v", step, os.Getuid(), f.ID))
	}
	f.PeerListen = cmp.Or(f.PeerListen, f.Peers[f.ID], "127.0.0.1:0")
	if n := len(f.Others()) + 1; f.Acks > n {
		return fmt.Errorf("-acks %d: there are %d disks, by what -peers says: name the other nodes there, or ask for fewer", f.Acks, n)
	}
	if f.Advertise == "" {
		f.Advertise = "http://" + listen
		if len(f.Others()) > 0 && !isPlace(listen) {
			return fmt.Errorf("-listen %s does not tell others where clients reach this node: say so with -advertise http://HOST:PORT", listen)
		}
	}
	u, err := url.Parse(f.Advertise)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("-advertise %q: it must be http://HOST:PORT", f.Advertise)
	}
	f.Advertise = "http://" + u.Host
	return nil
}

// isPlace says whether address, where one may listen, is one that others can
// connect to.
func isPlace(address string) bool {
	at, port, err := net.SplitHostPort(address)
	ip := net.ParseIP(at)
	return err == nil && at != "" && !ip.IsUnspecified() && port != "0"
}

// Others returns the nodes in the table but this one, in order.
func (f *Flags) Others() (ids []node.ID) {
	for _, id := range slices.Sorted(maps.Keys(f.Peers)) {
		if id != f.ID {
			ids = append(ids, id)
		}
	}
	return ids
}

// Table says where nodes hear each other: HOST:PORT.
type Table map[node.ID]string

// String returns the form that Set reads.
func (t Table) String() string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(t)) {
		all = append(all, fmt.Sprintf("%d=%s", id, t[id]))
	}
	return strings.Join(all, ",")
}

// Set implements flag.Value.
func (t Table) Set(text string) error {
	clear(t)
	for part := range strings.SplitSeq(text, ",") {
		number, address, ok := strings.Cut(part, "=")
		id, err := node.ParseID(number)
		if !ok || err != nil || address == "" {
			return fmt.Errorf("%q: it must be N=HOST:PORT, several of them with commas between", part)
		}
		if t[id] != "" {
			return fmt.Errorf("%v is named twice", id)
		}
		t[id] = address
	}
	return nil
}

type idFlag node.ID

func (f *idFlag) String() string { return strconv.Itoa(int(*f)) }

func (f *idFlag) Set(text string) error {
	id, err := node.ParseID(text)
	*f = idFlag(id)
	return err
}

// acksFlag is a number of disks; see replication.Config.
type acksFlag int

func (f *acksFlag) String() string {
	switch *f {
	case 0:
		return "majority"
	case 1:
		return "async"
	case replication.All:
		return "all"
	}
	return strconv.Itoa(int(*f))
}

func (f *acksFlag) Set(text string) error {
	words := map[string]acksFlag{"majority": 0, "async": 1, "all": replication.All}
	if n, ok := words[text]; ok {
		*f = n
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("it must be async, a number of disks, majority, or all")
	}
	*f = acksFlag(n)
	return nil
}
