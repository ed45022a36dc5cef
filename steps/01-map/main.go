// Command 01-map opens a shell on a store that is a map.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/01-map/store"
)

const usage = `usage: go run ./steps/01-map

A key-value store that is a map, with a shell to type commands in. It lives as
long as the shell does.

  printf 'put greeting "hello, world"\nget greeting\n' | go run ./steps/01-map
`

func main() {
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage) }
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "01-map takes no arguments, such as %q\n%s", flag.Arg(0), usage)
		os.Exit(2)
	}
	sh := shell.Shell{
		Store:    store.Open(),
		Greeting: "A map in the memory of this process: when you leave, it is gone.",
	}
	os.Exit(sh.Run(context.Background()))
}
