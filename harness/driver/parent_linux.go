package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// tie makes the process that cmd will start end when this one does, however
// that happens. The kernel goes by the thread that starts it, so the caller's
// goroutine keeps its thread for good.
func tie(cmd *exec.Cmd) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// followParent is for systems where tie is not enough.
func followParent() {}
