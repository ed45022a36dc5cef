package machine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/codec"
	"zeyrho/steps/03-server/session"
)

// A record is what an entry of the log says: its kind, in one byte, and
//
//	1  settings         the first entry: room for so many sessions (8 bytes),
//	                    and the incarnation that is in their names
//	2  command          the command; see package codec
//	3  numbered command length of the session's name (a uvarint), the name,
//	                    the number (8 bytes), the command
//	4  open a session   nothing
//
// Settings are in the log because what the table of sessions forgets
// depends on them: the same entries must give the same table, whatever the
// flags say next time.
const (
	kindSettings = iota + 1
	kindCommand
	kindNumbered
	kindOpen
)

// ErrRecord is wrapped when an entry, though whole, is not a record.
var ErrRecord = errors.New("not a record that this program knows; a later version may have written it")

// AppendRequest appends the record of r.
func AppendRequest(b []byte, r Request) []byte {
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

// ReadRequest reads what AppendRequest wrote. The request shares no memory
// with b.
func ReadRequest(b []byte) (r Request, err error) {
	if len(b) == 0 {
		return r, fmt.Errorf("an empty entry: %w", ErrRecord)
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
		return r, fmt.Errorf("an entry of kind %d: %w", kind, ErrRecord)
	}
	if r.Command, err = codec.Decode(rest); err != nil {
		return r, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r, nil
}

func readIdentity(b []byte) (id session.Identity, rest []byte, err error) {
	length, width := binary.Uvarint(b)
	if b = b[max(width, 0):]; width <= 0 || length > uint64(len(b)) || len(b)-int(length) < 8 {
		return id, nil, fmt.Errorf("the name of a session reaches beyond the entry: %w", ErrRecord)
	}
	name, rest := b[:length], b[length:]
	return session.Identity{Session: session.ID(name), Number: binary.LittleEndian.Uint64(rest)}, rest[8:], nil
}

// Describe puts the entry at index of a log into words.
func Describe(index uint64, record []byte) string {
	if index == 1 {
		s, err := ReadSettings(record)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("settings: room for %d sessions, which are named %s-1, …", s.Sessions, s.Incarnation)
	}
	r, err := ReadRequest(record)
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
