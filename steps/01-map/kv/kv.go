// Package kv answers: what is a key-value store, before anything can go wrong?
//
// It is a map to which commands are applied, one after another. A command
// changes one key. Its place in the history is its version, and that number is
// the thread that runs through all eight steps: whoever applies the same
// commands at the same versions gets the same map.
//
// The package holds the words (Command, Version, Entry, Result, Item) and the
// Map itself. It knows nothing of goroutines, processes, networks or disks.
package kv

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Version is a position in the history of a store. The first command has
// version 1 and every later one a greater number; none is ever used twice.
// Zero means "no such command": an absent key has version 0.
type Version uint64

// Limits on what a store takes, in bytes.
const (
	MaxKey   = 1 << 10 // 1 KiB
	MaxValue = 1 << 20 // 1 MiB
)

// Limits on one page of a scan: the number of its items, which is also what a
// scan without a limit gets, and the bytes of its values, after which the page
// ends. A page with anything to show holds at least one item.
const (
	MaxScan = 1000
	MaxPage = 4 << 20 // 4 MiB
)

// ErrInvalid is wrapped by every error that says that a request can never
// succeed as it stands: an empty key, a value that is too large. Nothing has
// happened, and trying again will not help.
var ErrInvalid = errors.New("invalid")

// Op is what a command does.
type Op uint8

// The two things that a command can do to a key. The zero Op is neither, so
// that a forgotten one is noticed.
const (
	OpPut Op = iota + 1
	OpDelete
)

// Condition says when a command takes effect. The zero Condition is "always".
type Condition struct {
	Checked bool    // whether there is a condition at all
	Version Version // if so, the version that the key must have (0: absent)
}

// holds says whether a key at version v satisfies the condition.
func (c Condition) holds(v Version) bool { return !c.Checked || c.Version == v }

// Command is a request to change one key. Commands that only read do not
// exist: reading leaves no trace in the history.
type Command struct {
	Op    Op
	Key   string
	Value []byte // OpPut only
	If    Condition
}

// Put returns the command that sets key to value.
func Put(key string, value []byte) Command {
	return Command{Op: OpPut, Key: key, Value: value}
}

// Delete returns the command that removes key.
func Delete(key string) Command { return Command{Op: OpDelete, Key: key} }

// IfVersion returns c on the condition that its key is at version v.
func (c Command) IfVersion(v Version) Command {
	c.If = Condition{Checked: true, Version: v}
	return c
}

// IfAbsent returns c on the condition that its key does not exist.
func (c Command) IfAbsent() Command { return c.IfVersion(0) }

// Check returns nil if c is well formed, or an error that wraps ErrInvalid
// and says what is wrong. Stores check a command before it enters the history,
// so a Map never sees a bad one.
func (c Command) Check() error {
	if c.Op != OpPut && c.Op != OpDelete {
		return fmt.Errorf("%w command: neither put nor delete", ErrInvalid)
	}
	if len(c.Value) > MaxValue {
		return fmt.Errorf("%w value: %d bytes, the limit is %d", ErrInvalid, len(c.Value), MaxValue)
	}
	return CheckKey(c.Key)
}

// CheckKey returns nil if key can be a key: valid UTF-8 of 1 to MaxKey bytes.
// Otherwise the error wraps ErrInvalid and says what is wrong.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w key: it is empty", ErrInvalid)
	case len(key) > MaxKey:
		return fmt.Errorf("%w key: %d bytes, the limit is %d", ErrInvalid, len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w key: %q is not UTF-8", ErrInvalid, key)
	}
	return nil
}

// Entry is a command with its place in the history.
type Entry struct {
	Version Version
	Command Command
}

// Status is what became of a command.
type Status uint8

// The fates of a command that was applied to a map. In the last two the map is
// as it was.
const (
	Done     Status = iota + 1 // the key was set, or removed
	Conflict                   // the condition did not hold
	NotFound                   // there was nothing to delete
)

func (s Status) String() string {
	switch s {
	case Done:
		return "done"
	case Conflict:
		return "conflict"
	case NotFound:
		return "not found"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Result is the answer to a command.
type Result struct {
	Status Status
	// Version is the command's own version if it is Done. Otherwise it is the
	// version that the key has (0: absent), which is what a caller needs in
	// order to look again and retry.
	Version Version
}

// Decide says what becomes of the entry's command if its key is at version old
// (0: absent). It is the whole rule, for a Map and for whatever else holds keys.
func (e Entry) Decide(old Version) Result {
	c := e.Command
	switch {
	case !c.If.holds(old):
		return Result{Conflict, old}
	case c.Op == OpDelete && old == 0:
		return Result{NotFound, 0}
	}
	return Result{Done, e.Version}
}

// Item is what a map holds for a key. An absent key has version 0 and no
// value (nil), which is not the same as an empty value (not nil).
type Item struct {
	Key     string
	Value   []byte
	Version Version // of the command that put the value there
}

// Exists reports whether the key was there.
func (it Item) Exists() bool { return it.Version != 0 }
