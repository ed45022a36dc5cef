package check

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"zeyrho/harness/history"
)

const torn finder = "torn"

// overhead is what a value of MakeValue needs beside its head and filling: the
// checksum and the dot before it.
const overhead = 9

// MakeValue returns the n-th value of a client: it says whose it is, has about
// size bytes (never fewer than its head and checksum need), and no two are
// alike. A part of it, or a mixture of two, does not pass CheckValue.
func MakeValue(client, n, size int) string {
	head := fmt.Sprintf("c%d.%d.", client, n)
	var b strings.Builder
	b.WriteString(head)
	state := uint32(client)*2654435761 + uint32(n)*40503 + 1
	for b.Len() < size-overhead {
		state = state*1664525 + 1013904223
		b.WriteByte('a' + byte(state>>24)%26)
	}
	return fmt.Sprintf("%s.%08x", b.String(), crc32.ChecksumIEEE([]byte(b.String())))
}

// CheckValue returns an error if v is not, whole and unchanged, a value that
// MakeValue made.
func CheckValue(v string) error {
	body := len(v) - overhead
	var client, n int
	if body < 0 || v[body] != '.' {
		return errors.New("it has no checksum at its end")
	}
	if _, err := fmt.Sscanf(v, "c%d.%d.", &client, &n); err != nil {
		return errors.New("it does not begin with whose it is")
	}
	if want := fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(v[:body]))); v[body+1:] != want {
		return fmt.Errorf("it begins like value %d of client %d, but its checksum is wrong", n, client)
	}
	return nil
}

// Torn returns the checker of values that were made by MakeValue, under keys
// that begin with prefix: every value that anybody read was written, whole, by
// somebody, to that key.
//
// It does not see whether it was the right value at the time.
func Torn(prefix string) Checker {
	return func(h *history.History) Finding {
		type write struct{ key, value string }
		called := make(map[write]int64)
		for _, op := range inOrder(h.Ops) {
			w := write{op.Key, op.Value}
			if _, ok := called[w]; !ok && op.Kind == history.Put && op.Outcome != history.Fail && op.Status != history.Conflict {
				called[w] = op.Call
			}
		}
		for _, op := range inOrder(h.Ops) {
			for _, get := range reads(op, nil) {
				if !strings.HasPrefix(get.Key, prefix) || get.Status != history.Done {
					continue
				}
				if err := CheckValue(get.Value); err != nil {
					return torn.violation([]int{get.ID}, "%s: %s", told(get), err)
				}
				if since, ok := called[write{get.Key, get.Value}]; !ok || since > get.Return {
					return torn.violation([]int{get.ID}, "%s, a whole value, but nobody had written it there", told(get))
				}
			}
		}
		return torn.pass()
	}
}
