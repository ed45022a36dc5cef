// Plot answers: how do measurements look, and runs?
//
//	go run ./harness/plot group-commit docs/assets/04-group-commit.json
//	go run ./harness/plot acks docs/assets/05-acks.json
//	go run ./harness/plot growth docs/assets/06-growth.json
//	go run ./harness/plot goodput
//	go run ./harness/plot 05-write
//
// Each prints a picture as SVG, in the colours of the documents, to be read on
// light and on dark pages. The first three draw what go run ./harness bench -curve
// has measured; goodput runs a simulation, which gives the same every time.
// So do the names of scenes, each of which is a short run of a simulated cluster:
// what the messages were, and who was told what.
// Same data, same picture, to the letter: so the documents can be checked.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"zeyrho/harness/bench"
	"zeyrho/harness/rush"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "group-commit":
		text, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		var c bench.Curve
		if err := json.Unmarshal(text, &c); err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		if len(c.Points) == 0 {
			return fmt.Errorf("%s: it has no points", args[1])
		}
		return groupCommit(&c).draw(w)
	case len(args) == 2 && series[args[0]] != nil:
		return drawSeries(args[0], args[1], w)
	case len(args) == 1 && args[0] == "goodput":
		bounded := rush.Plain(1)
		bounded.Phases[2] = 20 * time.Second // until those who were refused have come again
		unbounded := bounded
		unbounded.Unbounded = true
		return goodput(bounded, rush.Run(bounded), rush.Run(unbounded)).draw(w)
	}
	if len(args) == 1 {
		if s, ok := scenes()[args[0]]; ok {
			return s.draw(args[0], w)
		}
	}
	return errors.New("usage: go run ./harness/plot group-commit FILE, acks FILE, growth FILE, or goodput, or the name of a scene")
}
