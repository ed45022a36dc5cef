package bench

import "golang.org/x/sys/unix"

// cpuName returns what the system calls the CPU.
func cpuName() string {
	name, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return ""
	}
	return name
}
