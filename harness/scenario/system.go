package scenario

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"zeyrho/harness/real"
)

// system is how a step is run: what has to be started, and how its clients get
// at it. A client is always a shell.
type system interface {
	// open starts whatever is not a client, on an empty disk.
	open() error
	// spec says how to start the client process of a worker.
	spec(w *worker) (real.Spec, error)
	// kill ends with SIGKILL whatever holds the data.
	kill() error
	// restart brings it back, with what is left on its disk.
	restart() error
}

// newSystem returns the system of a column.
func (r *Run) newSystem() (system, error) {
	flags := r.cell.Flags
	switch r.cell.Column {
	case "01":
		return &inProcess{r}, nil
	case "02":
		return &sharedFile{r: r, file: filepath.Join(r.dir, "store.kv"), flags: flags}, nil
	case "03":
		return &oneServer{r: r, flags: flags}, nil
	case "04":
		return &oneServer{r: r, flags: flags, dir: filepath.Join(r.dir, "data")}, nil
	case "05", "06":
		return newCluster(r), nil
	}
	return nil, fmt.Errorf("there is no column %s", r.cell.Column)
}

// inProcess is step 01: every client is a store of its own.
type inProcess struct{ r *Run }

func (s *inProcess) open() error { return nil }

func (s *inProcess) spec(w *worker) (real.Spec, error) {
	return real.Spec{Name: w.name(), Path: s.r.lab.bin["01-map"]}, nil
}

func (s *inProcess) kill() error    { return s.r.killClients() }
func (s *inProcess) restart() error { return nil }

// sharedFile is step 02: every client is a process on the same file.
type sharedFile struct {
	r     *Run
	file  string
	flags []string
}

func (s *sharedFile) open() error { return os.MkdirAll(filepath.Dir(s.file), 0o755) }

func (s *sharedFile) spec(w *worker) (real.Spec, error) {
	flags := s.flags
	if flags == nil {
		flags = []string{"-size", fmt.Sprint(s.r.scaled(32 << 20))}
	}
	args := append([]string{"-file", s.file}, flags...)
	return real.Spec{Name: w.name(), Path: s.r.lab.bin["02-concurrency"], Args: args}, nil
}

func (s *sharedFile) kill() error    { return s.r.killClients() }
func (s *sharedFile) restart() error { return nil }

// oneServer is a server of steps 03 and 04, with clients that reach it through a
// proxy each. From step 04 on it has a directory, which survives it. From step
// 05 on it is one node of a cluster.
type oneServer struct {
	r       *Run
	flags   []string
	name    string   // "": server
	place   []string // flags that say what its place in a cluster is
	dir     string   // "": it keeps nothing
	blocks  int      // of 512 bytes, that a file of the server may have; 0: as many as it likes
	server  *real.Process
	addr    string
	peers   string // where it hears other nodes
	proxies map[int]*real.Proxy
}

func (s *oneServer) open() error { return s.serve("127.0.0.1:0") }

// serve starts the server, and waits until it listens.
func (s *oneServer) serve(listen string) error {
	if err := s.begin(listen); err != nil {
		return err
	}
	return s.ready()
}

// begin starts the server.
func (s *oneServer) begin(listen string, more ...string) error {
	spec := real.Spec{Name: cmp.Or(s.name, "server"), Path: s.r.program(), Args: slices.Concat(s.args(listen, s.dir), s.place, more)}
	if s.blocks > 0 {
		spec.Args = append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, s.blocks), spec.Path}, spec.Args...)
		spec.Path = "/bin/sh"
	}
	p, err := s.r.launch(spec)
	s.server = p
	return err
}

// ready waits until the server says where it listens.
func (s *oneServer) ready() (err error) {
	if s.addr, err = s.server.Listening(s.r.ctx); err != nil || s.place == nil {
		return err
	}
	m, err := s.server.WaitErrLine(s.r.ctx, peersAt)
	if err == nil {
		s.peers = m[1]
	}
	return err
}

// peersAt is how a node says where it hears the others.
var peersAt = regexp.MustCompile(`msg=opened .*peers=(\S+)`)

// args returns the arguments of a server, without its place in a cluster.
func (s *oneServer) args(listen, dir string) []string {
	args := []string{"-serve", "-listen", listen}
	if dir != "" {
		args = append(args, "-dir", dir)
	}
	return append(args, s.flags...)
}

// program returns the path of the step's program.
func (r *Run) program() string { return r.lab.bin[stepNames[r.cell.Column]] }

func (s *oneServer) spec(w *worker) (real.Spec, error) {
	p, err := s.proxy(w.n)
	if err != nil {
		return real.Spec{}, err
	}
	return s.r.shell(w, p.URL()), nil
}

// shell is a client process of a worker.
func (r *Run) shell(w *worker, address string, more ...string) real.Spec {
	args := append([]string{"-connect", address, "-timeout", cmp.Or(r.cell.Patience, clientPatience).String()}, more...)
	return real.Spec{Name: w.name(), Path: r.program(), Args: args}
}

// proxy returns the link of worker n.
func (s *oneServer) proxy(n int) (*real.Proxy, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if p := s.proxies[n]; p != nil {
		return p, nil
	}
	p, err := s.r.world.Proxy(s.addr)
	if err == nil {
		if s.proxies == nil {
			s.proxies = map[int]*real.Proxy{}
		}
		s.proxies[n] = p
	}
	return p, err
}

func (s *oneServer) kill() error {
	s.server.Kill()
	return nil
}

func (s *oneServer) restart() error { return s.serve(s.addr) }

// patience is how long a worker waits for one answer. The client program of a
// server gives up before that, so that it is the one to say what it knows.
const (
	patience       = 5 * time.Second
	clientPatience = 2 * time.Second
)
