package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests of this file watch the system calls of the program itself. Between
// the flag -sync and fsync(2) there is a recipe, a flag and a file of the
// operating system, and whether they fit together is what no simulated disk can
// see. They need strace, and are skipped where there is none.

func strace(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil || exec.Command(path, "-o", os.DevNull, "true").Run() != nil {
		t.Skip("strace is missing here, or may not trace")
	}
	return exec.Command(path, args...)
}

// build compiles the program.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

var listening = regexp.MustCompile(`(http://\S+) \(pid (\d+)\)`)

// start starts the program, perhaps under strace, and returns its address and
// its process id.
func start(t *testing.T, c *exec.Cmd) (url string, pid string) {
	t.Helper()
	pipe, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	line, err := bufio.NewReader(pipe).ReadString('\n')
	require.NoError(t, err)
	m := listening.FindStringSubmatch(line)
	require.NotNil(t, m, line)
	t.Cleanup(func() { exec.Command("kill", "-KILL", m[2]).Run() }) // strace lets it live on
	return m[1], m[2]
}

// traced starts the program under strace and returns its address, and its calls
// so far, each with the name of the file.
func traced(t *testing.T, bin string, flags ...string) (url string, calls func() string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "calls")
	args := []string{"-f", "-y", "-o", out, "-e", "trace=fsync,/^rename", bin, "-serve", "-listen", "127.0.0.1:0"}
	url, _ = start(t, strace(t, append(args, flags...)...))
	return url, func() string {
		b, err := os.ReadFile(out)
		require.NoError(t, err)
		return string(b)
	}
}

func put(t *testing.T, url, value string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, url+"/kv/k", strings.NewReader(value))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func TestTheProgramAsksTheDiskAsTheFlagSays(t *testing.T) {
	bin := build(t)
	for policy, want := range map[string]int{"batch": 10, "never": 0} {
		url, calls := traced(t, bin, "-dir", t.TempDir(), "-sync", policy)
		before := strings.Count(calls(), "fsync(")
		for range 10 {
			status, body := put(t, url, "v")
			require.Equal(t, http.StatusNoContent, status, body)
		}
		require.Equal(t, want, strings.Count(calls(), "fsync(")-before, "-sync %s", policy)
	}
}

func TestTheProgramSyncsTheNamesOfItsFiles(t *testing.T) {
	dir := t.TempDir()
	url, calls := traced(t, build(t), "-dir", dir, "-segment", "4096")
	for range 5 {
		put(t, url, strings.Repeat("v", 3000))
	}
	safe := regexp.MustCompile(`(?m)rename.*\n.*fsync\(\d+<`+regexp.QuoteMeta(dir)+`>\)`).FindAllString(calls(), -1)
	require.Len(t, safe, strings.Count(calls(), "rename"), "after each renaming the directory is synced")
	require.Greater(t, len(safe), 2)
}

func TestAFailedFsyncEndsTheProgram(t *testing.T) {
	c := exec.Command(build(t), "-serve", "-listen", "127.0.0.1:0", "-dir", t.TempDir())
	var said strings.Builder
	c.Stderr = &said
	url, pid := start(t, c)
	status, body := put(t, url, "before")
	require.Equal(t, http.StatusNoContent, status, body)
	s := strace(t, "-f", "-o", os.DevNull, "-p", pid, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO")
	told, err := s.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { s.Process.Kill(); s.Wait() })
	line, err := bufio.NewReader(told).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "attached")
	go io.Copy(io.Discard, told)
	status, body = put(t, url, "after")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, body, "it may have happened")
	defer time.AfterFunc(20*time.Second, func() { c.Process.Kill() }).Stop()
	require.ErrorContains(t, c.Wait(), "exit status 1", fmt.Sprint("an fsync has failed; ", said.String()))
	require.Contains(t, said.String(), "the disk has failed")
}
