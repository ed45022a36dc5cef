package crash_test

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(1000) // little is alive at any time, and very much is made
	os.Exit(m.Run())
}
