//go:build unix

package mapped

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// writerLock keeps writers apart: goroutines of one process by turn, processes
// by flock(2) on the file.
//
// Both are needed. A flock belongs to an open file, not to a goroutine: whoever
// asks again on the same open file is told yes, for he has it already.
//
// The kernel drops the lock of a process that dies, at once and however it
// died. A lock word in the shared memory would have to be freed by somebody who
// first makes sure that its holder is dead, and is not just slow. It is not
// fcntl(2) either: such a lock belongs to the process, and is gone as soon as
// any part of the process opens and closes the same file.
//
// A holder who is stopped (SIGSTOP, a debugger, a laptop that sleeps) keeps the
// lock, and all writers wait. That is right: nobody can know what he will do
// next, and to take his lock away would give the file two writers. Step 03 has
// one process write for all.
type writerLock struct {
	file *os.File
	turn chan struct{} // holds one token while somebody has, or waits for, the flock
	gone chan struct{} // closed when the store is
}

func newWriterLock(f *os.File) *writerLock {
	return &writerLock{f, make(chan struct{}, 1), make(chan struct{})}
}

// lock returns nil when the caller has the lock. A ctx that has ended gets no try.
func (l *writerLock) lock(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	case <-l.gone:
		return ErrClosed
	}
	err := l.flock(syscall.LOCK_EX | syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return l.wait(ctx)
	}
	if err != nil {
		<-l.turn
	}
	return err
}

// wait waits for the flock in a goroutine of its own, because no system call
// listens to a context. If the caller goes first, the goroutine keeps the turn
// until it has the lock and has given it back: otherwise its late success would
// end in unlocking the file under the next holder. So an open file has one such
// goroutine at most.
func (l *writerLock) wait(ctx context.Context) error {
	got := make(chan error, 1)
	go func() { got <- l.flock(syscall.LOCK_EX) }()
	why := ErrClosed
	select {
	case err := <-got:
		if err != nil {
			<-l.turn
		}
		return err
	case <-ctx.Done():
		why = fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	case <-l.gone:
	}
	go func() {
		<-got
		l.unlock()
	}()
	return why
}

// unlock gives the lock back. It cannot fail in a way that matters: if the file
// is closed by now, the lock is gone with it.
func (l *writerLock) unlock() {
	_ = l.flock(syscall.LOCK_UN)
	<-l.turn
}

// flock calls flock(2). It holds on to the descriptor meanwhile, so that Close
// cannot give its number to another file.
func (l *writerLock) flock(how int) error {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return ErrClosed
	}
	var result error
	err = raw.Control(func(fd uintptr) {
		for {
			if result = syscall.Flock(int(fd), how); result != syscall.EINTR {
				return
			}
		}
	})
	if err != nil {
		return ErrClosed
	}
	return result
}
