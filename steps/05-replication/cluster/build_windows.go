package cluster

// Windows has no signals that stop a process and let it go on. This line is for
// its compiler, which will show it.
var _ = step_05_needs_Linux_or_macOS_so_on_Windows_use_WSL2
