// Bare is the least that a key-value server over HTTP can be: net/http and a
// map with a lock. It has no versions, conditions, sessions or scans, no
// time-outs and no limits, and it believes whatever it is sent. Package bench
// measures step 03 beside it, which shows what all those cost. It is not an
// example to follow: one client that sends a huge body takes all its memory.
//
// It listens on any free port of the loopback interface, and says on which.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

// store is a map for many goroutines. A value that has been put is never
// changed, only replaced, so it can be sent without a copy.
type store struct {
	mu     sync.RWMutex
	values map[string][]byte
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Printf("listening on http://%s\n", l.Addr())
		err = http.Serve(l, &store{values: make(map[string][]byte)})
	}
	fmt.Fprintln(os.Stderr, "bare:", err)
	os.Exit(1)
}

// ServeHTTP answers GET and PUT of /kv/{key}.
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, ok := strings.CutPrefix(r.URL.Path, "/kv/")
	switch {
	case ok && r.Method == http.MethodGet:
		s.get(w, key)
	case ok && r.Method == http.MethodPut:
		s.put(w, r, key)
	default:
		http.NotFound(w, r)
	}
}

func (s *store) get(w http.ResponseWriter, key string) {
	s.mu.RLock()
	value, ok := s.values[key]
	s.mu.RUnlock()
	if !ok {
		http.Error(w, "absent", http.StatusNotFound)
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/octet-stream"}
	h["Content-Length"] = []string{strconv.Itoa(len(value))}
	w.Write(value) // if that fails the client has gone
}

func (s *store) put(w http.ResponseWriter, r *http.Request, key string) {
	value, err := io.ReadAll(r.Body) // it may come in chunks, without a length
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.values[key] = value
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
