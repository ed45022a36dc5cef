package journal

import "fmt"

// Restart removes all entries, and lets the next one have the index first. It is
// for those who have what comes before it, another history perhaps, in another
// place. If it fails, its error wraps ErrFailed.
//
// Files go one by one, the newest first: a loss of power leaves a beginning of
// what there was, or an empty journal that begins at first, or none at all.
func (j *Journal) Restart(first uint64) error {
	if j.failed != nil {
		return j.failed
	}
	if err := j.restart(first); err != nil {
		return j.fail(fmt.Errorf("begin again with entry %d: %w", first, err))
	}
	return nil
}

func (j *Journal) restart(first uint64) error {
	j.cuts.Add(1)
	if err := j.tail.Close(); err != nil {
		return err
	}
	id := j.last().id
	for len(j.segments) > 0 {
		if err := j.disk.Remove(j.last().name()); err != nil {
			return err
		}
		if err := j.disk.SyncDir(); err != nil {
			return err
		}
		j.segments = j.segments[:len(j.segments)-1]
	}
	s := segment{id, first}
	j.segments, j.marks = append(j.segments, s), nil
	j.next, j.synced, j.size = first, first-1, segmentHeader
	if err := s.create(j.disk, nil); err != nil {
		return err
	}
	f, err := j.disk.Open(s.name())
	j.tail = f
	return err
}
