package real_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/harness/real"
)

// The tests start this test binary again, as one of these programs.
var programs = map[string]func(args []string){
	"server": func([]string) {
		fmt.Println("listening on http://127.0.0.1:1")
		select {}
	},
	"logger": func([]string) {
		fmt.Fprintln(os.Stderr, "msg=opened peers=127.0.0.1:2")
		select {}
	},
	"deaf": func([]string) {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		select {}
	},
	// answers request n with argument n
	"script": func(args []string) {
		in := bufio.NewReader(os.Stdin)
		for _, answer := range args {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			switch answer {
			case "die":
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			case "exit":
				os.Exit(3)
			}
			fmt.Println(answer)
		}
		in.ReadString('\n')
	},
	// a harness that starts a server, says so, and waits to be killed
	"harness": func([]string) {
		p, err := real.NewWorld(context.Background()).Start(helper("server"))
		if err != nil {
			panic(err)
		}
		fmt.Println("child", p.Pid())
		select {}
	},
	// takes a flock and keeps it
	"holder": func(args []string) {
		f, err := os.Create(args[0])
		if err != nil {
			panic(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			panic(err)
		}
		fmt.Println("listening on http://127.0.0.1:1")
		select {}
	},
	"chatter": func([]string) {
		for i := range 20_000 {
			fmt.Println("line", i)
		}
	},
}

func TestMain(m *testing.M) {
	if name := os.Getenv("REAL_TEST_PROGRAM"); name != "" {
		programs[name](os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

func helper(name string, args ...string) real.Spec {
	return real.Spec{
		Name: name,
		Path: os.Args[0],
		Args: args,
		Env:  []string{"REAL_TEST_PROGRAM=" + name},
	}
}

func newWorld(t *testing.T) *real.World {
	w := real.NewWorld(t.Context())
	t.Cleanup(w.Close)
	return w
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// gone reports whether there is no such process, or it is dead.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func start(t *testing.T, w *real.World, spec real.Spec) *real.Process {
	p, err := w.Start(spec)
	require.NoError(t, err)
	return p
}
