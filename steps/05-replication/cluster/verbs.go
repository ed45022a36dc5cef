package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fatih/color"

	"zeyrho/steps/01-map/shell"
	"zeyrho/steps/05-replication/node"
)

// Verbs returns what a shell can ask nodes somewhere else: status and promote.
func Verbs(urls []string) []shell.Verb {
	var sites []site
	for _, u := range urls {
		sites = append(sites, site{url: u})
	}
	return operator{func() []site { return sites }}.verbs()
}

// Verbs returns what a shell can ask a cluster of its own: status and promote,
// and what can happen to its nodes.
func (c *Cluster) Verbs() []shell.Verb {
	simple := func(name, help, done string, f func(int) error) shell.Verb {
		return verb(name, "N", help, 1, func(_ context.Context, args []int, out io.Writer) error {
			if err := f(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(out, "n%d %s\n", args[0], done)
			return nil
		})
	}
	return append(operator{c.sites}.verbs(),
		simple("kill", helpKill, "is down", c.Kill),
		simple("stop", helpStop, "is down", c.Stop),
		verb("start", "N", helpStart, 1, func(ctx context.Context, args []int, out io.Writer) error {
			if err := c.Start(ctx, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(out, "n%d is running\n", args[0])
			return nil
		}),
		simple("pause", helpPause, "is paused", c.Pause),
		simple("resume", helpResume, "is running", c.Resume),
		simple("wipe", helpWipe, "has an empty disk", c.Wipe),
		verb("log", "N [LINES]", helpLog, 2, func(_ context.Context, args []int, out io.Writer) error {
			text, err := c.Tail(args[0], append(args, 20)[1])
			fmt.Fprint(out, text)
			return err
		}),
	)
}

const (
	helpStatus = `show the nodes: who leads, and how far each of them is
With "live", again and again until ctrl-C.
  last       the last entry of its log       committed  known to count for good
  synced     safe on its disk                applied    visible to readers
  lag        entries that its leader has and it has not`

	helpPromote = `make node N the leader
It begins a new epoch, and whoever hears of that follows it. What the leader
before had and node N has not is lost: choose the one with the longest log, or
let it be chosen among those that answer.
  promote 2
  promote longest`

	helpKill = `end node N at once, as kill -9 does
Its disk stays. "start N" brings it back.`

	helpStop = `end node N in good order, as for a new version of the program
"start N" brings it back.`

	helpStart = `start node N again
If its disk was wiped it waits for the leader to give it everything.`

	helpPause = `stop node N in the middle of what it does, until "resume N"
To the others that looks like a network that is cut.`

	helpResume = `let node N go on after "pause N"
It does not know how long it was away.`

	helpWipe = `delete all that node N has kept, as if its disk had died
Kill it first. "start N" starts it with an empty disk.`

	helpLog = `show the last lines that node N has printed
  log 2 100`
)

// verb returns a verb whose arguments are a node and, if most is more, numbers.
func verb(name, usage, help string, most int, run func(context.Context, []int, io.Writer) error) shell.Verb {
	return shell.Verb{Name: name, Usage: usage, Help: help, Run: func(ctx context.Context, words []shell.Word, out io.Writer) error {
		if len(words) == 0 {
			return shell.UsageError("which node?")
		}
		if len(words) > most {
			return shell.UsageError(fmt.Sprintf("%q is too much", words[most].Text))
		}
		id, err := node.ParseID(words[0].Text)
		if err != nil {
			return shell.UsageError(err.Error())
		}
		args := []int{int(id)}
		for _, w := range words[1:] {
			n, err := strconv.Atoi(w.Text)
			if err != nil || n < 1 {
				return shell.UsageError(fmt.Sprintf("%q is not a number above zero", w.Text))
			}
			args = append(args, n)
		}
		return run(ctx, args, out)
	}}
}

// sites returns where the nodes are, and how their processes do.
func (c *Cluster) sites() (all []site) {
	for _, m := range c.Members() {
		state, _ := c.State(m.ID) // there is such a node
		all = append(all, site{m.Name(), m.URL, state})
	}
	return all
}

func (o operator) verbs() []shell.Verb {
	return []shell.Verb{
		{Name: "status", Usage: "[live]", Help: helpStatus, Run: o.status},
		{Name: "promote", Usage: "N | longest", Help: helpPromote, Run: func(ctx context.Context, args []shell.Word, out io.Writer) error {
			if len(args) == 1 && args[0].Text == "longest" {
				return o.promote(ctx, longest(o.look(ctx)), out)
			}
			return verb("promote", "", "", 1, func(ctx context.Context, args []int, out io.Writer) error {
				return o.promote(ctx, "n"+strconv.Itoa(args[0]), out)
			}).Run(ctx, args, out)
		}},
	}
}

func (o operator) status(ctx context.Context, args []shell.Word, out io.Writer) error {
	paint := painter(plain)
	if shell.Interactive() {
		paint = func(c color.Attribute, text string) string { return color.New(c).Sprint(text) }
	}
	switch {
	case len(args) > 1 || len(args) == 1 && args[0].Text != "live":
		return shell.UsageError(fmt.Sprintf("there is no %q here", args[len(args)-1].Text))
	case len(args) == 1 && shell.Interactive():
		o.live(ctx, out, paint)
		ctx = context.WithoutCancel(ctx) // the last one is for keeps
	}
	fmt.Fprint(out, render(o.look(ctx), paint))
	return nil
}

// Sequences for terminals, ECMA-48 and xterm. In between, the lines go to a
// screen of their own, and are cut where they are too long.
const (
	enterScreen = "\x1b[?1049h\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K" // from here to its end
	clearRest   = "\x1b[J" // of the screen
)

// live draws the status until ctx ends.
func (o operator) live(ctx context.Context, out io.Writer, paint painter) {
	draw := func(text string) {
		fmt.Fprint(out, text)
		if b, ok := out.(interface{ Flush() error }); ok {
			_ = b.Flush() // if nobody looks there is nothing to show
		}
	}
	draw(enterScreen)
	defer draw(leaveScreen)
	tick := time.NewTicker(time.Second / 4)
	defer tick.Stop()
	for {
		text := render(o.look(ctx), paint)
		if ctx.Err() != nil {
			return
		}
		text = strings.ReplaceAll(text+"\nctrl-C ends this\n", "\n", clearLine+"\n")
		draw(home + text + clearRest)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// longest returns the name of the node whose log is worth most, of those that
// answer and do not lead.
func longest(rows []row) (name string) {
	var best node.Position
	for _, r := range rows {
		if !r.answers || r.Role == "leader" || r.Last == nil {
			continue
		}
		at := node.Position{Index: *r.Last}
		at.Epoch, _ = node.ParseEpoch(r.LastEpoch) // 0 if it says nothing
		if name == "" || best.Before(at) {
			name, best = r.name, at
		}
	}
	return name
}

// promote asks a node, wherever it is, to lead.
func (o operator) promote(ctx context.Context, name string, out io.Writer) error {
	rows := o.look(ctx)
	i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	switch {
	case name == "":
		return errors.New("no node answers that could lead")
	case i < 0:
		return fmt.Errorf("%s is not among those that answer", name)
	case rows[i].trouble == "paused":
		return fmt.Errorf("%s is paused; resume it first", name)
	case strings.HasPrefix(rows[i].trouble, "down"):
		return fmt.Errorf("%s is down; start it first", name)
	}
	body, err := Call(ctx, http.MethodPost, rows[i].url+"/promote", nil)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var answer struct{ Epoch string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Epoch == "" {
		return fmt.Errorf("%s says: %.80q", name, body)
	}
	fmt.Fprintf(out, "%s leads, in epoch %s\n", name, answer.Epoch)
	return nil
}
