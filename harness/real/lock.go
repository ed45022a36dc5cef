package real

import (
	"errors"
	"os"

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
