package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// cpuName returns what the system calls the CPU.
func cpuName() string {
	name, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return ""
	}
	return name
}

// fileSystem returns what kind of file system path is on.
func fileSystem(path string) string {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return "an unknown file system"
	}
	return unix.ByteSliceToString(s.Fstypename[:])
}

// peakMemory would return the most memory that a process has had so far.
func peakMemory(int) (float64, error) {
	return 0, fmt.Errorf("%w: macOS does not tell the peak of a process that still runs", errSkipped)
}
