package disk_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/04-journal/disk"
)

// The tests of locks start this test binary again, as another process that
// locks a directory and holds it.
const directoryVariable = "ZEYRHO_TEST_LOCK"

func TestMain(m *testing.M) {
	dir := os.Getenv(directoryVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	go endWithParent(os.Getppid())
	if err := lockAndWait(dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// endWithParent ends a child whose test was killed, and so could not do it.
func endWithParent(parent int) {
	for range time.Tick(100 * time.Millisecond) {
		if os.Getppid() != parent {
			os.Exit(3)
		}
	}
}

func lockAndWait(dir string) error {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return err
	}
	l, err := d.Lock()
	if err != nil {
		return err
	}
	fmt.Println("locked")
	io.Copy(io.Discard, os.Stdin) // until the test lets it end
	return l.Close()
}

// child is a process that locks a directory, or says why it cannot.
type child struct {
	cmd *exec.Cmd
	in  io.Closer
}

func startChild(t *testing.T, dir string) (c child, says string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), directoryVariable+"="+dir, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	says, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return child{cmd, in}, says
}
