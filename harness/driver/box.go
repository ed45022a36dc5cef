package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"unsafe"

	"zeyrho/harness/history"
)

// box is the flight recorder of a process that may crash: a mapped file, to
// which goroutines add lines. The kernel keeps what is in it, whatever becomes
// of the process; and unlike a write to a pipe, adding a line makes nobody wait,
// so that the goroutines meet in the store and not on the way to it.
//
// It begins with the number of bytes that the lines take, which others may watch
// grow.
type box struct{ b []byte }

const boxHead = 8

// newBox returns an empty box in the file out, for a run of some ops.
func newBox(out io.Writer, ops int) (*box, error) {
	f, ok := out.(*os.File)
	if !ok {
		return nil, fmt.Errorf("driver: the box has to be a file")
	}
	size := 1<<20 + ops*16<<10 // most of it a hole
	if err := f.Truncate(int64(size)); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("driver: map %s: %w", f.Name(), err)
	}
	return &box{b: b}, nil
}

func (x *box) used() *atomic.Int64 { return (*atomic.Int64)(unsafe.Pointer(&x.b[0])) }

// filled returns how many bytes of lines are in a box.
func filled(box io.ReaderAt) int64 {
	head := make([]byte, boxHead)
	if _, err := box.ReadAt(head, 0); err != nil {
		return 0 // it has only just been made
	}
	return int64(binary.NativeEndian.Uint64(head))
}

// put adds a line about an operation, in a place that nobody else writes to.
func (x *box) put(op history.Op) {
	line, err := json.Marshal(op)
	if err != nil {
		panic(fmt.Errorf("driver: %w", err)) // which cannot be: an Op consists of text and numbers
	}
	line = append(line, '\n')
	end := boxHead + x.used().Add(int64(len(line)))
	if end > int64(len(x.b)) {
		panic("driver: the box is full")
	}
	copy(x.b[end-int64(len(line)):], line)
}

// readBox returns the operations in a box in the order of their ids, each as
// it was known last. A line that was being written when the process died is
// not there.
func readBox(file string) ([]history.Op, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	b = b[min(boxHead, len(b)):]
	latest := make(map[int]history.Op)
	for line := range bytes.Lines(b) {
		var op history.Op
		if json.Unmarshal(bytes.Trim(line, "\x00\n"), &op) != nil {
			continue
		}
		if old, ok := latest[op.ID]; !ok || old.Outcome == history.Unknown {
			latest[op.ID] = op
		}
	}
	var ops []history.Op
	for _, op := range latest {
		ops = append(ops, op)
	}
	slices.SortFunc(ops, func(a, b history.Op) int { return cmp.Compare(a.ID, b.ID) })
	return ops, nil
}
