// Driver answers: what does a step do when it is used as a library?
//
// The rest of the harness talks to processes through pipes and sockets. That is
// too slow for two goroutines to meet inside a map, and it cannot see who keeps
// a slice that is not his. So this program links the steps and drives them from
// inside. It is a program of its own because the harness builds it anew with
// each bug that it plants (go build -overlay), and because some of what it
// drives takes the whole process down.
//
// It writes a history; the harness judges that.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zeyrho/harness/history"
)

// Exit statuses.
const (
	exitDone      = 0 // the history, or the report of explore, is complete
	exitViolation = 1 // and the driver itself saw a promise broken
	exitTrouble   = 2 // the driver could not do its work
)

// violation is an error that is the store's fault and not the driver's.
type violation struct{ error }

func (v violation) Unwrap() error { return v.error }

func violated(format string, args ...any) error { return violation{fmt.Errorf(format, args...)} }

// config is what the flags say.
type config struct {
	verb     string
	seed     uint64
	ops      int
	clients  int
	out      string
	store    string // goroutines
	dir      string // goroutines, handles
	file     string // servant
	what     string // explore, crash, held
	schedule string // explore
	story    bool   // explore, crash
	crash    crashConfig
	overload overloadConfig
	sim      simConfig
}

// verb is one of the driver's commands.
type verb struct {
	short string
	run   func(config, io.Writer) error
}

func verbs() map[string]verb {
	return map[string]verb{
		"model":      {"one goroutine asks step 01 for everything, and scribbles over every buffer", runModel},
		"goroutines": {"several goroutines share one store (-store)", runGoroutines},
		"handles":    {"two processes share a mapped file, and one of them has it open twice", runHandles},
		"explore":    {"run the code of step 02 (-what) in every order", runExplore},
		"crash":      {"cut the power of step 04 at every moment, or let its disk fail (-what)", runCrash},
		"held":       {"look at a store of step 04 while its disk stands still (-what)", runHeld},
		"overload":   {"let more clients come to the queue of step 04 than its disk can serve", runOverload},
		"sim":        {"let a cluster of step 05 or 06 live in a simulated world (-scenario)", runSim},
		"fill":       {"write to the same keys of step 04 over and over, and open it again", runFill},

		// What the others run in processes of their own, which may crash.
		"in-goroutines": {"", inGoroutines},
		"in-handles":    {"", inHandles},
		"servant":       {"", runServant},
	}
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 || args[0] == "-h" || args[0] == "help" {
		usage(os.Stdout)
		return exitDone
	}
	v, ok := verbs()[args[0]]
	if !ok {
		fmt.Fprintf(os.Stderr, "driver: no verb %q\n", args[0])
		usage(os.Stderr)
		return exitTrouble
	}
	c, err := parse(args[0], args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err == nil {
		if v.short == "" {
			followParent()
		}
		err = withOutput(c, v.run)
	}
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.As(err, &violation{}) {
		return exitViolation
	}
	return exitTrouble
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: driver VERB [flags]\n\n")
	for _, name := range []string{"model", "goroutines", "handles", "explore", "crash", "held", "overload", "fill", "sim"} {
		fmt.Fprintf(w, "  %-10s  %s\n", name, verbs()[name].short)
	}
	fmt.Fprint(w, "\nEach verb lists its flags with -h.\n")
}

func parse(name string, args []string) (config, error) {
	c := config{verb: name}
	fs := flag.NewFlagSet("driver "+name, flag.ContinueOnError)
	fs.Uint64Var(&c.seed, "seed", 1, "of everything that is random")
	fs.IntVar(&c.ops, "ops", 2000, "how many operations, by all clients together")
	fs.IntVar(&c.clients, "clients", 8, "how many goroutines")
	fs.StringVar(&c.out, "out", "", "the file for the history; standard output if empty")
	fs.StringVar(&c.store, "store", "locked", "goroutines: map, locked, sharded or mapped")
	fs.StringVar(&c.dir, "dir", "", "where files may be made for the time of the run; if empty, where -out is")
	fs.StringVar(&c.file, "file", "", "servant: the mapped file")
	what := cmp.Or(map[string]string{"crash": "power", "held": "errors"}[name], "locked")
	fs.StringVar(&c.what, "what", what, "explore: locked, sharded, mapped or lost-update; crash: power, errors, rot or lying-sync; held: errors, overload or sharing")
	fs.StringVar(&c.schedule, "schedule", "", "explore: only this one, given as PROGRAM:SCHEDULE by an earlier report")
	fs.BoolVar(&c.story, "story", false, "explore, crash: print what goes wrong for people, and no JSON")
	c.crash.register(fs)
	c.overload.register(fs)
	c.sim.register(fs)
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	if c.dir == "" && c.out != "" {
		c.dir = filepath.Dir(c.out)
	}
	switch {
	case fs.NArg() > 0:
		return c, fmt.Errorf("driver %s: unexpected argument %q", name, fs.Arg(0))
	case c.ops < 1 || c.clients < 1:
		return c, fmt.Errorf("driver %s: -ops and -clients must be at least 1", name)
	}
	return c, nil
}

// withOutput runs a verb with the writer that -out asks for.
func withOutput(c config, run func(config, io.Writer) error) error {
	if c.out == "" {
		return run(c, os.Stdout)
	}
	f, err := os.Create(c.out)
	if err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	return errors.Join(run(c, f), f.Close())
}

func (c config) header(verb, column string) history.Header {
	return history.Header{Scenario: "driver " + verb, Column: column, World: "real", Seed: c.seed}
}
