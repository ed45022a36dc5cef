package cluster_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// operator is a process that has a cluster and a shell on it, and the test types.
type operator struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startOperator(t *testing.T) *operator {
	o := &operator{t: t, cmd: exec.Command(os.Args[0], "operate", t.TempDir())}
	o.cmd.Stderr = os.Stderr
	var err error
	o.in, err = o.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := o.cmd.StdoutPipe()
	require.NoError(t, err)
	o.out = bufio.NewReader(out)
	require.NoError(t, o.cmd.Start())
	t.Cleanup(func() {
		o.cmd.Process.Kill() // it takes its nodes with it, or a test has failed
		o.cmd.Wait()
	})
	return o
}

// ask types a line and returns the first line of the answer.
func (o *operator) ask(line string) string {
	o.t.Helper()
	_, err := io.WriteString(o.in, line+"\n")
	require.NoError(o.t, err)
	answer, err := o.out.ReadString('\n')
	require.NoError(o.t, err)
	return strings.TrimSuffix(answer, "\n")
}

// urls asks for the status of three nodes, and returns where they are.
func (o *operator) urls() (urls []string) {
	o.t.Helper()
	require.Regexp(o.t, `^node +url `, o.ask("status"))
	for range 3 {
		line, err := o.out.ReadString('\n')
		require.NoError(o.t, err)
		urls = append(urls, regexp.MustCompile(`http://\S+`).FindString(line))
	}
	_, err := o.out.ReadString('\n') // nobody leads
	require.NoError(o.t, err)
	return urls
}

func TestTheNodesEndWithTheShell(t *testing.T) {
	for name, end := range map[string]func(*operator) error{
		"end of input": func(o *operator) error { return o.in.Close() },
		"exit":         func(o *operator) error { _, err := io.WriteString(o.in, "exit\n"); return err },
		"ctrl-C":       func(o *operator) error { return o.cmd.Process.Signal(syscall.SIGINT) },
		"SIGTERM":      func(o *operator) error { return o.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			o := startOperator(t)
			urls := o.urls()
			require.Equal(t, "n2 is paused", o.ask("pause 2"))
			require.NoError(t, end(o))
			require.NoError(t, o.cmd.Wait())
			for _, u := range urls {
				require.True(t, silent(u), "when it ends they have ended")
			}
		})
	}
}

// A process that is killed cannot put anything in order. A node that is paused
// does not see the end of its pipe, but the system hangs up on those whose parent
// has died and which nobody could let go on.
func TestTheNodesEndWithAParentThatIsKilled(t *testing.T) {
	o := startOperator(t)
	urls := o.urls()
	require.Equal(t, "n2 is paused", o.ask("pause 2"))
	require.NoError(t, o.cmd.Process.Kill())
	o.cmd.Wait()
	requireSilence(t, urls...)
}
