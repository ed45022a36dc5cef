package mapped_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/02-concurrency/mapped"
)

// The tests of processes start this test binary again, as a child that plays
// one of the roles in process_test.go.
const roleVariable = "ZEYRHO_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	go endWithParent(os.Getppid())
	if err := roles[role](os.Args[1], os.Args[2:]); err != nil {
		fmt.Println("error:", err)
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

// child is a process that plays a role. It and the test talk in lines.
type child struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, role, path string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{path}, args...)...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
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
	return &child{t, cmd, in, bufio.NewReader(out)}
}

// line waits for the next line that the child says.
func (c *child) line() string {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	require.NoError(c.t, err, "the child said %q and no more", line)
	return strings.TrimSuffix(line, "\n")
}

// end lets the child go on to its end, and requires a good one.
func (c *child) end() {
	c.t.Helper()
	c.in.Close()
	rest, err := io.ReadAll(c.out)
	require.NoError(c.t, err)
	require.NoError(c.t, c.cmd.Wait(), "%s", rest)
}

// kill ends the child at once, wherever it is.
func (c *child) kill() {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Kill())
	c.cmd.Wait()
}

// stop returns when the child is stopped, wherever it is.
func (c *child) stop() {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if err != syscall.EINTR {
			require.NoError(c.t, err)
			require.True(c.t, status.Stopped(), "%v", status)
			return
		}
	}
}

func (c *child) resume() {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGCONT))
}

// someFile returns the path of a file that does not exist yet.
func someFile(t *testing.T) string { return filepath.Join(t.TempDir(), "some.kv") }

func open(t *testing.T, path string, size int64) *mapped.Store {
	t.Helper()
	s, err := mapped.Open(path, size)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// otherLock takes the writer's lock of a file as another process would, and
// returns what gives it back. It returns nil if somebody has it.
func otherLock(t *testing.T, path string) (free func()) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		f.Close()
		return nil
	}
	require.NoError(t, err)
	return func() { f.Close() }
}

// otherLockSoon is otherLock for a lock that somebody is about to give back.
func otherLockSoon(t *testing.T, path string) (free func()) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		if free := otherLock(t, path); free != nil {
			return free
		}
		require.True(t, time.Now().Before(deadline), "the lock was never given back")
	}
}
