package durable

import (
	"encoding/binary"
	"errors"
	"fmt"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
	"zeyrho/steps/03-server/session"
)

// A record is what an entry of the journal says: its kind, in one byte, and
//
//	1  settings         the first entry: room for so many sessions (8 bytes),
//	                    and the incarnation that is in their names
//	2  command          the command; see package codec
//	3  numbered command length of the session's name (a uvarint), the name,
//	                    the number (8 bytes), the command
//	4  open a session   nothing
//
// Settings are in the journal because what the table of sessions forgets
// depends on them: the same entries must give the same table, whatever the
// flags say next time.
const (
	kindSettings = iota + 1
	kindCommand
	kindNumbered
	kindOpen
)

// settings are what a store was made with.
type settings struct {
	sessions    int
	incarnation string
}

// errRecord is wrapped when an entry, though whole, is not a record.
var errRecord = errors.New("not a record that this program knows; a later version may have written it")

// maxSessions is more than anybody needs, and a number that a table can have.
const maxSessions = 1<<31 - 1

func appendSettings(b []byte, s settings) []byte {
	b = append(b, kindSettings)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.sessions))
	return append(b, s.incarnation...)
}

func readSettings(b []byte) (settings, error) {
	if len(b) < 9 || b[0] != kindSettings {
		return settings{}, fmt.Errorf("the first entry must be the settings: %w", errRecord)
	}
	n := binary.LittleEndian.Uint64(b[1:])
	if n == 0 || n > maxSessions {
		return settings{}, fmt.Errorf("settings with room for %d sessions: %w", n, errRecord)
	}
	return settings{int(n), string(b[9:])}, nil
}

// appendRequest appends the record of r.
func appendRequest(b []byte, r Request) []byte {
	switch {
	case r.OpenSession:
		return append(b, kindOpen)
	case r.Identity == session.Identity{}:
		b = append(b, kindCommand)
	default:
		b = binary.AppendUvarint(append(b, kindNumbered), uint64(len(r.Identity.Session)))
		b = append(b, r.Identity.Session...)
		b = binary.LittleEndian.AppendUint64(b, r.Identity.Number)
	}
	return codec.Append(b, r.Command)
}

// readRequest reads what appendRequest wrote. The request shares no memory
// with b.
func readRequest(b []byte) (r Request, err error) {
	if len(b) == 0 {
		return r, fmt.Errorf("an empty entry: %w", errRecord)
	}
	kind, rest := b[0], b[1:]
	switch {
	case kind == kindOpen && len(rest) == 0:
		return Request{OpenSession: true}, nil
	case kind == kindNumbered:
		if r.Identity, rest, err = readIdentity(rest); err != nil {
			return r, err
		}
	case kind != kindCommand:
		return r, fmt.Errorf("an entry of kind %d: %w", kind, errRecord)
	}
	if r.Command, err = codec.Decode(rest); err != nil {
		return r, fmt.Errorf("%w: %w", errRecord, err)
	}
	return r, nil
}

func readIdentity(b []byte) (id session.Identity, rest []byte, err error) {
	length, width := binary.Uvarint(b)
	if b = b[max(width, 0):]; width <= 0 || length > uint64(len(b)) || len(b)-int(length) < 8 {
		return id, nil, fmt.Errorf("the name of a session reaches beyond the entry: %w", errRecord)
	}
	name, rest := b[:length], b[length:]
	return session.Identity{Session: session.ID(name), Number: binary.LittleEndian.Uint64(rest)}, rest[8:], nil
}

// Describe puts an entry of the journal into words.
func Describe(index uint64, b []byte) string {
	if index == 1 {
		s, err := readSettings(b)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("settings: room for %d sessions, which are named %s-1, …", s.sessions, s.incarnation)
	}
	r, err := readRequest(b)
	if err != nil {
		return err.Error()
	}
	return r.String()
}

// String says in words what is asked for.
func (r Request) String() string {
	if r.OpenSession {
		return "open a session"
	}
	text := fmt.Sprintf("put %.40q %.40q", r.Command.Key, r.Command.Value)
	if r.Command.Op == kv.OpDelete {
		text = fmt.Sprintf("delete %.40q", r.Command.Key)
	}
	if c := r.Command.If; c.Checked {
		text += fmt.Sprintf(" if %d", c.Version)
	}
	if r.Identity != (session.Identity{}) {
		text += fmt.Sprintf("  (request %s)", r.Identity)
	}
	return text
}
