// Package disk answers: what may a store rely on, of the files that it writes?
//
// Less than one would think. What is written is in the memory of the operating
// system, where every process sees it, and where it outlives the process that
// wrote it. It is on the disk only when Sync has returned. Between the two, a
// loss of power may leave any part of it: all, nothing, the end without the
// beginning, the length of a file without its bytes. The same holds for names:
// a new file is a change of its directory, and that has a Sync of its own.
//
// Disk and File are the few operations that a store needs, each with what it
// promises. OpenDir has the real ones. A test can put a disk there that
// forgets, tears and fails wherever the promise allows it.
package disk

import (
	"errors"
	"io"
)

// Disk is one directory and the files in it, named by plain names without any
// slash. It is for one goroutine.
type Disk interface {
	// Create makes a new, empty file. Its name is not safe before SyncDir: a
	// loss of power may take the file away, synced bytes and all. A file that
	// exists is an error that wraps fs.ErrExist.
	Create(name string) (File, error)
	// Open opens a file to read it and to append to it. One that does not
	// exist is an error that wraps fs.ErrNotExist.
	Open(name string) (File, error)
	// Rename gives a file another name, and takes that from the file that has
	// it, in one step: after a loss of power the new name stands for the one
	// file or for the other, never for a mixture. Which of them is open until
	// SyncDir.
	Rename(from, to string) error
	// Remove removes a file. Until SyncDir, it may come back.
	Remove(name string) error
	// List returns the names of the files, sorted.
	List() ([]string, error)
	// SyncDir makes all names as they are now survive a loss of power: files
	// that were created, renamed or removed. It does nothing for their bytes.
	SyncDir() error
	// Lock makes sure that no other process uses the directory until the lock
	// is closed or this process ends, however it ends. If one does, the error
	// wraps ErrLocked.
	Lock() (io.Closer, error)
}

// File is a file that grows at its end.
type File interface {
	// ReadAt reads what was written, synced or not; see io.ReaderAt.
	io.ReaderAt
	// Append writes b at the end. Until Sync, a loss of power may undo it in
	// whole or in part, and in no order: its end may survive without its
	// beginning, and what was never written may be read as zeros. If Append
	// fails, any part of b may have been written.
	Append(b []byte) error
	// Truncate cuts the file down to size. Until Sync, what was cut may come
	// back.
	Truncate(size int64) error
	// Size returns how many bytes there are to read.
	Size() (int64, error)
	// Sync returns when what has been written to the file is on the disk, and
	// its length. If it fails, nothing is known of anything that was written
	// since the last one that did not; and to call it again helps nothing,
	// because the operating system may have given up what it could not write.
	Sync() error
	// Close closes the file. It syncs nothing.
	Close() error
}

// ErrLocked is wrapped by Lock when another process uses the directory.
var ErrLocked = errors.New("another process uses this directory; stop it first, or choose another directory")
