// Command 03-server serves a store over HTTP, and opens a shell on it.
package main

import (
	"flag"
	"log/slog"
	"os"

	"zeyrho/steps/03-server/program"
	"zeyrho/steps/03-server/store"
)

const usage = `usage: go run ./steps/03-server [flags]

A key-value store behind HTTP. Without flags: a server and a shell that talks
to it; the server ends with the shell. In two terminals:

  go run ./steps/03-server -serve
  go run ./steps/03-server -connect http://127.0.0.1:7003

flags:
`

func main() {
	var config store.Config
	p := program.Program{
		Name: "03-server", Usage: usage, Listen: "127.0.0.1:7003",
		Flags: func(f *flag.FlagSet) {
			program.Positive(f, &config.Sessions, "sessions", 10_000, "remember `N` sessions")
		},
		Open: func(*slog.Logger) (program.Opened, error) { return open(config), nil },
	}
	os.Exit(p.Run(os.Args[1:]))
}

func open(config store.Config) program.Opened {
	s := store.Open(config)
	return program.Opened{
		Store:    s,
		Greeting: "The data is in the memory of this process: when you leave, it is gone.",
		Status:   func() map[string]any { return map[string]any{"sessions": s.Sessions()} },
	}
}
