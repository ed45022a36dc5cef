package peers_test

import (
	"fmt"
	"log/slog"
	"testing"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/peers"
)

// member of a benchmark: it does with a message what the benchmark likes.
func benchPeer(b *testing.B, id node.ID, receive func(node.Message)) (p *peers.Peers, address string) {
	p = peers.New(peers.Config{Self: id, Log: slog.New(slog.DiscardHandler), Receive: func(m node.Message) bool {
		receive(m)
		return true
	}})
	l := loopback(b)
	go p.Serve(b.Context(), l)
	b.Cleanup(p.Close)
	return p, l.Addr().String()
}

// BenchmarkPeers measures how many messages get from one node to another in a
// second, of which a thousand are under way at a time; and how long a single one
// takes, there and back.
func BenchmarkPeers(b *testing.B) {
	for _, size := range []int{100, 4096} {
		data := make([]byte, size)
		b.Run(fmt.Sprintf("stream/%d", size), func(b *testing.B) {
			window := make(chan struct{}, 1000)
			one, _ := benchPeer(b, 1, func(node.Message) {})
			_, address := benchPeer(b, 2, func(node.Message) { <-window })
			one.Set(2, address)
			b.SetBytes(int64(size))
			for b.Loop() {
				window <- struct{}{}
				one.Send(node.Message{To: 2, Kind: "bench", Data: data})
			}
			for range cap(window) {
				window <- struct{}{}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
		b.Run(fmt.Sprintf("roundtrip/%d", size), func(b *testing.B) {
			back := make(chan struct{}, 1)
			one, oneAddress := benchPeer(b, 1, func(node.Message) { back <- struct{}{} })
			var two *peers.Peers
			two, twoAddress := benchPeer(b, 2, func(m node.Message) { two.Send(node.Message{To: 1, Kind: "bench", Data: m.Data}) })
			one.Set(2, twoAddress)
			two.Set(1, oneAddress)
			for b.Loop() {
				one.Send(node.Message{To: 2, Kind: "bench", Data: data})
				<-back
			}
		})
	}
}
