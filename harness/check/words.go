package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"zeyrho/harness/history"
)

// at prints an instant of a run: seconds, to the microsecond where it matters.
func at(ns int64) string {
	s := fmt.Sprintf("%.6f", time.Duration(ns).Seconds())
	for strings.HasSuffix(s, "0") && len(s)-strings.IndexByte(s, '.') > 4 {
		s = s[:len(s)-1]
	}
	return s + "s"
}

// quote prints a key or value, and only the beginning of a long one.
func quote(s string) string {
	const most = 40
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%s… (%d bytes)", strconv.Quote(s[:most]), len(s))
}

// plural prints a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// shown prints what a reader saw.
func shown(value string, version uint64) string {
	return fmt.Sprintf("%s (version %d)", quote(value), version)
}

// told says in one clause what a client was told and when:
// client 3 read "7" (version 12) from "x" at 1.203s.
func told(op history.Op) string {
	who, key, when := fmt.Sprintf("client %d", op.Client), quote(op.Key), at(op.Return)
	switch {
	case op.Outcome != history.OK:
		return fmt.Sprintf("%s called %s at %s and does not know what became of it", who, wish(op), at(op.Call))
	case op.Kind == history.Scan:
		return fmt.Sprintf("%s scanned %s at %s", who, key, when)
	case op.Kind == history.Get && op.Status == history.Absent:
		return fmt.Sprintf("%s found %s absent at %s", who, key, when)
	case op.Kind == history.Get:
		return fmt.Sprintf("%s read %s from %s at %s", who, shown(op.Value, op.Version), key, when)
	case op.Status == history.Conflict && op.Version == 0:
		return fmt.Sprintf("%s was told at %s that %s met a conflict, the key being absent", who, when, wish(op))
	case op.Status == history.Conflict:
		return fmt.Sprintf("%s was told at %s that %s met a conflict, the key being at version %d", who, when, wish(op), op.Version)
	case op.Status == history.Absent:
		return fmt.Sprintf("%s was told at %s that there was no %s to delete", who, when, key)
	}
	return fmt.Sprintf("%s was told at %s that %s was done (version %d)", who, when, wish(op), op.Version)
}

// wish says what a write asked for: its put of "8" to "x" if at version 12.
func wish(op history.Op) string {
	s := fmt.Sprintf("its put of %s to %s", quote(op.Value), quote(op.Key))
	if op.Kind == history.Delete {
		s = fmt.Sprintf("its delete of %s", quote(op.Key))
	}
	if op.Kind == history.Get || op.Kind == history.Scan {
		s = fmt.Sprintf("its %s of %s", op.Kind, quote(op.Key))
	}
	switch {
	case op.If == nil:
		return s
	case *op.If == 0:
		return s + " if absent"
	}
	return fmt.Sprintf("%s if at version %d", s, *op.If)
}

// had says of an earlier operation what its client knew from then on:
// client 1 had been told at 1.100s that "8" was written (version 13).
func had(op history.Op) string {
	who := fmt.Sprintf("client %d", op.Client)
	switch {
	case op.Status == history.Conflict:
		return fmt.Sprintf("%s had been told at %s that the key was at version %d", who, at(op.Return), op.Version)
	case op.Kind == history.Get && op.Status == history.Absent:
		return fmt.Sprintf("%s had found it absent at %s", who, at(op.Return))
	case op.Kind == history.Get:
		return fmt.Sprintf("%s had read %s at %s", who, shown(op.Value, op.Version), at(op.Return))
	case op.Kind == history.Delete:
		return fmt.Sprintf("%s had been told at %s that it was deleted (version %d)", who, at(op.Return), op.Version)
	}
	return fmt.Sprintf("%s had been told at %s that %s was written (version %d)", who, at(op.Return), quote(op.Value), op.Version)
}
