package journal

import "sort"

// A mark says where in its segment a frame begins.
type mark struct {
	entry uint64 // the first in the frame
	at    int64
}

// start is the mark of the first frame.
func (s segment) start() mark { return mark{s.first, segmentHeader} }

// marks are some frames of a journal, so that a reader can begin near to where
// it wants to be. They are in memory only, and take 16 bytes for 64 KiB of
// journal: one of 100 GB would keep them on the disk instead.
//
// Invariants:
//   - They are in order, and every frame that is marked is there.
//   - No first frame of a segment is marked. So it is clear which segment a mark
//     belongs to: the last that begins before it.
type marks []mark

// spacing is the least number of bytes from one mark to the next.
const spacing = 64 << 10

// add appends a mark of a frame at the end of the last segment, unless there is
// one near.
func (m marks) add(last segment, here mark) marks {
	before := m.near(last, here.entry)
	if here.at < before.at+spacing {
		return m
	}
	return append(m, here)
}

// near returns the last mark in segment s that is not beyond entry.
func (m marks) near(s segment, entry uint64) mark {
	if n := m.count(entry); n > 0 && m[n-1].entry > s.first {
		return m[n-1]
	}
	return s.start()
}

// count returns how many marks are not beyond entry.
func (m marks) count(entry uint64) int {
	return sort.Search(len(m), func(i int) bool { return m[i].entry > entry })
}
