package peers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"zeyrho/steps/05-replication/node"
)

// A batch is frames, one after another. A frame is a message on the wire.
// Numbers are little-endian.
//
//	offset  bytes  what
//	0       4      length of the payload, N
//	4       4      CRC-32C of the payload
//	8       N      the payload: from (2), to (2), length of the kind (1), kind, data
//
// TCP has a checksum, too. It has 16 bits, and it is made anew by every box that
// takes the stream apart: what a proxy breaks in its memory leaves it with a
// checksum that fits. TLS would notice.
const (
	frameHeader   = 8
	payloadHeader = 5
	maxKind       = 255
)

// MaxMessage is the greatest length of a message's data, in bytes. To send more
// is a mistake in the program.
const MaxMessage = 8 << 20

// What the largest message makes of them. It goes alone.
const (
	maxPayload = payloadHeader + maxKind + MaxMessage
	maxBody    = frameHeader + maxPayload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged says that bytes are not those that were sent.
var errDamaged = errors.New("the bytes were changed on the way")

func frameSize(m node.Message) int {
	return frameHeader + payloadHeader + len(m.Kind) + len(m.Data)
}

// encode makes a batch of messages.
func encode(messages []node.Message) []byte {
	size := 0
	for _, m := range messages {
		size += frameSize(m)
	}
	b := make([]byte, 0, size)
	for _, m := range messages {
		b = appendFrame(b, m)
	}
	return b
}

func appendFrame(b []byte, m node.Message) []byte {
	start := len(b)
	b = append(b, make([]byte, frameHeader)...)
	b = binary.LittleEndian.AppendUint16(b, uint16(m.From))
	b = binary.LittleEndian.AppendUint16(b, uint16(m.To))
	b = append(b, byte(len(m.Kind)))
	b = append(b, m.Kind...)
	b = append(b, m.Data...)
	payload := b[start+frameHeader:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

// readFrame reads a message from a batch of which so many bytes are left. The
// error wraps errDamaged, or is what reading failed with.
func readFrame(r io.Reader, left int64) (node.Message, error) {
	if left < frameHeader {
		return node.Message{}, fmt.Errorf("%w: %d bytes where a frame should begin", errDamaged, left)
	}
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return node.Message{}, err
	}
	length := int64(binary.LittleEndian.Uint32(header[:]))
	if length < payloadHeader || length > min(left-frameHeader, maxPayload) {
		return node.Message{}, fmt.Errorf("%w: a frame cannot have %d bytes here", errDamaged, length)
	}
	payload, err := readAll(r, int(length))
	if err != nil {
		return node.Message{}, err
	}
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
		return node.Message{}, fmt.Errorf("%w: the checksum of a frame does not fit", errDamaged)
	}
	data := payloadHeader + int(payload[4])
	if data > len(payload) {
		return node.Message{}, fmt.Errorf("%w: a kind that reaches beyond its frame", errDamaged)
	}
	return node.Message{
		From: node.ID(binary.LittleEndian.Uint16(payload)),
		To:   node.ID(binary.LittleEndian.Uint16(payload[2:])),
		Kind: string(payload[payloadHeader:data]),
		Data: payload[data:],
	}, nil
}

// readAll reads n bytes. It takes memory as they come, and not because somebody
// says that they will.
func readAll(r io.Reader, n int) ([]byte, error) {
	const step = 64 << 10
	b := make([]byte, 0, min(n, step))
	for len(b) < n {
		b = slices.Grow(b, min(n-len(b), step))
		more := b[len(b):min(n, cap(b))]
		if _, err := io.ReadFull(r, more); err != nil {
			return nil, err
		}
		b = b[:len(b)+len(more)]
	}
	return b, nil
}
