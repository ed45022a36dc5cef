package real

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// pageSize is the unit in which a system writes mapped memory to the disk, on
// its own time and in any order.
const pageSize = 4 << 10

// Film remembers the states that the pages of some files went through, and
// develops images of what a power loss could leave behind if nothing was ever
// synced: each page by itself in any of the states that it had.
//
// That is the contract of a mapped file, and not a bit more than what a disk
// may do. A page that is read while somebody writes to it may be caught half
// written; so may a disk catch it.
//
// The names of the files are taken to be safe, which is generous: without an
// fsync of the directory a file may have vanished as a whole.
type Film struct {
	files map[string]*pages
}

// pages are the states of the pages of one file: by number, then by time. No
// state is like the one before it.
type pages struct {
	states [][][]byte
	size   int64 // at the last shot
	shots  int
}

// Shoot adds the present state of files, named by their paths. Files are told
// apart by the last part of it.
func (f *Film) Shoot(paths ...string) error {
	if f.files == nil {
		f.files = make(map[string]*pages)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if f.files[name] == nil {
			f.files[name] = &pages{}
		}
		if err := f.files[name].shoot(path); err != nil {
			return fmt.Errorf("film %s: %w", path, err)
		}
	}
	return nil
}

func (p *pages) shoot(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, pageSize)
	p.size = 0
	for i := 0; ; i++ {
		n, err := io.ReadFull(file, buf)
		if err == io.EOF {
			p.shots++
			return nil
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return err
		}
		clear(buf[n:])
		p.add(i, buf)
		p.size += int64(n)
	}
}

// add notes a state of page i. All pages of zeros are one, so that a film of a
// file that is mostly empty takes little memory.
func (p *pages) add(i int, state []byte) {
	if i == len(p.states) {
		p.states = append(p.states, nil)
		if p.shots > 0 { // the file has grown: until then the page was a hole
			p.states[i] = [][]byte{zeroPage[:]}
		}
	}
	before := p.states[i]
	if len(before) > 0 && bytes.Equal(before[len(before)-1], state) {
		return
	}
	if bytes.Equal(zeroPage[:], state) {
		p.states[i] = append(before, zeroPage[:])
		return
	}
	p.states[i] = append(before, bytes.Clone(state))
}

var zeroPage [pageSize]byte

// Develop writes one image of the files to a directory, which it makes. rng
// chooses the state of each page.
func (f *Film) Develop(rng *rand.Rand, dir string) error {
	return f.write(dir, func(states int) int { return rng.IntN(states) })
}

func (f *Film) write(dir string, choose func(states int) int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("develop a film: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		if err := f.files[name].write(filepath.Join(dir, name), choose); err != nil {
			return fmt.Errorf("develop a film: %w", err)
		}
	}
	return nil
}

func (p *pages) write(path string, choose func(states int) int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	for _, states := range p.states {
		w.Write(states[choose(len(states))])
	}
	if err := w.Flush(); err != nil { // which has the errors of all the writes
		return err
	}
	return file.Truncate(p.size)
}

// Changed returns the number of pages that had more than one state: between
// what so many pages can be, a power loss may choose.
func (f *Film) Changed() int {
	n := 0
	for _, p := range f.files {
		for _, states := range p.states {
			n += min(len(states)-1, 1)
		}
	}
	return n
}
