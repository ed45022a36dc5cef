package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"zeyrho/harness/rush"
)

// overloadConfig is what the flags of overload say, beside -seed.
type overloadConfig struct {
	unbounded bool
	drawn     bool
	calm      time.Duration
	rush      time.Duration
	after     time.Duration
}

func (c *overloadConfig) register(fs *flag.FlagSet) {
	plain := rush.Plain(0).Phases
	fs.BoolVar(&c.unbounded, "unbounded", false, "overload: let everybody into the queue, and serve those who have given up too; to see what comes of it, so that a broken promise is no failure")
	fs.BoolVar(&c.drawn, "drawn", false, "overload: let the seed draw the disk, the bounds and the clients; and let the disk stand still once")
	fs.DurationVar(&c.calm, "calm", plain[0], "overload: how long it is calm before the rush")
	fs.DurationVar(&c.rush, "rush", plain[1], "overload: how long five times as many clients come")
	fs.DurationVar(&c.after, "after", plain[2], "overload: how long it is calm afterwards")
}

// runOverload lets more clients come to step 04's queue than its disk can serve.
// It prints what happened in each tenth of a second.
func runOverload(c config, out io.Writer) error {
	o := rush.Plain(c.seed)
	if c.overload.drawn {
		o = rush.Drawn(c.seed)
	}
	o.Unbounded = c.overload.unbounded
	o.Phases = [3]time.Duration{c.overload.calm, c.overload.rush, c.overload.after}
	if min(c.overload.calm, c.overload.rush, c.overload.after) <= 0 {
		return errors.New("driver overload: every phase must last for some time")
	}
	r := rush.Run(o)
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return fmt.Errorf("driver: %w", err)
	}
	for _, f := range r.Findings {
		if !f.OK && !o.Unbounded { // which is there to be seen
			return violated("%s: %s", f.Checker, f.Text)
		}
	}
	return nil
}
