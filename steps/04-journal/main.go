// Command 04-journal serves a store that keeps its word after the power has
// gone, and opens a shell on it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"zeyrho/steps/03-server/program"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/04-journal/store"
)

const usage = `usage: go run ./steps/04-journal [flags]
       go run ./steps/04-journal dump [-dir DIR]

A key-value store behind HTTP that writes everything down before it says that
it is done. Without flags: a server and a shell that talks to it. In two
terminals:

  go run ./steps/04-journal -serve -dir /tmp/mine
  go run ./steps/04-journal -connect http://127.0.0.1:7004

dump prints the journal in a directory, frame by frame, and changes nothing.

flags:
`

func main() {
	if len(os.Args) > 1 && os.Args[1] == "dump" {
		os.Exit(dump(os.Args[2:]))
	}
	var dir string
	var config store.Config
	p := program.Program{
		Name: "04-journal", Usage: usage, Listen: "127.0.0.1:7004", InFlight: 256,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&dir, "dir", defaultDir(), "keep the data in the directory `DIR`, which is made if there is none")
			addFlags(f, &config)
		},
		Open: func(log *slog.Logger) (program.Opened, error) { return open(dir, config, log) },
	}
	os.Exit(p.Run(os.Args[1:]))
}

func addFlags(f *flag.FlagSet, c *store.Config) {
	f.Var((*syncPolicy)(&c.SyncEvery), "sync", "`WHEN` the disk is asked to make writes safe:\n"+
		"batch: before they are acknowledged; no acknowledged write is ever lost\n"+
		"100ms, or another time: that long after they are; a loss of power may take the last 100ms of them\n"+
		"never: when the operating system likes to; a loss of power may take the last half minute, or more\n"+
		"(kill -9 takes none of them, whatever WHEN is)")
	program.Positive(f, &c.Batch, "batch", 1000, "let at most `N` writes share a sync; 1 shows what that is good for")
	program.Positive(f, &c.Queue.Bytes, "queue-bytes", 8<<20, "refuse writes when `N` bytes of them wait for the disk")
	program.Positive(f, &c.Queue.Wait, "queue-wait", time.Second, "refuse writes that have waited for the disk for so much `TIME`")
	program.Positive(f, &c.Sessions, "sessions", 0, "remember `N` sessions; it is settled when the store is made (default 10000)")
	program.Positive(f, &c.SegmentSize, "segment", 64<<20, "begin a new file of the journal after so many `BYTES`")
}

// syncPolicy is the flag -sync: see durable.StoreConfig.SyncEvery.
type syncPolicy time.Duration

func (p *syncPolicy) String() string {
	switch d := time.Duration(*p); {
	case d == 0:
		return "batch"
	case d < 0:
		return "never"
	default:
		return d.String()
	}
}

func (p *syncPolicy) Set(text string) error {
	switch text {
	case "batch":
		*p = 0
		return nil
	case "never":
		*p = -1
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("it must be batch, never, or a time such as 100ms")
	}
	*p = syncPolicy(d)
	return nil
}

// open opens the store, and says what was found.
func open(dir string, config store.Config, log *slog.Logger) (program.Opened, error) {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return program.Opened{}, fmt.Errorf("-dir %s: %w", dir, err)
	}
	s, err := store.Open(d, config)
	if err != nil {
		return program.Opened{}, fmt.Errorf("-dir %s: %w", dir, err)
	}
	log.Info("opened", "dir", d, "found", s.Found())
	return program.Opened{
		Store:    s,
		Greeting: fmt.Sprintf("The data is in %s: %v.", d, s.Found()),
		Status:   func() map[string]any { return status(s) },
		Ended:    s.Ended(),
		Close:    s.Close,
	}, nil
}

func status(s *durable.Store) map[string]any {
	figures := s.Stats()
	queued, bytes := s.Queued()
	return map[string]any{
		"keys": figures.Keys, "sessions": figures.Sessions,
		"last_version": figures.Last, "synced_version": figures.Synced, "syncs": figures.Syncs,
		"queued": queued, "queued_bytes": bytes,
	}
}

// dump prints the journal in a directory.
func dump(args []string) int {
	f := flag.NewFlagSet("04-journal dump", flag.ExitOnError)
	dir := f.String("dir", defaultDir(), "the `DIR` that the journal is in")
	_ = f.Parse(args) // it exits by itself
	if f.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "04-journal dump: there are no arguments, such as %q (see -h)\n", f.Arg(0))
		return 2
	}
	_, err := os.Stat(*dir) // OpenDir would make it
	var d *disk.Dir
	if err == nil {
		d, err = disk.OpenDir(*dir)
	}
	if err == nil {
		err = journal.Dump(os.Stdout, d, func(e journal.Entry) string { return machine.Describe(e.Index, e.Data) })
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "04-journal dump: %s: %v\n", *dir, err)
		return 1
	}
	return 0
}

// defaultDir is one per user, and for trying: what is in there may be gone when
// the machine starts again.
func defaultDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("zeyrho-04-%d", os.Getuid()))
}
