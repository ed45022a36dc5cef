// Package codec answers: what does a command look like as bytes?
//
// A map in one process can hold a command as a Go value. Two processes share
// no Go values, only bytes, so the bytes are described here one by one. All
// numbers are little-endian.
//
//	offset  bytes  what
//	0       1      format of this encoding: 1
//	1       1      op: 1 put, 2 delete
//	2       1      condition: 0 none, 1 the key must be at the version that follows
//	3       8      that version (0: the key must be absent); 0 if there is no condition
//	11      4      length of the key, K
//	15      4      length of the value, V; 0 for a delete
//	19      K      the key, UTF-8
//	19+K    V      the value
//
// A command has exactly one encoding: whatever Decode takes, Append gives back
// byte for byte. There is no length of the whole and no checksum. Those belong
// to whoever stores the bytes and can lose some of them.
//
// Real systems use a schema language here (protocol buffers, for one), which
// lets old programs read what newer ones wrote. The first byte is all that we
// have for that: a reader refuses a format that it does not know.
package codec

import (
	"encoding/binary"
	"errors"
	"fmt"

	"zeyrho/steps/01-map/kv"
)

const (
	format = 1
	header = 19 // bytes before the key
)

// MaxSize is the greatest number of bytes that a well-formed command takes.
const MaxSize = header + kv.MaxKey + kv.MaxValue

// ErrMalformed is wrapped by every error of Decode: the bytes are not a
// command.
var ErrMalformed = errors.New("not a command")

// Append appends the binary form of c to b and returns the longer slice. The
// command must be one that c.Check accepts; of any other, Decode refuses what
// Append wrote.
func Append(b []byte, c kv.Command) []byte {
	condition := byte(0)
	if c.If.Checked {
		condition = 1
	}
	b = append(b, format, byte(c.Op), condition)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.If.Version))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Value)))
	b = append(b, c.Key...)
	return append(b, c.Value...)
}

// Decode returns the command whose binary form is b: all of it, without a byte
// left over. It never panics, allocates no more than len(b), and the command
// shares no memory with b. The value of a put is not nil, even when empty.
func Decode(b []byte) (kv.Command, error) {
	if len(b) < header {
		return kv.Command{}, malformed("%d bytes are too few", len(b))
	}
	if b[0] != format {
		return kv.Command{}, malformed("format %d, this program knows %d", b[0], format)
	}
	key, value, err := split(b)
	if err != nil {
		return kv.Command{}, err
	}
	c := kv.Command{Op: kv.Op(b[1]), Key: string(key)}
	if c.If, err = condition(b[2], binary.LittleEndian.Uint64(b[3:])); err != nil {
		return kv.Command{}, err
	}
	if c.Op == kv.OpPut {
		c.Value = append([]byte{}, value...)
	} else if len(value) > 0 {
		return kv.Command{}, malformed("op %d with a value", b[1])
	}
	if err := c.Check(); err != nil {
		return kv.Command{}, malformed("%v", err) // not %w: it is no caller's command that is invalid
	}
	return c, nil
}

// split finds the key and the value. The lengths are compared as 64-bit
// numbers, so that no two of them can overflow into something plausible.
func split(b []byte) (key, value []byte, err error) {
	k := uint64(binary.LittleEndian.Uint32(b[11:]))
	v := uint64(binary.LittleEndian.Uint32(b[15:]))
	if k+v != uint64(len(b)-header) {
		return nil, nil, malformed("key of %d and value of %d bytes, in %d", k, v, len(b)-header)
	}
	return b[header : header+k], b[header+k:], nil
}

func condition(checked byte, v uint64) (kv.Condition, error) {
	if checked > 1 || checked == 0 && v != 0 {
		return kv.Condition{}, malformed("condition %d with version %d", checked, v)
	}
	return kv.Condition{Checked: checked == 1, Version: kv.Version(v)}, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}
