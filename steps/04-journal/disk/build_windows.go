package disk

// Windows locks files and syncs directories in other ways. This line is for
// its compiler, which will show it.
var _ = step_04_needs_Linux_or_macOS_so_on_Windows_use_WSL2
