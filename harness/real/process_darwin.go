package real

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// attributes of a child: it has a process group of its own, so that a ctrl-C
// in the terminal is the harness's business alone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// waitStopped waits until a child stands still, or has ended. There is no call
// that waits for the one without taking the other away, so it asks ps.
func waitStopped(pid int) error {
	for {
		state, err := ps(pid, "stat=")
		if err != nil || strings.HasPrefix(state, "T") || strings.HasPrefix(state, "Z") {
			return nil // ps fails for a process that is gone
		}
		time.Sleep(time.Millisecond)
	}
}

func ps(pid int, column string) (string, error) {
	out, err := exec.Command("ps", "-o", column, "-p", strconv.Itoa(pid)).Output()
	return strings.TrimSpace(string(out)), err
}

// RSS returns the memory that the process has in RAM, in bytes. ok is false if
// it has ended or the system does not say.
func (p *Process) RSS() (bytes int64, ok bool) {
	text, err := ps(p.Pid(), "rss=")
	if err != nil || p.Ended() {
		return 0, false
	}
	kib, err := strconv.ParseInt(text, 10, 64)
	return kib << 10, err == nil && kib > 0
}

// Files would return the number of files and sockets that the process has
// open; macOS does not say.
func (p *Process) Files() (n int, ok bool) { return 0, false }

// lockedBy would report whether a process has a flock on the file at path;
// macOS does not say.
func lockedBy(int, string) (mine, known bool) { return false, false }
