// Package journal answers: how does one write something down so that it is
// still there, in order, after the power has gone at the worst moment?
//
// A journal is a list of entries with growing indexes, in files that grow at
// their ends. Entries are appended, and are safe when Sync has returned. After
// a crash, Open finds what was safe, and of the rest what happens to have
// survived: always a beginning of what was appended, without a gap.
//
// What was being written when the power went is torn, and Open cuts it off. It
// does so only if it may: every frame says how far the journal was known to be
// synced when it was written. If a frame is bad and a later one says that it
// was safe, no loss of power did that. Then Open cuts nothing, and says which
// byte of which file is damaged.
//
// Some things cannot be told apart. Damage in the very last frames, those since
// the sync before the last one, or the loss of them, looks as if they had never
// been completed: nothing after them bears witness. (With a sync after every
// frame that is one frame.) So does a last file that is gone, or was cut short
// between two frames. A copy on another machine would know better (step 05).
//
// A Journal is for one goroutine, with one exception: see Read. It knows nothing
// of what its entries mean.
package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"zeyrho/steps/04-journal/disk"
)

// Entry is something that was written down, and its place in the order.
type Entry struct {
	Index uint64 // from 1, without gaps
	Data  []byte
}

// Errors of a journal.
var (
	// ErrDamaged is wrapped when what was safely written is no longer there as
	// it was. The error says where, and what can be done.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrFormat is wrapped when another version of this package wrote the journal.
	ErrFormat = errors.New("the journal was written by another version of this program; use that one, or choose another directory")
	// ErrFailed is wrapped when a journal cannot go on. What was appended since
	// the last Sync that succeeded may be there after the next Open, or not.
	ErrFailed = errors.New("the disk has failed, and the journal takes nothing more; the next start finds what is there")
)

// Config says how a journal is kept. A zero means the default.
type Config struct {
	SegmentSize int64  // bytes, after which a new file is begun; 64 MiB
	ID          uint64 // identity of a new journal; drawn at random
}

func (c Config) withDefaults() Config {
	if c.SegmentSize == 0 {
		c.SegmentSize = 64 << 20
	}
	if c.ID == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		c.ID = binary.LittleEndian.Uint64(b[:])
	}
	return c
}

// Journal is an open journal.
//
// Invariants:
//   - segments are in order and without gaps: each begins with the entry after
//     the last of the one before.
//   - Every segment but the last is synced, and so is every name.
//   - The file of the last segment has size bytes, the last of which ends the
//     frame of entry next-1, unless failed is set.
//   - All entries up to synced are on the disk. Every frame says what synced
//     was when it was written.
//   - Once failed is set, nothing is written any more.
type Journal struct {
	disk     disk.Disk
	config   Config
	segments []segment
	tail     disk.File // the last segment
	size     int64     // of tail, in bytes
	next     uint64    // index of the next entry
	synced   uint64    // the last entry that is known to be on the disk
	syncs    int
	failed   error
	buffer   []byte
	marks    marks         // of frames in segments
	cuts     atomic.Uint64 // how often CutBack was begun
}

// First returns the index of the oldest entry that is still there. If there is
// none, it is the index that the next one gets.
func (j *Journal) First() uint64 { return j.segments[0].first }

// Last returns the index of the last entry, or First-1 if there is none.
func (j *Journal) Last() uint64 { return j.next - 1 }

// Synced returns the index of the last entry that is known to survive a loss of
// power.
func (j *Journal) Synced() uint64 { return j.synced }

// Syncs returns how often the journal has synced a file to make entries safe.
func (j *Journal) Syncs() int { return j.syncs }

// Append writes entries at the end, as one frame: after a crash, all of them
// are there or none. They are safe after the next Sync. Their indexes are those
// after Last.
//
// If Append fails, none of them is there, now or after a crash, and the
// journal goes on: the disk is full, perhaps, and will not be for ever. Only if
// it cannot be sure of that, the error wraps ErrFailed, and the journal has
// come to its end.
func (j *Journal) Append(entries ...[]byte) error {
	if j.failed != nil {
		return j.failed
	}
	if len(entries) == 0 {
		return nil
	}
	if j.size > segmentHeader && j.size+frameSize(entries) > j.config.SegmentSize {
		if err := j.rotate(); err != nil {
			return fmt.Errorf("begin a new segment: %w", err)
		}
	}
	j.buffer = appendFrame(j.buffer[:0], j.last().seed(), j.next, j.synced, entries)
	if n := len(j.buffer) - frameHeader; n > MaxFrame {
		return fmt.Errorf("entries of %d bytes in all, and the limit is %d", n, MaxFrame)
	}
	if err := j.tail.Append(j.buffer); err != nil {
		return j.undo(fmt.Errorf("append to %s: %w", j.last().name(), err))
	}
	j.marks = j.marks.add(j.last(), mark{j.next, j.size})
	j.size += int64(len(j.buffer))
	j.next += uint64(len(entries))
	return nil
}

// frameSize is at least the size of the frame of entries.
func frameSize(entries [][]byte) int64 {
	size := frameHeader + len(entries)*binary.MaxVarintLen32
	for _, e := range entries {
		size += len(e)
	}
	return int64(size)
}

func (j *Journal) last() segment { return j.segments[len(j.segments)-1] }

// undo takes back what a failed append may have written. The cut has to be
// synced too: otherwise the frame could come back after a crash, when somebody
// has been told that it is not there.
func (j *Journal) undo(why error) error {
	err := j.tail.Truncate(j.size)
	if err == nil {
		err = j.tail.Sync()
	}
	if err != nil {
		return j.fail(fmt.Errorf("%w; then it could not be undone: %w", why, err))
	}
	j.synced = j.Last()
	return why
}

func (j *Journal) fail(why error) error {
	j.failed = fmt.Errorf("%w: %w", ErrFailed, why)
	return j.failed
}

// Sync returns when everything that was appended survives a loss of power. If
// it fails, its error wraps ErrFailed, and the journal has come to its end: the
// operating system may have thrown away what it could not write, and report no
// error the next time. So nobody asks a second time.
func (j *Journal) Sync() error {
	if j.failed != nil || j.synced == j.Last() {
		return j.failed
	}
	if err := j.tail.Sync(); err != nil {
		return j.fail(fmt.Errorf("sync %s: %w", j.last().name(), err))
	}
	j.syncs++
	j.synced = j.Last()
	return nil
}

// rotate begins a new segment. The old one is synced first, so that only the
// last can ever have a torn end.
func (j *Journal) rotate() error {
	if err := j.Sync(); err != nil {
		return err
	}
	s := segment{j.last().id, j.next}
	if err := s.write(j.disk, nil); err != nil {
		return err
	}
	if err := s.publish(j.disk); err != nil {
		return j.fail(err) // it may be there: to go on in the old one would make two ends
	}
	f, err := j.disk.Open(s.name())
	if err != nil {
		return j.fail(err)
	}
	j.tail.Close() // synced, and only read from now on
	j.segments = append(j.segments, s)
	j.tail, j.size = f, segmentHeader
	return nil
}

// Close closes the journal. It does not sync.
func (j *Journal) Close() error { return j.tail.Close() }
