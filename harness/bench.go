package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"zeyrho/harness/bench"
)

const benchText = `Measures the steps beside the barest thing that does the same duty, and prints
the ratios. The two sides take turns, round by round, in one run on one machine,
so that what disturbs one disturbs the other. A ratio is the median over the
rounds; the smallest and the largest stand beside it. All other numbers are
medians too.

  kv-*, mapped-*, sharded-*  loops in this process: nanoseconds (less is better)
                             and allocations per operation
  http-*                     step 03 and a bare net/http server, each a process of
                             its own on the loopback interface, under the same
                             clients: requests a second (more is better), and the
                             latency that half of the requests stay below, and 99 %
  durable-*                  the same with step 04, whose writes wait for a disk: 64
                             clients beside the bare server, which has no disk, and
                             beside Redis, where it is installed; and one client
  recover-*                  step 04 reads its journal, on one CPU: records a second,
                             and the peak of memory with a journal ten times as long
  sim-*                      the simulated world, on one CPU: simulated seconds a second
  replicated-*               three nodes of step 05 beside step 04, by what an
                             acknowledgement means, with 1 and with 64 clients; and
                             reads, at the leader and at a follower
  freeze-*, snapshot-*       what a snapshot of step 06 keeps waiting, and for how long;
                             how fast it is written and loaded
  restart-*, join-*          step 06 beside step 05, after 10,000 to a million writes:
                             a start on what is on the disk, and a new node

With -curve nothing is compared, but measured with more and more clients, or after
more and more writes. go run ./harness/plot draws it.

An aim that is missed gives exit status 1. That is no test: a busy machine can
cause it. Run it again before you believe it.`

func runBench(ctx context.Context, args []string) (int, error) {
	fs := flags("bench", benchText)
	var o bench.Options
	fs.BoolVar(&o.Full, "full", false, "more and longer rounds: about twenty minutes")
	fs.StringVar(&o.Only, "only", "", "only comparisons whose `name` begins with this, such as http or kv-get")
	fs.IntVar(&o.Value, "value", 100, "`bytes` of a value")
	fs.IntVar(&o.Keys, "keys", 1000, "how many keys there are")
	fs.IntVar(&o.Connections, "connections", 16, "connections to step 03, with one request at a time on each")
	fs.StringVar(&o.Dir, "dir", "", "put files below the `directory`, on the disk that is to be measured (default: that for\ntemporary files, or that for caches if the first is in memory)")
	jsonTo := fs.String("json", "", "write the results as JSON to this `file` (- for standard output)")
	curve := fs.String("curve", "", "measure what can be drawn, and nothing else, into this `file`")
	of := fs.String("of", "group-commit", "with -curve, `what`: group-commit (step 04, 1 to 128 clients), acks (step 05, what an acknowledgement means,\n1 to 64 clients) or growth (steps 05 and 06, after up to a million writes)")
	profileTo := fs.String("cpuprofile", "", "write to this `file` where the time of the harness' own process goes; go tool pprof reads it")
	page := fs.String("markdown", "", "also refresh the table in this `file`, such as docs/bench.md")
	if err := parse(fs, args); err != nil {
		return exitUsage, err
	}
	switch {
	case *page != "" && o.Only != "":
		return exitUsage, errors.New("-markdown needs the whole table; leave -only out")
	case *curve == "" && *of != "group-commit":
		return exitUsage, errors.New("-of goes with -curve")
	case *curve != "" && (o.Only != "" || *page != "" || *jsonTo != "" || *profileTo != ""):
		return exitUsage, errors.New("-curve goes with -of, -full, -value, -keys and -dir only")
	}
	if *page != "" {
		if err := bench.CheckMarkdown(*page); err != nil {
			return exitUsage, err
		}
	}
	p := newProgress(0)
	o.Progress = func(done, total int, name string) {
		p.total = total
		p.show(done, name)
	}
	if *curve != "" {
		return runCurve(ctx, o, *of, p.clear, *curve)
	}
	stop, err := profile(*profileTo)
	if err != nil {
		return exitUsage, err
	}
	report, err := bench.Run(ctx, o)
	err = errors.Join(err, stop())
	p.clear()
	if err != nil {
		return exitUsage, err
	}
	return writeBench(report, *jsonTo, *page)
}

// profile writes to a file what the CPU does until stop is called.
func profile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// drawable is something that harness/plot draws.
type drawable interface {
	WriteTable(io.Writer)
	WriteJSON(io.Writer) error
}

func runCurve(ctx context.Context, o bench.Options, of string, clear func(), file string) (int, error) {
	var c drawable
	var err error
	if of == "group-commit" {
		c, err = bench.RunCurve(ctx, o)
	} else {
		c, err = bench.RunSeries(ctx, o, of)
	}
	clear()
	if err == nil {
		c.WriteTable(os.Stdout)
		err = writeTo(file, c.WriteJSON)
	}
	if err != nil {
		return exitUsage, err
	}
	return exitOK, nil
}

func writeBench(report *bench.Report, jsonTo, page string) (int, error) {
	if jsonTo == "-" {
		if err := report.WriteJSON(os.Stdout); err != nil {
			return exitUsage, err
		}
	} else {
		report.WriteTable(os.Stdout)
	}
	if jsonTo != "" && jsonTo != "-" {
		if err := writeTo(jsonTo, report.WriteJSON); err != nil {
			return exitUsage, err
		}
	}
	if page != "" {
		if err := report.RefreshMarkdown(page); err != nil {
			return exitUsage, fmt.Errorf("refresh the table: %w", err)
		}
	}
	if !report.OK {
		return exitViolation, nil
	}
	return exitOK, nil
}
