// Harness runs fault-injection scenarios against the steps. Its first verb is
//
//	go run ./harness matrix
//
// and its others are listed by
//
//	go run ./harness -h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses. Anything but 0 is worth a look.
const (
	exitOK           = 0 // everything came out as expected
	exitViolation    = 1 // a promise was broken, or a planned failure did not happen
	exitInconclusive = 2 // nothing was broken, but something could not be judged
	exitUsage        = 3 // the command line makes no sense, or the harness could not work
	exitInterrupted  = 130
)

// verb is one of the harness' commands.
type verb struct {
	name  string
	short string // what it does, in a line
	run   func(ctx context.Context, args []string) (int, error)
}

func verbs() []verb {
	return []verb{
		{"matrix", "run every scenario against every step and print the grid", runMatrix},
		{"run", "run one scenario and tell the story", runRun},
		{"replay", "run a cell again by its seed", runReplay},
		{"shrink", "cut a run that fails down to what is needed to fail", runShrink},
		{"judge", "judge a recorded history again", runJudge},
		{"view", "make a page of a recorded history, to look at", runView},
		{"mutants", "plant known bugs and see that each is caught", runMutants},
		{"bench", "measure the steps side by side with something bare", runBench},
		{"list", "list the scenarios, what they ask and what is expected", runList},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := dispatch(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

func dispatch(ctx context.Context, args []string) int {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		usage(os.Stdout)
		return exitOK
	}
	for _, v := range verbs() {
		if v.name != args[0] {
			continue
		}
		status, err := v.run(ctx, args[1:])
		switch {
		case errors.Is(err, flag.ErrHelp):
			return exitOK
		case ctx.Err() != nil:
			fmt.Fprintln(os.Stderr, "\nharness: interrupted; every process that it started has been ended")
			return exitInterrupted
		case err != nil:
			fmt.Fprintf(os.Stderr, "harness %s: %v\n", v.name, err)
			return max(status, exitUsage)
		}
		return status
	}
	fmt.Fprintf(os.Stderr, "harness: no verb %q\n\n", args[0])
	usage(os.Stderr)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, `The harness breaks things on purpose and checks what the steps promised.

usage: go run ./harness VERB [flags]

`)
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-8s  %s\n", v.name, v.short)
	}
	fmt.Fprint(w, `
Each verb explains its flags with -h. The exit status is 0 if everything came
out as expected, 1 if a promise was broken (or a planned failure did not show),
2 if something could not be judged, 3 if the command line makes no sense or asks
for nothing that could be run, and 130 if ctrl-C put an end to it.
(go run prints that status, and itself ends with 1: scripts should build the
harness, go build -o .build/harness ./harness, and run that.)
`)
}

// flags returns the flag set of a verb, with a usage text.
func flags(name, text string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are told once, by dispatch
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "usage: go run ./harness %s [flags]\n\n%s\n\n", name, text)
		fs.PrintDefaults()
	}
	return fs
}

// parse parses args and refuses what is left over.
func parse(fs *flag.FlagSet, args []string) error {
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see -h", fs.Arg(0))
	}
	return nil
}

// parseFlags parses the flags in args and leaves what follows them.
func parseFlags(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(os.Stdout)
		fs.Usage()
		return err
	case err != nil:
		return fmt.Errorf("%w; see -h", err)
	}
	return nil
}
