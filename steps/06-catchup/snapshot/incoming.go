package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"zeyrho/steps/04-journal/disk"
)

// Errors of a transfer.
var (
	// ErrGap is wrapped when a chunk is not the one that is due: see Next.
	ErrGap = errors.New("bytes are missing before these")
	// ErrOlder is wrapped when a chunk is of an earlier snapshot than the one that is
	// coming.
	ErrOlder = errors.New("a later snapshot is coming")
	// ErrDiffers is wrapped when a chunk says other than one before it.
	ErrDiffers = errors.New("the same bytes came before, and were others")
)

// Incoming is a snapshot that comes by chunks.
//
// The file that they are in is named by the identity of the snapshot, so that it
// cannot be taken for another one, and has no bytes but its own. It outlives the
// process: the next one goes on where this one was, or a little before.
//
// Invariants:
//   - id is zero, and file nil, when nothing is coming.
//   - The file has the first next bytes of the snapshot, and no others.
//   - There is no file of another transfer in the directory.
//   - whole is set only if all of it has come, is on the disk, and was checked.
//
// It is for one goroutine, and so is its disk.
type Incoming struct {
	disk  disk.Disk
	id    Identity
	file  disk.File
	next  int64
	whole bool
}

const partSuffix = ".part"

func (id Identity) partName() string {
	return fmt.Sprintf("%020d-%016x-%d-%08x%s", id.Index, uint64(id.Epoch), id.Size, id.Sum, partSuffix)
}

func parsePart(name string) (id Identity, ok bool) {
	n, _ := fmt.Sscanf(strings.ReplaceAll(name, "-", " "), "%d %x %d %x", &id.Index, &id.Epoch, &id.Size, &id.Sum)
	return id, n == 4 && id.partName() == name
}

// OpenIncoming finds what has come before the process was started, if anything.
// What a loss of power may have spoilt is cut off: the beginning of a snapshot
// can be checked without the rest.
func OpenIncoming(d disk.Disk) (*Incoming, error) {
	in := &Incoming{disk: d}
	parts, err := in.parts()
	for _, id := range parts {
		if in.id.Before(id.Position) {
			in.id = id
		}
	}
	for _, id := range parts {
		if id != in.id && err == nil {
			err = remove(d, id.partName())
		}
	}
	if err == nil && in.id != (Identity{}) {
		err = in.resume()
	}
	if err != nil {
		return nil, fmt.Errorf("open the incoming snapshot: %w", err)
	}
	return in, nil
}

func (in *Incoming) parts() (all []Identity, err error) {
	names, err := in.disk.List()
	for _, name := range names {
		if id, ok := parsePart(name); ok {
			all = append(all, id)
		}
	}
	return all, err
}

// resume finds out how much of the file can be used.
func (in *Incoming) resume() error {
	r, err := openFile(in.disk, in.id.partName())
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrFormat) {
		return in.Discard() // not even the label can be used
	}
	if err != nil {
		return err
	}
	for r.err == nil && r.kind != kindEnd {
		r.next()
	}
	in.file, in.next = r.file, r.at
	if r.err != nil && !errors.Is(r.err, ErrDamaged) {
		return r.err
	}
	return in.file.Truncate(in.next)
}

// Identity says what is coming. It is zero if nothing is.
func (in *Incoming) Identity() Identity { return in.id }

// Next returns the offset of the first byte that has not come.
func (in *Incoming) Next() int64 { return in.next }

// Add takes a chunk of the snapshot id, which begins at offset. What has come
// already may come again. If the chunk begins after Next, the error wraps ErrGap;
// if it is of an earlier snapshot than the one that is coming, ErrOlder. A chunk
// from the beginning of another one that is no earlier starts anew, and what had
// come is thrown away. It is too when the disk fails.
func (in *Incoming) Add(id Identity, offset int64, chunk []byte) error {
	err := in.add(id, offset, chunk)
	if err != nil {
		return fmt.Errorf("%d bytes at offset %d of %v: %w", len(chunk), offset, id, err)
	}
	return nil
}

