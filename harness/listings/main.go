// Listings answers: does the text still tell the truth about the code?
//
// It looks at every Markdown file of the repository. A block of code or of
// output has a comment on the line before it that says where it comes from:
//
//	<!-- code: steps/01-map/kv/map.go Map.Apply -->        a declaration, or several
//	<!-- code: steps/01-map/kv/map.go Map.Apply nodoc -->  without the comment above it
//	<!-- code: FILE Map.Apply lines "if err" .. "}" -->    a part of it, or of a file
//	<!-- run: go run ./steps/01-map -h -->                 what bash prints for a line
//	<!-- run -->                                           each line "$ command" is run
//	<!-- shell: steps/01-map -->                           each line "> request" is sent
//	<!-- judge: docs/runs/NAME.jsonl -->                   a recorded run, judged again
//	<!-- sketch -->                                        not meant to be exact
//	<!-- drawn: command -->                                before a picture: its file
//
// Commands run in the root of the repository. A path in /tmp/zeyrho, which readers
// can type, leads into a directory of the page's own; $TMP is its name. A shell is new in every block unless it has a name ("… as left").
// Options follow on lines of their own within the comment:
//
//	exit: 1                 the exit status of the last command, if not 0
//	mask: port, time        what may differ: port, pid, time, date, tmp, /regexp/
//	server: steps/03-server a server to run meanwhile, shown as 127.0.0.1:7003
//	stdin: above            the block before is the input
//
// Blocks of text and of sh need no comment (but make's verbs and the paths in
// sh must exist, and no line may hold a remark, which not every shell knows from
// a command). Links within the repository are followed too.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	refresh := flag.Bool("refresh", false, "rewrite the blocks that differ, instead of complaining")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./harness/listings [-refresh] [PAGE.md ...]\n\nChecks that listings, outputs and links in the documents are true.\nWithout pages it checks all. See go doc ./harness/listings.")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, *refresh, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "listings:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run checks or refreshes pages and tells what came out.
func run(ctx context.Context, refresh bool, paths []string) (ok bool, err error) {
	c, err := newChecker(".", refresh)
	if err != nil {
		return false, err
	}
	defer c.close()
	if len(paths) == 0 {
		if paths, err = pages("."); err != nil {
			return false, err
		}
	}
	if err := c.checkAll(ctx, paths); err != nil {
		return false, err
	}
	for _, path := range c.changed {
		fmt.Println("refreshed", path)
	}
	for _, f := range slices.Concat(c.notes, c.findings) {
		fmt.Println(f)
	}
	if len(c.findings) == 0 {
		return true, nil
	}
	fmt.Printf("\nFound wrong: %d. Where the sources are right and the text is old: make refresh\n", len(c.findings))
	return false, nil
}
