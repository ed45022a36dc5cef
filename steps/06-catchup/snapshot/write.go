package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
)

// Write writes a snapshot, which is none before Publish. It takes memory for one
// block, however many items there are.
func Write(d disk.Disk, s State) error {
	if (machine.Settings{Sessions: s.Sessions.Limit, Incarnation: s.Sessions.Incarnation}) != s.Settings {
		return errors.New("write a snapshot: the sessions are of a store with other settings")
	}
	name := fileName(s.Index) + temporary
	if err := write(d, name, s); err != nil {
		return fmt.Errorf("write a snapshot of %v: %w", s.Position, errors.Join(err, remove(d, name)))
	}
	return nil
}

// Publish puts the snapshot of a position, which Write has written, in the place
// of the one before, whatever that is of. When it returns without an error, that
// survives a loss of power. If it fails, the one before may be there, or the new
// one, or both, each of them whole; Open tells.
func Publish(d disk.Disk, at node.Position) error {
	name := fileName(at.Index) + temporary
	if err := publish(d, name, at.Index); err != nil {
		return fmt.Errorf("publish the snapshot of %v: %w", at, errors.Join(err, remove(d, name)))
	}
	return nil
}

// Withdraw removes what Write has written, because nobody wants it any more.
func Withdraw(d disk.Disk, at node.Position) error {
	if err := remove(d, fileName(at.Index)+temporary); err != nil {
		return fmt.Errorf("withdraw the snapshot of %v: %w", at, err)
	}
	return nil
}

// publish gives a snapshot that is on the disk its name, and removes all others
// when that is safe.
func publish(d disk.Disk, from string, index uint64) error {
	if err := d.Rename(from, fileName(index)); err != nil {
		return err
	}
	return keepOnly(d, index)
}

// write writes the file, and returns when it is on the disk.
func write(d disk.Disk, name string, s State) error {
	if err := remove(d, name); err != nil {
		return err
	}
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	b, sum := head()
	w := &writer{file: f, sum: sum, block: make([]byte, blockHead, blockHead+blockSize), err: f.Append(b)}
	w.state(s)
	if w.err == nil {
		w.err = f.Sync()
	}
	return errors.Join(w.err, f.Close())
}

// writer writes blocks.
//
// Invariants:
//   - block is a head that is still to be filled in, and a payload.
//   - sum is the checksum of what is in the file, other checksums left out.
//   - Once err is set, nothing is written any more.
type writer struct {
	file     disk.File
	block    []byte
	sum      uint32
	unsynced int
	err      error
}

func (w *writer) state(s State) {
	w.block = appendLabel(w.block, s)
	w.end(kindLabel)
	for _, slot := range s.Sessions.Slots {
		w.block = appendSlot(w.block, slot)
		w.endIfFull(kindSessions)
	}
	w.endIfAny(kindSessions)
	for it := range s.Map.All() {
		w.block = appendItem(w.block, it)
		if w.endIfFull(kindItems); w.err != nil {
			return
		}
	}
	w.endIfAny(kindItems)
	w.block = binary.AppendUvarint(w.block, uint64(len(s.Sessions.Slots)))
	w.block = binary.AppendUvarint(w.block, uint64(s.Map.Len()))
	w.end(kindEnd)
}

func (w *writer) endIfAny(kind byte) {
	if len(w.block) > blockHead {
		w.end(kind)
	}
}

func (w *writer) endIfFull(kind byte) {
	if len(w.block) >= blockHead+blockSize {
		w.end(kind)
	}
}

// syncEvery bounds how much a sync has to bring to the disk, in bytes, because
// those who sync a command meanwhile may have to wait for it. (Measured beside a
// snapshot of 116 MB, the slowest of them took 15 ms, and 50 to 90 ms where the
// snapshot was synced once, at its end.)
const syncEvery = 8 << 20

// end writes the block, and begins another one.
func (w *writer) end(kind byte) {
	n := len(w.block) - blockHead
	if w.err == nil && n > maxPayload {
		w.err = fmt.Errorf("a block of %d bytes, and the limit is %d", n, maxPayload)
	}
	if w.err != nil {
		return
	}
	w.block[0] = kind
	binary.LittleEndian.PutUint32(w.block[1:], uint32(n))
	w.sum = crc32.Update(w.sum, castagnoli, w.block)
	w.block = binary.LittleEndian.AppendUint32(w.block, w.sum)
	w.err = w.file.Append(w.block)
	if w.unsynced += len(w.block); w.err == nil && w.unsynced >= syncEvery {
		w.err, w.unsynced = w.file.Sync(), 0
	}
	w.block = w.block[:blockHead]
}
