package peers_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/peers"
)

// FuzzBatch posts what no node has written. What is received is what the
// documentation of a frame makes of it, up to where it makes nothing; and it
// takes no more memory than there are bytes.
func FuzzBatch(f *testing.F) {
	good := slices.Concat(frame(1, 2, "kind", "data"), frame(1, 2, "", ""), frame(1, 2, "x", "y"))
	f.Add(good, false)
	f.Add(good[:len(good)-3], false)
	f.Add(slices.Concat(good, frame(1, 3, "kind", "data"), good), false)
	f.Add([]byte("\x01\x00\x02\x00\x03abcd"), true)
	f.Add([]byte("\x01\x00\x02\x00\xffabcd"), true)
	f.Add([]byte("\xff\xff\x7f\x00\x00\x00\x00\x00"), false)
	f.Fuzz(func(t *testing.T, body []byte, sealed bool) {
		if sealed {
			body = seal(body)
		}
		var got []node.Message
		p := peers.New(peers.Config{Self: 2, Receive: func(m node.Message) bool {
			got = append(got, m)
			return true
		}})
		defer p.Close()
		r := httptest.NewRequest(http.MethodPost, "/peer", bytes.NewReader(body))
		r.Header.Set("Zeyrho-From", "n1")
		r.Header.Set("Zeyrho-To", "n2")
		r.Header.Set("Zeyrho-Sum", headerSum("", "n1", "n2"))
		w := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p.Handler().ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<10+20*len(body)), "memory for %d bytes", len(body))

		want, rest := parse(body)
		require.Equal(t, want, got)
		status := http.StatusBadRequest
		switch {
		case len(body) == 0:
			status = http.StatusLengthRequired
		case len(rest) == 0:
			status = http.StatusNoContent
		}
		require.Equal(t, status, w.Code, w.Body)
	})
}

// parse is the documentation of a frame as code.
func parse(b []byte) (all []node.Message, rest []byte) {
	for len(b) >= 8 {
		n := int(binary.LittleEndian.Uint32(b))
		if n < 5 || n > len(b)-8 {
			break
		}
		payload := b[8 : 8+n]
		from, to := binary.LittleEndian.Uint16(payload), binary.LittleEndian.Uint16(payload[2:])
		kind := 5 + int(payload[4])
		sum := crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
		if sum != binary.LittleEndian.Uint32(b[4:]) || from != 1 || to != 2 || kind > n {
			break
		}
		all = append(all, node.Message{From: 1, To: 2, Kind: string(payload[5:kind]), Data: payload[kind:]})
		b = b[8+n:]
	}
	return all, b
}
