package snapshot

import (
	"errors"
	"fmt"

	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/06-catchup/tree"
)

// Load reads the snapshot of the entry at index.
func Load(d disk.Disk, index uint64) (*Restored, error) {
	r, err := openIndex(d, index)
	if err != nil {
		return nil, advise("load the snapshot", err)
	}
	s, err := r.restore()
	if err = errors.Join(err, r.file.Close()); err != nil {
		return nil, advise("load the snapshot", err)
	}
	return s, nil
}

// restore reads what comes after the label. Everything in the file has been
// checked if it returns without an error.
func (r *reader) restore() (*Restored, error) {
	state, err := r.sessions()
	if err != nil {
		return nil, err
	}
	sessions, err := session.Import(state)
	if err != nil {
		return nil, r.bad("%w", err)
	}
	m, err := tree.Restore(r.applied, r.items())
	if r.err != nil {
		return nil, r.err
	}
	if err != nil {
		return nil, r.bad("%w", err)
	}
	return &Restored{r.label, sessions, m}, r.finish(len(state.Slots), m.Len())
}

// Verify reads the snapshot of the entry at index, and says whether its file is
// as it was written. It keeps nothing of it.
func Verify(d disk.Disk, index uint64) error {
	r, err := openIndex(d, index)
	if err != nil {
		return advise("verify the snapshot", err)
	}
	state, _ := r.sessions()
	items := 0
	for range r.items() {
		items++
	}
	err = r.finish(len(state.Slots), items)
	return advise("verify the snapshot", errors.Join(err, r.file.Close()))
}

// advise says what was being done and, if something is damaged, what is left to
// do.
func advise(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("%s: %w. Nothing has been changed. An earlier snapshot would not do, because the log may have been cut for this one. "+
			"Restore the directory from a copy; or, if the leader is whole, start this node with an empty one, and it is sent everything", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
