package replication

import (
	"encoding/binary"
	"errors"
	"fmt"

	"zeyrho/steps/05-replication/node"
)

// The kinds of message.
const (
	kindAppend = "append" // leader to follower: entries, and how far they are committed
	kindAck    = "ack"    // follower to leader: what its disk has
)

// appendEntries is what a leader tells a follower, also when there is nothing
// new: then it is a sign of life.
type appendEntries struct {
	epoch     node.Epoch
	identity  string        // of the history; see node.Replica.Identity
	prev      node.Position // the entry before the first of entries
	committed uint64
	last      uint64 // of the leader's log, so that a follower knows how far it is behind
	entries   []node.Entry
}

// ack is what a follower answers. If it accepts, everything up to at is on its
// disk, as the leader has it. If not, at is the last of its entries that could
// be in the leader's log, too.
type ack struct {
	epoch   node.Epoch // the latest that the follower knows
	accepts bool
	foreign bool   // the follower has another history altogether
	prev    uint64 // of the message that is answered; 0 if its epoch is over
	at      node.Position
}

func (m appendEntries) encode() []byte {
	size := 48 + len(m.identity)
	for _, e := range m.entries {
		size += 24 + len(e.Record)
	}
	b := make([]byte, 0, size)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.epoch))
	b = appendBytes(b, []byte(m.identity))
	b = binary.AppendUvarint(b, m.prev.Index)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.prev.Epoch))
	b = binary.AppendUvarint(b, m.committed)
	b = binary.AppendUvarint(b, m.last)
	b = binary.AppendUvarint(b, uint64(len(m.entries)))
	for _, e := range m.entries {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Epoch))
		b = appendBytes(b, e.Record)
	}
	return b
}

func decodeAppend(b []byte) (m appendEntries, err error) {
	r := reader{b: b}
	m.epoch = node.Epoch(r.uint64())
	m.identity = string(r.bytes())
	m.prev = node.Position{Index: r.uvarint(), Epoch: node.Epoch(r.uint64())}
	m.committed, m.last = r.uvarint(), r.uvarint()
	at := m.prev.Index
	for range r.uvarint() {
		if r.bad {
			break
		}
		at++
		m.entries = append(m.entries, node.Entry{Position: node.Position{Index: at, Epoch: node.Epoch(r.uint64())}, Record: r.bytes()})
	}
	return m, r.end(kindAppend)
}

func (m ack) encode() []byte {
	flags := byte(0)
	if m.accepts {
		flags |= 1
	}
	if m.foreign {
		flags |= 2
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(m.epoch))
	b = append(b, flags)
	b = binary.AppendUvarint(binary.AppendUvarint(b, m.prev), m.at.Index)
	return binary.LittleEndian.AppendUint64(b, uint64(m.at.Epoch))
}

func decodeAck(b []byte) (m ack, err error) {
	r := reader{b: b}
	m.epoch = node.Epoch(r.uint64())
	flags := r.byte()
	m.accepts, m.foreign = flags&1 != 0, flags&2 != 0
	m.prev = r.uvarint()
	m.at = node.Position{Index: r.uvarint(), Epoch: node.Epoch(r.uint64())}
	return m, r.end(kindAck)
}

func appendBytes(b, data []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

// reader takes a message apart. Once something is missing it returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad = r.bad || n > uint64(len(r.b)); r.bad {
		return nil
	}
	head := r.b[:n:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); !r.bad {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) byte() byte {
	if b := r.take(1); !r.bad {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad = r.bad || n <= 0; r.bad {
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

var errMessage = errors.New("not a message that this program knows")

func (r *reader) end(kind string) error {
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("%s: %w", kind, errMessage)
	}
	return nil
}

// Describe puts a message of this package into words, or returns "".
func Describe(m node.Message) string {
	switch m.Kind {
	case kindAppend:
		if a, err := decodeAppend(m.Data); err == nil {
			return a.String()
		}
	case kindAck:
		if a, err := decodeAck(m.Data); err == nil {
			return a.String()
		}
	}
	return ""
}

// String says it in a line.
func (m appendEntries) String() string {
	what := "nothing new"
	switch n := uint64(len(m.entries)); {
	case n == 1:
		what = fmt.Sprintf("entry %v", m.entries[0].Position)
	case n > 1:
		what = fmt.Sprintf("entries %d to %v", m.prev.Index+1, m.entries[n-1].Position)
	}
	return fmt.Sprintf("append in epoch %v: %s after %v, committed %d", m.epoch, what, m.prev, m.committed)
}

// String says it in a line.
func (m ack) String() string {
	switch {
	case m.foreign:
		return fmt.Sprintf("refused in epoch %v: this is another history than mine", m.epoch)
	case m.accepts:
		return fmt.Sprintf("ack in epoch %v: I have %d", m.epoch, m.at.Index)
	case m.prev == 0:
		return fmt.Sprintf("refused: epoch %v has begun", m.epoch)
	}
	return fmt.Sprintf("refused in epoch %v: I do not have that %d, but %v", m.epoch, m.prev, m.at)
}
