package snapshot

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
)

// A snapshot is a file of blocks behind a head. Numbers of a fixed length are
// little-endian.
//
//	offset  bytes  what
//	0       8      "zeyrho06"
//	8       4      version of this format: 1
//	12      4      checksum
//	16      …      blocks: one of kind 1, any number of 2, any number of 3, one of 4
//
// A block is
//
//	0       1      kind
//	1       4      length of the payload, N
//	5       N      payload
//	5+N     4      checksum
//
// and the payload, in which every number is a uvarint and every text a number
// (its length) and its bytes:
//
//	1  label     index and epoch of the last entry that is in it; version of the
//	             last command that is; the settings, as a text: their record (see
//	             package machine); how many sessions were ever opened; number of
//	             members, and for each: ID, 1 if it is a learner, address, URL
//	2  sessions  for each: ID, number of its last request, status and version of
//	             the answer; the next to be forgotten comes first
//	3  items     for each: key, version, value; in ascending order of the keys
//	4  the end   number of sessions, number of items
//
// A checksum is CRC-32C of everything in the file before it, other checksums
// left out. (A sum that ran over an earlier one would begin anew there: CRC of
// some bytes and of their CRC is always the same.) So a block that is taken from
// elsewhere does not pass, nor one that is left out; a beginning of the file can
// be checked without the rest; and the last four bytes are the sum of the whole.
//
// A file that is cut short has no end, and so is none.
const (
	magic      = "zeyrho06"
	format     = 1
	headSize   = 16
	blockHead  = 5
	sumSize    = 4
	blockSize  = 64 << 10                                 // a payload that has reached it ends
	maxPayload = blockSize + kv.MaxKey + kv.MaxValue + 32 // an item more than that
)

const (
	kindLabel = iota + 1
	kindSessions
	kindItems
	kindEnd
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head returns the beginning of a file, and the sum up to there.
func head() (b []byte, sum uint32) {
	b = binary.LittleEndian.AppendUint32([]byte(magic), format)
	sum = crc32.Checksum(b, castagnoli)
	return binary.LittleEndian.AppendUint32(b, sum), sum
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendLabel(b []byte, s State) []byte {
	for _, n := range []uint64{s.Index, uint64(s.Epoch), uint64(s.Map.Applied())} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendText(b, string(machine.AppendSettings(nil, s.Settings)))
	b = binary.AppendUvarint(b, s.Sessions.Issued)
	b = binary.AppendUvarint(b, uint64(len(s.Members)))
	for _, m := range s.Members {
		learner := byte(0)
		if m.Learner {
			learner = 1
		}
		b = append(binary.AppendUvarint(b, uint64(m.ID)), learner)
		b = appendText(appendText(b, m.Peer), m.URL)
	}
	return b
}

func appendSlot(b []byte, s session.Slot) []byte {
	b = binary.AppendUvarint(appendText(b, string(s.ID)), s.Number)
	return binary.AppendUvarint(append(b, byte(s.Result.Status)), uint64(s.Result.Version))
}

func appendItem(b []byte, it kv.Item) []byte {
	b = binary.AppendUvarint(appendText(b, it.Key), uint64(it.Version))
	return append(binary.AppendUvarint(b, uint64(len(it.Value))), it.Value...)
}

// payload is what is left to read of one. Once it has been found too short, it
// gives zeros.
type payload struct {
	rest  []byte
	short bool
}

func (p *payload) bytes(n uint64) []byte {
	if n > uint64(len(p.rest)) {
		p.rest, p.short = nil, true
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *payload) number() uint64 {
	n, width := binary.Uvarint(p.rest)
	if width <= 0 {
		p.bytes(uint64(len(p.rest)) + 1)
		return 0
	}
	p.rest = p.rest[width:]
	return n
}

func (p *payload) text() []byte { return p.bytes(p.number()) }

func (p *payload) byte() byte {
	if b := p.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// header is the label and what else the first block says.
type header struct {
	label   Label
	applied kv.Version
	issued  uint64 // names of sessions
}

func (p *payload) header() (h header, err error) {
	h.label.Position = node.Position{Index: p.number(), Epoch: node.Epoch(p.number())}
	h.applied = kv.Version(p.number())
	if h.label.Settings, err = machine.ReadSettings(p.text()); err != nil {
		return h, err
	}
	h.issued = p.number()
	for n := p.number(); n > 0 && !p.short; n-- {
		m := Member{ID: node.ID(p.number()), Learner: p.byte() == 1, Peer: string(p.text()), URL: string(p.text())}
		h.label.Members = append(h.label.Members, m)
	}
	if uint64(h.applied) > h.label.Index {
		return h, fmt.Errorf("command %d is in it, behind entry %d", h.applied, h.label.Index)
	}
	return h, nil
}

func (p *payload) slot() session.Slot {
	return session.Slot{
		ID:     session.ID(p.text()),
		Number: p.number(),
		Result: kv.Result{Status: kv.Status(p.byte()), Version: kv.Version(p.number())},
	}
}

// item returns an item whose value is a part of the payload.
func (p *payload) item() kv.Item {
	return kv.Item{Key: string(p.text()), Version: kv.Version(p.number()), Value: p.text()}
}
