package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"

	"zeyrho/steps/01-map/kv"
)

// Verb is something that one can ask a shell to do.
type Verb struct {
	Name  string // what to type
	Usage string // its arguments, such as "KEY [if VERSION]"
	Help  string // the first line says what it is for, further ones more
	// Run does it and writes the answer to out, in whole lines. An error is
	// reported by the shell; a UsageError gets the usage appended.
	Run func(ctx context.Context, args []Word, out io.Writer) error
}

func (v Verb) usage() string { return strings.TrimSpace(v.Name + " " + v.Usage) }

// errExit is what a verb returns that ends the conversation.
var errExit = errors.New("exit")

// everyVerb lists the verbs that all shells have.
func (s *session) everyVerb() []Verb {
	exit := func(context.Context, []Word, io.Writer) error { return errExit }
	return []Verb{
		{"get", "KEY", helpGet, s.get},
		{"put", "KEY VALUE [if VERSION | if absent]", helpPut, s.put},
		{"delete", "KEY [if VERSION]", helpDelete, s.delete},
		{"scan", "[PREFIX] [after KEY] [limit NUMBER]", helpScan, s.scan},
		{"help", "[COMMAND]", "list the commands, or explain one", s.help},
		{"exit", "", "leave, as ctrl-D does", exit},
		{"quit", "", "leave, as exit does", exit},
	}
}

const (
	helpGet = `show the value of a key, and its version
The version is the place in the history of the put that set the value.`

	helpPut = `set a key to a value
With "if 7", only if the key is at version 7; with "if absent", only if it
does not exist. Otherwise nothing changes, and the answer says what is there.
Words with blanks in them go in double quotes, written as in Go:
  put greeting "hello, \"world\"\n"`

	helpDelete = `remove a key
With "if 7", only if it is at version 7.`

	helpScan = `list keys in ascending order, with their values
  scan user/                     those that begin with user/
  scan user/ limit 10            the first ten of them
  scan user/ after user/7        those that come after user/7: the next page
Quote a prefix that is a keyword: scan "limit"`
)

// verb finds a verb by its name.
func (s *session) verb(name string) (Verb, error) {
	var names []string
	for _, v := range s.verbs {
		if v.Name == name {
			return v, nil
		}
		names = append(names, v.Name)
	}
	return Verb{}, fmt.Errorf("there is no command %.60q; there are %s", name, strings.Join(names, ", "))
}

func (s *session) get(ctx context.Context, args []Word, out io.Writer) error {
	key, err := parseGet(args)
	if err != nil {
		return err
	}
	it, err := s.store.Get(ctx, key)
	switch {
	case err != nil:
		return err
	case it.Exists():
		fmt.Fprintf(out, "%q, version %d\n", it.Value, it.Version)
	default:
		fmt.Fprintln(out, "absent")
	}
	return nil
}

func (s *session) put(ctx context.Context, args []Word, out io.Writer) error {
	c, err := parsePut(args)
	if err != nil {
		return err
	}
	return s.do(ctx, c, out)
}

func (s *session) delete(ctx context.Context, args []Word, out io.Writer) error {
	c, err := parseDelete(args)
	if err != nil {
		return err
	}
	return s.do(ctx, c, out)
}

// do gives the store a command and says what became of it.
func (s *session) do(ctx context.Context, c kv.Command, out io.Writer) error {
	r, err := s.store.Do(ctx, c)
	if err != nil {
		return err
	}
	conflict := s.paint(color.FgYellow, "conflict")
	switch {
	case r.Status == kv.Done:
		fmt.Fprintf(out, "ok, version %d\n", r.Version)
	case r.Status == kv.NotFound:
		fmt.Fprintln(out, "absent")
	case r.Version == 0:
		fmt.Fprintf(out, "%s: %q is absent\n", conflict, c.Key)
	default:
		fmt.Fprintf(out, "%s: %q is at version %d\n", conflict, c.Key, r.Version)
	}
	return nil
}

func (s *session) scan(ctx context.Context, args []Word, out io.Writer) error {
	r, err := parseRange(args)
	if err != nil {
		return err
	}
	page, err := s.store.Scan(ctx, r)
	if err != nil {
		return err
	}
	for _, it := range page.Items {
		fmt.Fprintf(out, "%q = %q, version %d\n", it.Key, it.Value, it.Version)
	}
	n := len(page.Items)
	noun := "keys"
	if n == 1 {
		noun = "key"
	}
	if page.More && n > 0 {
		fmt.Fprintf(out, "%d %s, more after %q\n", n, noun, page.Items[n-1].Key)
	} else {
		fmt.Fprintf(out, "%d %s\n", n, noun)
	}
	return nil
}

func (s *session) help(_ context.Context, args []Word, out io.Writer) error {
	if len(args) > 1 {
		return surplus(args[1])
	}
	if len(args) == 1 {
		v, err := s.verb(args[0].Text)
		if err == nil {
			fmt.Fprintf(out, "%s\n%s\n", v.usage(), v.Help)
		}
		return err
	}
	for _, v := range s.verbs {
		summary, _, _ := strings.Cut(v.Help, "\n")
		fmt.Fprintf(out, "%-40s  %s\n", v.usage(), summary)
	}
	fmt.Fprintln(out, `What holds blanks goes in double quotes: put greeting "hello, world"`)
	return nil
}
