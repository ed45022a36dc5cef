package simdisk

import (
	"fmt"
	"io"
	"io/fs"
)

// Kind is what an operation does.
type Kind string

// The kinds of operation. To close a file, to ask for its size and to take the
// lock are none: nothing can go wrong with them here.
const (
	Create   Kind = "create"
	Open     Kind = "open"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	List     Kind = "list"
	SyncDir  Kind = "sync-dir"
	Read     Kind = "read"
	Append   Kind = "append"
	Truncate Kind = "truncate"
	Sync     Kind = "sync"
)

// Op is one operation on a disk.
type Op struct {
	N     int
	Kind  Kind
	Name  string
	To    string    // of a rename
	Off   int64     // where a read or an append begins; the new size for a truncate
	Size  int       // how many bytes are read or appended
	Fault FaultKind // what hit it
}

// Changes says whether an operation of this kind changes anything on the disk,
// or what may become of it.
func (k Kind) Changes() bool { return k != Open && k != List && k != Read }

// String says what the operation does, with its number before it.
func (op Op) String() string { return fmt.Sprintf("%d %s", op.N, op.Words()) }

// Words says what the operation does.
func (op Op) Words() string {
	text := fmt.Sprintf("%s %s", op.Kind, op.Name)
	switch op.Kind {
	case Rename:
		text += " to " + op.To
	case Append:
		text = fmt.Sprintf("append %d bytes to %s", op.Size, op.Name)
	case Read:
		text = fmt.Sprintf("read %d bytes of %s", op.Size, op.Name)
	case Truncate:
		text = fmt.Sprintf("truncate %s to %d bytes", op.Name, op.Off)
	case List:
		text = "list the directory"
	case SyncDir:
		text = "sync the directory"
	}
	if op.Fault != "" {
		text += ": " + op.Fault.words()
	}
	return text
}

// FaultKind is a way in which an operation goes wrong.
type FaultKind string

// The kinds of fault. The last is outside of the contract of a disk.
const (
	// EIO: the operation fails, and nothing has happened; of an append, some
	// bytes may have been written. What was to be synced still can be.
	EIO FaultKind = "eio"
	// NoSpace: the disk is full. An append writes some of its bytes.
	NoSpace FaultKind = "no-space"
	// Short: an append writes some of its bytes, and says so.
	Short FaultKind = "short-write"
	// FailedSync: a sync fails, and the operating system gives up what it could
	// not write: it is read as if it were there, later syncs succeed without
	// writing it, and the next loss of power decides what is left of it.
	FailedSync FaultKind = "failed-sync"
	// Lie: a sync does nothing and says that all is well.
	Lie FaultKind = "lying-sync"
)

func (k FaultKind) words() string {
	switch k {
	case EIO:
		return "input/output error"
	case NoSpace:
		return "no space left on the disk"
	case Short:
		return "short write"
	case FailedSync:
		return "fails, and what it should have written is given up"
	case Lie:
		return "says that it is done, and does nothing"
	}
	return string(k)
}

// Suits says whether the fault can happen to an operation of that kind.
func (k FaultKind) Suits(op Kind) bool {
	switch k {
	case NoSpace:
		return op == Append || op == Create
	case Short:
		return op == Append
	case FailedSync, Lie:
		return op == Sync || op == SyncDir
	}
	return true
}

// Fault is something that goes wrong with the operation number At, if it is of
// a kind that it suits.
type Fault struct {
	At    int       `json:"at"`
	Times int       `json:"times,omitempty"` // for so many operations in a row; 0 is 1
	Kind  FaultKind `json:"kind"`
	Keep  int       `json:"keep,omitempty"` // of a failed append: how many bytes are written nevertheless
}

// String says what happens, and to which operation.
func (f Fault) String() string {
	if f.Times > 1 {
		return fmt.Sprintf("operations %d to %d: %s", f.At, f.At+f.Times-1, f.Kind.words())
	}
	return fmt.Sprintf("operation %d: %s", f.At, f.Kind.words())
}

func (f Fault) hits(op Op) bool {
	return op.N >= f.At && op.N < f.At+max(f.Times, 1) && f.Kind.Suits(op.Kind)
}

// err is the error that the program gets.
func (f Fault) err(op, name string) error {
	var err error = eio
	switch f.Kind {
	case NoSpace:
		err = enospc
	case Short:
		err = io.ErrShortWrite
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