func (in *Incoming) add(id Identity, offset int64, chunk []byte) error {
	next := in.next
	if id != in.id {
		next = 0
	}
	switch {
	case id.Before(in.id.Position):
		return fmt.Errorf("%w: %v is coming", ErrOlder, in.id.Position)
	case offset < 0 || offset > next:
		return fmt.Errorf("%w: the next is at %d", ErrGap, next)
	case id.Index == 0 || offset+int64(len(chunk)) > id.Size:
		return errors.New("they reach beyond its end")
	}
	if id != in.id {
		if err := in.begin(id); err != nil {
			return err
		}
	}
	had := min(int(next-offset), len(chunk))
	if err := in.compare(offset, chunk[:had]); err != nil {
		return err
	}
	if err := in.file.Append(chunk[had:]); err != nil {
		return errors.Join(err, in.Discard()) // nobody knows how much of it is there
	}
	in.next += int64(len(chunk) - had)
	return nil
}

// compare says whether what comes again is what came before.
func (in *Incoming) compare(offset int64, again []byte) error {
	before := make([]byte, len(again))
	if n, err := in.file.ReadAt(before, offset); n < len(before) {
		return err
	}
	if !bytes.Equal(before, again) {
		return ErrDiffers
	}
	return nil
}

// begin throws away what has come, and makes a new file.
func (in *Incoming) begin(id Identity) error {
	if err := in.Discard(); err != nil {
		return err
	}
	if err := remove(in.disk, id.partName()); err != nil { // it may be left if it could not be discarded once
		return err
	}
	f, err := in.disk.Create(id.partName())
	if err != nil {
		return err
	}
	in.id, in.file, in.next = id, f, 0
	return nil
}

// Check reads the snapshot when all of it has come, and returns what is in it. If
// not all has come, the error wraps ErrGap. What is damaged is thrown away.
func (in *Incoming) Check() (*Restored, error) {
	if in.file == nil || in.next < in.id.Size {
		return nil, fmt.Errorf("%w: %d bytes of %v have come", ErrGap, in.next, in.id)
	}
	var s *Restored
	err := in.file.Sync()
	if err == nil {
		s, err = in.check()
	}
	if err != nil {
		return nil, fmt.Errorf("check %v: %w", in.id, errors.Join(err, in.Discard()))
	}
	in.whole = true
	return s, nil
}

// Publish puts the snapshot, which Check has found whole, in the place of the one
// before, as the Publish of one's own does. Nothing is coming then. If it cannot,
// what has come is thrown away.
func (in *Incoming) Publish() error {
	if !in.whole {
		return fmt.Errorf("publish %v: it has not been checked", in.id)
	}
	if err := publish(in.disk, in.id.partName(), in.id.Index); err != nil {
		id := in.id
		return fmt.Errorf("publish %v: %w", id, errors.Join(err, in.Discard()))
	}
	return in.Close()
}

// check reads what has come.
func (in *Incoming) check() (*Restored, error) {
	r, err := openFile(in.disk, in.id.partName())
	if err != nil {
		return nil, err
	}
	s, err := r.restore()
	if err == nil && (Identity{r.label.Position, r.size, r.sum}) != in.id {
		err = r.bad("it says that it is another one, of %v", r.label.Position)
	}
	return s, errors.Join(err, r.file.Close())
}

// Discard throws away what has come.
func (in *Incoming) Discard() error {
	id, file := in.id, in.file
	*in = Incoming{disk: in.disk}
	if file != nil {
		file.Close()
	}
	if id == (Identity{}) {
		return nil
	}
	return remove(in.disk, id.partName())
}

// Close closes the file, which stays for the next OpenIncoming.
func (in *Incoming) Close() error {
	file := in.file
	*in = Incoming{disk: in.disk}
	if file == nil {
		return nil
	}
	return file.Close()
}
