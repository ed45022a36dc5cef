// Package session answers: a request came twice; was it asked twice?
//
// A client that gets no answer can only ask again, and the server cannot tell
// the second asking from a second wish. So clients say who they are and
// number their requests. A session is a client's name, issued by the server;
// it has one slot, which holds the number of its last request and the answer
// to it. A request that comes again is answered from the slot and not applied
// again.
//
// Memory is bounded: the table has room for so many sessions, and forgets the
// one that has been still for longest. What comes from a forgotten session is
// refused with "it may have happened", because nobody knows; it is never
// applied again.
//
// Table is the bookkeeping and nothing else. Store puts it in front of a
// kv.Store, for many goroutines.
package session

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zeyrho/steps/01-map/kv"
)

// ID is the name of a session, <incarnation>-<counter>. The incarnation is
// drawn when a store is created, so the names of a store that was started
// again never meet those of the one before it.
type ID string

// NewIncarnation draws 60 random bits, as text.
func NewIncarnation() string { return rand.Text()[:12] }

// Identity says which request this is: whose, and the number of it. A client
// gives every new command a greater number, and the same number only to the
// same command. The store believes it: who sends another command under
// an old number gets the old answer. (Some public services keep a checksum of
// the request too, and refuse that.)
type Identity struct {
	Session ID
	Number  uint64 // from 1
}

// String returns the form that ParseIdentity reads, SESSION/NUMBER.
func (id Identity) String() string {
	return string(id.Session) + "/" + strconv.FormatUint(id.Number, 10)
}

// maxID is the length of the longest name that a session can have, in bytes.
const maxID = 64

// ParseIdentity reads SESSION/NUMBER. Its errors wrap kv.ErrInvalid.
func ParseIdentity(s string) (Identity, error) {
	name, digits, _ := strings.Cut(s, "/")
	number, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || number == 0 || name == "" || len(name) > maxID {
		return Identity{}, fmt.Errorf("%w request identity %.80q: it must be SESSION/NUMBER, with a number from 1", kv.ErrInvalid, s)
	}
	return Identity{ID(name), number}, nil
}

// Both errors mean that the request may have been applied, long ago; and that
// it will not be applied now.
var (
	// ErrForgotten is wrapped when the table does not know the session: it was
	// forgotten to make room, or it is of a store that is gone.
	ErrForgotten = fmt.Errorf("its session is forgotten: %w", kv.ErrUnknown)
	// ErrSuperseded is wrapped when the session has gone on to greater numbers.
	ErrSuperseded = fmt.Errorf("superseded by a later request of its session: %w", kv.ErrUnknown)
)

// ErrInProgress is wrapped when a copy of the request is still being applied
// and the caller did not wait for its end. To ask again will tell. It wraps
// kv.ErrUnknown: the request may happen, or have happened.
var ErrInProgress = fmt.Errorf("a copy of it is under way: %w", kv.ErrUnknown)

// errNoAnswer is the kept answer to a request whose fate the store itself
// does not know.
var errNoAnswer = fmt.Errorf("the store does not know what became of it: %w", kv.ErrUnknown)

// recordable says whether the fate of a request must be kept: it was applied,
// or it may have been. Otherwise it did not happen, and may be tried again.
func recordable(err error) bool { return err == nil || errors.Is(err, kv.ErrUnknown) }
