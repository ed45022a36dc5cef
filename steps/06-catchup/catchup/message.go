package catchup

import (
	"encoding/binary"
	"errors"
	"fmt"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
)

// The kinds of message.
const (
	kindChunk = "chunk" // leader to follower: a part of a snapshot; at first, an empty one
	kindGot   = "got"   // follower to leader: what it has of it
)

// chunk is a part of a snapshot.
type chunk struct {
	epoch    node.Epoch
	identity string // of the history
	of       snapshot.Identity
	offset   int64
	data     []byte
}

// got says how much of a snapshot a follower has.
type got struct {
	epoch node.Epoch
	of    snapshot.Identity
	next  int64         // the first byte that it lacks
	holds node.Position // it needs no snapshot, because it has everything up to there
}

func appendIdentity(b []byte, id snapshot.Identity) []byte {
	b = binary.LittleEndian.AppendUint64(b, id.Index)
	b = binary.LittleEndian.AppendUint64(b, uint64(id.Epoch))
	b = binary.LittleEndian.AppendUint64(b, uint64(id.Size))
	return binary.LittleEndian.AppendUint32(b, id.Sum)
}

const identitySize = 28

func readIdentity(b []byte) snapshot.Identity {
	return snapshot.Identity{
		Position: node.Position{Index: binary.LittleEndian.Uint64(b), Epoch: node.Epoch(binary.LittleEndian.Uint64(b[8:]))},
		Size:     int64(binary.LittleEndian.Uint64(b[16:])), Sum: binary.LittleEndian.Uint32(b[24:]),
	}
}

// A chunk is its epoch, which snapshot it is of, the offset (8 bytes), the
// history's name behind its length (1 byte), and the bytes.
func (m chunk) encode() []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 64+len(m.data)), uint64(m.epoch))
	b = appendIdentity(b, m.of)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.offset))
	b = append(append(b, byte(len(m.identity))), m.identity...)
	return append(b, m.data...)
}

var errMessage = errors.New("not a message that this program knows")

func decodeChunk(b []byte) (m chunk, err error) {
	const head = 8 + identitySize + 8 + 1
	if len(b) < head || len(b) < head+int(b[head-1]) {
		return m, fmt.Errorf("%s: %w", kindChunk, errMessage)
	}
	m.epoch, m.of = node.Epoch(binary.LittleEndian.Uint64(b)), readIdentity(b[8:])
	m.offset = int64(binary.LittleEndian.Uint64(b[8+identitySize:]))
	n := head + int(b[head-1])
	m.identity, m.data = string(b[head:n]), b[n:]
	return m, nil
}

const gotSize = 8 + identitySize + 8 + 16

func (m got) encode() []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, gotSize), uint64(m.epoch))
	b = appendIdentity(b, m.of)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.next))
	b = binary.LittleEndian.AppendUint64(b, m.holds.Index)
	return binary.LittleEndian.AppendUint64(b, uint64(m.holds.Epoch))
}

func decodeGot(b []byte) (m got, err error) {
	if len(b) != gotSize {
		return m, fmt.Errorf("%s: %w", kindGot, errMessage)
	}
	m.epoch, m.of = node.Epoch(binary.LittleEndian.Uint64(b)), readIdentity(b[8:])
	b = b[8+identitySize:]
	m.next = int64(binary.LittleEndian.Uint64(b))
	m.holds = node.Position{Index: binary.LittleEndian.Uint64(b[8:]), Epoch: node.Epoch(binary.LittleEndian.Uint64(b[16:]))}
	return m, nil
}

// Describe puts a message of this package into words, or returns "".
func Describe(m node.Message) string {
	switch m.Kind {
	case kindChunk:
		if k, err := decodeChunk(m.Data); err == nil {
			return k.String()
		}
	case kindGot:
		if g, err := decodeGot(m.Data); err == nil {
			return g.String()
		}
	}
	return ""
}

// String says it in a line.
func (m chunk) String() string {
	if len(m.data) == 0 {
		return fmt.Sprintf("snapshot of %v in epoch %v: there are %d bytes of it, which have you got?", m.of.Position, m.epoch, m.of.Size)
	}
	return fmt.Sprintf("snapshot of %v in epoch %v: bytes %d to %d of %d", m.of.Position, m.epoch, m.offset, m.offset+int64(len(m.data)), m.of.Size)
}

// String says it in a line.
func (m got) String() string {
	if m.holds.Index > 0 {
		return fmt.Sprintf("snapshot of %v in epoch %v: I have everything up to %v", m.of.Position, m.epoch, m.holds)
	}
	return fmt.Sprintf("snapshot of %v in epoch %v: I have %d of %d bytes", m.of.Position, m.epoch, m.next, m.of.Size)
}
