package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
)

// reader reads a snapshot block by block. It holds one of them in memory.
//
// Invariants:
//   - All checksums before at have been read, and fit.
//   - sum is the checksum of what is before at, other checksums left out.
//   - kind and payload are those of the block that ends at at.
//   - Once err is set, nothing more is read.
type reader struct {
	name string
	file disk.File
	in   *bufio.Reader
	size int64 // of the file
	at   int64
	sum  uint32
	err  error

	header
	block   []byte
	kind    byte
	payload payload
}

// openFile opens a snapshot and reads its label.
func openFile(d disk.Disk, name string) (*reader, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	r := &reader{name: name, file: f}
	if r.size, r.err = f.Size(); r.err == nil {
		r.in = bufio.NewReaderSize(io.NewSectionReader(f, 0, r.size), int(min(blockSize, r.size)))
		r.begin()
	}
	if r.err != nil {
		f.Close()
		return nil, r.err
	}
	return r, nil
}

// openIndex opens the snapshot of the entry at index.
func openIndex(d disk.Disk, index uint64) (*reader, error) {
	r, err := openFile(d, fileName(index))
	if err == nil && r.label.Index != index {
		err = errors.Join(r.bad("its label says that it is of entry %d", r.label.Index), r.file.Close())
	}
	return r, err
}

// bad says where the damage is. It is for the block that ends at at or, if that
// could not be read, for the next one.
func (r *reader) bad(why string, args ...any) error {
	r.err = fmt.Errorf("%w: %s, offset %d: %w", ErrDamaged, r.name, r.at, fmt.Errorf(why, args...))
	return r.err
}

// begin reads the head of the file, the label, and the block after it.
func (r *reader) begin() {
	if r.readHead(); r.err != nil {
		return
	}
	if r.next(); r.err != nil {
		return
	}
	h, err := r.payload.header()
	switch {
	case r.kind != kindLabel || r.payload.short || len(r.payload.rest) > 0:
		r.bad("its first block is not a label")
	case err != nil:
		r.bad("%w", err)
	default:
		r.header = h
		r.next()
	}
}

func (r *reader) readHead() {
	want, sum := head()
	got := make([]byte, headSize)
	if r.size < headSize {
		r.bad("the file ends within its head")
		return
	}
	if _, r.err = io.ReadFull(r.in, got); r.err != nil {
		return
	}
	v := binary.LittleEndian.Uint32(got[len(magic):])
	switch {
	case string(got) == string(want):
		r.at, r.sum = headSize, sum
	case string(got[:len(magic)]) == magic && crc32.Checksum(got[:12], castagnoli) == binary.LittleEndian.Uint32(got[12:]):
		r.err = fmt.Errorf("%s: %w (its format is %d, and this program knows %d)", r.name, ErrFormat, v, format)
	default:
		r.bad("it does not begin as a snapshot does")
	}
}

// next reads the next block.
func (r *reader) next() {
	left := r.size - r.at - blockHead - sumSize
	if left < 0 {
		r.bad("the file ends before the snapshot does")
		return
	}
	r.block = append(r.block[:0], make([]byte, blockHead)...)
	if _, r.err = io.ReadFull(r.in, r.block); r.err != nil {
		return
	}
	n := int64(binary.LittleEndian.Uint32(r.block[1:]))
	if n > left || n > maxPayload {
		r.bad("a block of %d bytes, where %d are left and the limit is %d", n, left, maxPayload)
		return
	}
	r.block = append(r.block, make([]byte, n+sumSize)...)
	if _, r.err = io.ReadFull(r.in, r.block[blockHead:]); r.err != nil {
		return
	}
	content, sum := r.block[:blockHead+n], binary.LittleEndian.Uint32(r.block[blockHead+n:])
	if crc32.Update(r.sum, castagnoli, content) != sum {
		r.bad("the checksum of a block does not fit")
		return
	}
	r.at, r.sum = r.at+int64(len(r.block)), sum
	r.kind, r.payload = r.block[0], payload{rest: content[blockHead:]}
}

// more says whether the next record is of a kind, and is there.
func (r *reader) more(kind byte) bool {
	for r.err == nil && r.kind == kind && len(r.payload.rest) == 0 {
		r.next()
	}
	return r.err == nil && r.kind == kind
}

// whole says whether the record that was just read was.
func (r *reader) whole() bool {
	if r.payload.short {
		r.bad("a record that reaches beyond its block")
	}
	return r.err == nil
}

// sessions reads what is known of sessions.
func (r *reader) sessions() (session.State, error) {
	s := session.State{Incarnation: r.label.Settings.Incarnation, Limit: r.label.Settings.Sessions, Issued: r.issued}
	for r.more(kindSessions) {
		if slot := r.payload.slot(); r.whole() {
			s.Slots = append(s.Slots, slot)
		}
	}
	return s, r.err
}

// items reads the items. The value of an item is lent until the next is asked
// for.
func (r *reader) items() iter.Seq2[kv.Item, error] {
	return func(yield func(kv.Item, error) bool) {
		for r.more(kindItems) {
			if it := r.payload.item(); r.whole() && !yield(it, nil) {
				return
			}
		}
		if r.err != nil {
			yield(kv.Item{}, r.err)
		}
	}
}

// finish checks that the snapshot ends where all has been read, and the file
// with it.
func (r *reader) finish(sessions, items int) error {
	if r.err != nil {
		return r.err
	}
	isEnd := r.kind == kindEnd
	s, i := r.payload.number(), r.payload.number()
	switch {
	case !isEnd || r.payload.short || len(r.payload.rest) > 0:
		return r.bad("a block of kind %d where the end was to be", r.kind)
	case s != uint64(sessions) || i != uint64(items):
		return r.bad("%d sessions and %d items, and there were to be %d and %d", sessions, items, s, i)
	case r.at != r.size:
		return r.bad("%d bytes after the end", r.size-r.at)
	}
	return nil
}
