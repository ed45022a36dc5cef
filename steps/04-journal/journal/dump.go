package journal

import (
	"fmt"
	"io"

	"zeyrho/steps/04-journal/disk"
)

// Dump writes for people what is in the journal on d, frame by frame, and
// changes nothing. describe puts an entry into words. What is bad is said where
// it is, and the next file comes.
func Dump(w io.Writer, d disk.Disk, describe func(Entry) string) error {
	names, err := d.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		first, ok := parseName(name)
		if !ok {
			continue
		}
		if err := dumpSegment(w, d, first, describe); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func dumpSegment(w io.Writer, d disk.Disk, first uint64, describe func(Entry) string) error {
	f, err := d.Open(segmentName(first))
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := checkSegment(f, first)
	if err != nil {
		_, err = fmt.Fprintf(w, "%s\n  BAD: %v\n", segmentName(first), err)
		return err
	}
	sc, err := newScanner(s, f)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s  format %d, journal %016x, %d bytes\n", s.name(), format, s.id, sc.size)
	for {
		h, err := sc.read()
		if err == nil {
			fmt.Fprintf(w, "  offset %d: a frame of %d bytes, written when entry %d was synced\n", sc.at, frameHeader+h.length, h.synced)
			sc.at += frameHeader + int64(h.length)
			sc.next, err = h.entries(sc.payload, func(e Entry) error {
				_, err := fmt.Fprintf(w, "    %d  %s\n", e.Index, describe(e))
				return err
			})
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			_, err = fmt.Fprintf(w, "  offset %d: BAD: %v\n", sc.at, err)
			return err
		}
	}
}
