package journal

import (
	"fmt"
)

// CutFront removes entries below the index before, from the front: whole files
// only, so that some of them may stay. The last file always stays. It is for
// those who have what the entries say in another place.
//
// Files go one by one, the oldest first, each before the next: a loss of power
// never leaves a gap.
func (j *Journal) CutFront(before uint64) error {
	if j.failed != nil {
		return j.failed
	}
	for len(j.segments) > 1 && j.segments[1].first <= before {
		if err := j.disk.Remove(j.segments[0].name()); err != nil {
			return fmt.Errorf("cut the front: %w", err)
		}
		if err := j.disk.SyncDir(); err != nil {
			return j.fail(fmt.Errorf("cut the front: %w", err))
		}
		j.segments = j.segments[1:]
		j.marks = j.marks[j.marks.count(j.First()):]
	}
	return nil
}

// CutBack removes the entries above the index last, for good: they do not come
// back after a loss of power. What is not cut stays safe at every moment. If
// CutBack fails, its error wraps ErrFailed, and some of the entries may be gone.
//
// The file in which the cut falls is written anew without them and put in the
// place of the old one, because a frame cannot be shortened where it is. That
// costs as much as the file is long, and happens rarely.
//
// Who had stored the bytes of this very file as a value, frames that are cut now
// included, could later make a torn commit look like damage: Open would refuse,
// and lose nothing.
func (j *Journal) CutBack(last uint64) error {
	switch {
	case j.failed != nil:
		return j.failed
	case last >= j.Last():
		return nil
	case last+1 < j.First():
		return fmt.Errorf("cut back to entry %d: the oldest is %d", last, j.First())
	}
	if err := j.cutBack(last); err != nil {
		return j.fail(fmt.Errorf("cut back to entry %d: %w", last, err))
	}
	return nil
}

func (j *Journal) cutBack(last uint64) error {
	j.cuts.Add(1)
	j.next, j.synced = last+1, min(j.synced, last)
	for len(j.segments) > 1 && j.last().first > last {
		if err := j.disk.Remove(j.last().name()); err != nil {
			return err
		}
		if err := j.disk.SyncDir(); err != nil {
			return err
		}
		j.segments = j.segments[:len(j.segments)-1]
	}
	s := j.last()
	j.marks = j.marks[:j.marks.count(s.first)]
	frames, marks, err := j.frames(s)
	if err != nil {
		return err
	}
	if err := s.create(j.disk, frames); err != nil {
		return err
	}
	if err := j.tail.Close(); err != nil {
		return err
	}
	if j.tail, err = j.disk.Open(s.name()); err != nil {
		return err
	}
	j.size, j.synced = segmentHeader+int64(len(frames)), last
	j.marks = append(j.marks, marks...)
	return nil
}

// frames returns the entries of the last segment in frames of one entry each.
func (j *Journal) frames(s segment) (frames []byte, marks marks, err error) {
	for e, err := range j.Read(s.first) {
		if err != nil {
			return nil, nil, err
		}
		marks = marks.add(s, mark{e.Index, segmentHeader + int64(len(frames))})
		frames = appendFrame(frames, s.seed(), e.Index, e.Index-1, [][]byte{e.Data})
	}
	return frames, marks, nil
}
