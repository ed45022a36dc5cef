package real

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes of a child: it dies with the harness, and has a process group of
// its own, so that a ctrl-C in the terminal is the harness's business alone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// waitStopped waits until every thread of a child stands still, or the child
// has ended. It takes nothing away from whoever waits for the child's end.
func waitStopped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return nil // it has ended
		default:
			return err
		}
	}
}

// RSS returns the memory that the process has in RAM, in bytes. ok is false if
// it has ended or the system does not say.
func (p *Process) RSS() (bytes int64, ok bool) {
	var size, resident int64
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.Pid()))
	if err != nil || p.Ended() {
		return 0, false
	}
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, false
	}
	return resident * int64(os.Getpagesize()), resident > 0
}

// Files returns the number of files and sockets that the process has open.
func (p *Process) Files() (n int, ok bool) {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	return len(files), err == nil && !p.Ended()
}

// lockedBy reports whether a process has a flock on the file at path. Only its
// inode is compared: some file systems give /proc/locks another device number
// than stat.
func lockedBy(pid int, path string) (mine, known bool) {
	var stat unix.Stat_t
	text, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Stat(path, &stat) != nil {
		return false, false
	}
	for line := range strings.Lines(string(text)) {
		// 1: FLOCK  ADVISORY  WRITE 25431 fe:00:9978487 0 EOF
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], fmt.Sprintf(":%d", stat.Ino)) {
			continue // waiters have an arrow in the second place
		}
		return f[4] == fmt.Sprint(pid), true
	}
	return false, false // freed just now, or hidden from us
}
