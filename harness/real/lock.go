package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// flock is flock(2), again and again while signals interrupt it.
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// locked reports whether anybody has a flock on the file at path. It takes the
// lock itself for an instant if it is free.
func locked(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close() // which unlocks
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// StopHolding stops the process at its worst moment: while it holds the flock
// on the file at path. It stops the process, looks who has the lock, lets the
// process go on if somebody else has, or nobody, and tries again. The process
// must be kept busy with writes meanwhile.
//
// It returns true with the process stopped, or false, after so many tries, with
// the process running.
func (p *Process) StopHolding(ctx context.Context, path string, tries int) (bool, error) {
	for try := range tries {
		if err := p.Stop(); err != nil {
			return false, err
		}
		holds, err := p.holds(ctx, path)
		if holds && !p.Ended() {
			return true, nil
		}
		if err2 := p.Continue(); err == nil {
			err = err2
		}
		if err != nil {
			return false, fmt.Errorf("stop %s while it holds %s: %w", p.Name, path, err)
		}
		pause(ctx, time.Duration(try%16)*50*time.Microsecond) // never in step with what it does
	}
	return false, nil
}

// holds reports whether the process, which stands still, has the flock. Where
// the system does not say whose a lock is, it looks again for a while: a lock
// that another one holds is free sooner or later.
func (p *Process) holds(ctx context.Context, path string) (bool, error) {
	const looks = 100
	for range looks {
		held, err := locked(path)
		if err != nil || !held {
			return false, err
		}
		if mine, known := lockedBy(p.Pid(), path); known {
			return mine, nil
		}
		pause(ctx, time.Millisecond)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
	}
	return true, nil
}

// pause lets some time go by; nothing waits for anything here.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
