package server_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/03-server/server"
)

// bare is what the promises cost nothing in: the least that HTTP over a map
// can be.
func bare(m *locked.Map) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.URL.Path, "/kv/")
		if r.Method == http.MethodGet {
			it, _ := m.Get(r.Context(), key)
			w.Write(it.Value)
			return
		}
		value, _ := io.ReadAll(r.Body)
		m.Do(r.Context(), kv.Put(key, value))
		w.WriteHeader(http.StatusNoContent)
	}
}

// The same clients ask a bare handler and our server, side by side.
func BenchmarkServer(b *testing.B) {
	for _, method := range []string{"GET", "PUT"} {
		b.Run(method+"/bare", func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(b, err)
			s := &http.Server{Handler: bare(locked.NewMap())}
			go s.Serve(l)
			defer s.Close()
			hammer(b, method, l.Addr())
		})
		b.Run(method+"/ours", func(b *testing.B) {
			l, err := server.Listen("127.0.0.1:0")
			require.NoError(b, err)
			s := server.New(newStore(), server.Config{Log: slog.New(slog.DiscardHandler)})
			go s.Run(b.Context(), l)
			hammer(b, method, l.Addr())
		})
	}
}

func hammer(b *testing.B, method string, address net.Addr) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	value := bytes.Repeat([]byte("v"), 100)
	url := fmt.Sprintf("http://%s/kv/key", address)
	ask := func(method string) {
		req, _ := http.NewRequest(method, url, bytes.NewReader(value))
		if method == "GET" {
			req.Body, req.ContentLength = nil, 0
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			b.Error(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	ask("PUT")
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ask(method)
		}
	})
}
