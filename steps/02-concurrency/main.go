// Command 02-concurrency opens a shell on a store that several processes share.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/02-concurrency/mapped"
	"zeyrho/steps/02-concurrency/store"
)

const usage = `usage: go run ./steps/02-concurrency [-file PATH] [-size BYTES]

A key-value store in a file of shared memory, with a shell to type commands in.
Start it in two terminals: both have the same store.

  go run ./steps/02-concurrency
  go run ./steps/02-concurrency -file /tmp/mine.kv -size 1048576

`

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	file := flag.String("file", defaultFile(), "the `path` of the file, which is made if there is none")
	size := flag.Int64("size", mapped.DefaultSize, "how many `bytes` the file gets if it has to be made")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "02-concurrency takes no arguments, such as %q\n%s", flag.Arg(0), usage)
		os.Exit(2)
	}
	os.Exit(run(store.Config{File: *file, Size: *size}))
}

func run(c store.Config) int {
	s, err := store.Open(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	defer s.Close()
	sh := shell.Shell{
		Store:    s,
		Greeting: "A store that all processes share who open " + c.File + ".",
		Verbs: []shell.Verb{{
			Name: "status", Help: "show how full the file is",
			Run: func(_ context.Context, args []shell.Word, out io.Writer) error { return status(s, args, out) },
		}},
	}
	return sh.Run(context.Background())
}

func status(s *mapped.Store, args []shell.Word, out io.Writer) error {
	if len(args) > 0 {
		return shell.UsageError("it takes no arguments")
	}
	used, size, err := s.Used()
	if err == nil {
		fmt.Fprintf(out, "%d of %d bytes are taken\n", used, size)
	}
	return err
}

// defaultFile is one per user, so that no two users meet by accident.
func defaultFile() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("zeyrho-02-%d.kv", os.Getuid()))
}
