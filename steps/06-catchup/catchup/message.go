package catchup

import (
	"encoding/binary"
	"encoding/json"
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
	next  int64 // the first byte that it lacks
	done  bool  // it has gone on from the snapshot, or had no need to
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

func (m got) encode() []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(m.epoch))
	b = appendIdentity(b, m.of)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.next))
	if m.done {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeGot(b []byte) (m got, err error) {
	if len(b) != 8+identitySize+8+1 {
		return m, fmt.Errorf("%s: %w", kindGot, errMessage)
	}
	m.epoch, m.of = node.Epoch(binary.LittleEndian.Uint64(b)), readIdentity(b[8:])
	m.next, m.done = int64(binary.LittleEndian.Uint64(b[8+identitySize:])), b[len(b)-1] == 1
	return m, nil
}

// Describe puts a message of this package into words, or returns "".
func Describe(m node.Message) string {
	switch m.Kind {
	case kindChunk:
		if k, err := decodeChunk(m.Data); err == nil {
			return fmt.Sprintf("snapshot of %v, in epoch %v: bytes %d to %d of %d", k.of.Position, k.epoch, k.offset, k.offset+int64(len(k.data)), k.of.Size)
		}
	case kindGot:
		if g, err := decodeGot(m.Data); err == nil && g.done {
			return fmt.Sprintf("snapshot of %v: I go on from there", g.of.Position)
		} else if err == nil {
			return fmt.Sprintf("snapshot of %v: I have %d of %d bytes", g.of.Position, g.next, g.of.Size)
		}
	}
	return ""
}

// The record of a member is this byte, which no record of package machine begins
// with, and JSON: there are few of them, and one can read it.
const memberRecord = 16

func appendMember(b []byte, m snapshot.Member) []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return append(append(b, memberRecord), text...)
}

func readMember(record []byte) (m snapshot.Member, ok bool) {
	if len(record) == 0 || record[0] != memberRecord {
		return m, false
	}
	err := json.Unmarshal(record[1:], &m)
	return m, err == nil
}
