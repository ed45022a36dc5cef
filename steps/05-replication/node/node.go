// Package node answers: what is a server that is one of several, when one wants
// to be able to reason about it?
//
// It is a struct that is told things. It has no goroutines, no locks, no clock
// and no sockets. It is told of messages and requests that have arrived, and of
// the passing of time; it writes to its log, and puts messages and replies into
// its outbox. What it does next is a function of what it was told. So a reader
// sees the protocol and nothing else, and a simulation can run the very same
// code, as often as it likes, and it will do the same again.
//
// A node lives in turns. A turn is three calls:
//
//	Handle(batch)   the modules are told what has arrived, and write to the log
//	Sync()          what they wrote is made durable, once for all of it
//	Synced(err)     the outbox is let go
//
// So nothing is told to anybody before it is safe, whichever module says it:
// "persist before you speak" is a property of this one place. And the busier a
// node is, the more arrives during a sync, and shares the next one: group
// commit (step 04) comes for free.
//
// Loop drives a node for real.
package node

import (
	"errors"
	"fmt"
	"time"

	"zeyrho/steps/01-map/kv"
)

// Module is a part of a protocol. Modules share the replica and the outbox of
// their node, and ignore what is not theirs.
type Module interface {
	// Receive is told a message.
	Receive(Message)
	// Tick is told, once in every turn and after all messages, that time may have
	// passed.
	Tick()
	// Synced is told that everything that was written is safe. It may send, but
	// not write.
	Synced()
	// Unwritten is told that what was appended in this turn could not be written,
	// because the disk is full, perhaps. It is not in the log any more.
	Unwritten(error)
	// Wake returns when, by Env.Now, it wants to be told of the time at the latest.
	Wake() time.Duration
}

// Front is the module that answers clients.
type Front interface {
	Module
	Write(Write)
	// Read answers q now, if ok; otherwise Wait will, later.
	Read(q Query) (r Reply, ok bool)
	Wait(Read)
	GiveUp(id uint64)
}

// Outbox is what a node wants to say.
type Outbox struct {
	Messages []Message
	Replies  []Reply
}

// Send puts a message into the outbox.
func (o *Outbox) Send(m Message) { o.Messages = append(o.Messages, m) }

// Reply puts an answer into the outbox.
func (o *Outbox) Reply(r Reply) { o.Replies = append(o.Replies, r) }

// Node is a node.
//
// Invariants:
//   - What is in the outbox leaves only with a Synced that was told no error.
//   - Handle and Synced are called in turn, and Sync in between.
type Node struct {
	env     Env
	replica *Replica
	out     *Outbox
	front   Front
	modules []Module // front among them
	calls   []Reply  // of this turn
}

// New makes a node of its parts. The modules are told things in this order.
func New(env Env, replica *Replica, out *Outbox, front Front, others ...Module) *Node {
	return &Node{env: env, replica: replica, out: out, front: front, modules: append([]Module{front}, others...)}
}

// Replica returns the node's copy of the store.
func (n *Node) Replica() *Replica { return n.replica }

// Handle tells the modules what has arrived, and writes what they append. It
// reports whether there is anything to sync; Sync may be left out if not.
func (n *Node) Handle(batch []Input) (dirty bool) {
	n.calls = n.calls[:0]
	for _, in := range batch {
		n.tell(in)
	}
	for _, m := range n.modules {
		m.Tick()
	}
	if err := n.replica.flush(); err != nil {
		n.unwritten(err)
	}
	return n.replica.dirty()
}

func (n *Node) tell(in Input) {
	switch in := in.(type) {
	case Message:
		if in.To != n.replica.self {
			return
		}
		for _, m := range n.modules {
			m.Receive(in)
		}
	case Write:
		n.front.Write(in)
	case Read:
		n.front.Wait(in)
	case GiveUp:
		n.front.GiveUp(in.ID)
	case Call:
		n.calls = append(n.calls, Reply{ID: in.ID, Err: in.Run()})
	case Done:
		in()
	}
}

// unwritten takes back what the turn was about to say: much of it was about
// entries that are not there.
func (n *Node) unwritten(err error) {
	n.out.Messages = nil
	n.replica.unwritten()
	for _, m := range n.modules {
		m.Unwritten(err)
	}
	for i := range n.calls { // who was promoted leads all the same
		n.calls[i].Err = fmt.Errorf("%w: %w", kv.ErrUnknown, errors.Join(n.calls[i].Err, err))
	}
}

// Sync makes safe what Handle has written. It may be called while others call
// Read, and nothing else.
func (n *Node) Sync() error { return n.replica.sync() }

// Synced ends the turn, and returns what may now be said. If err, which Sync has
// returned, is not nil, that is nothing, and the node has come to its end: see
// journal.Sync.
func (n *Node) Synced(err error) (Outbox, error) {
	if err == nil {
		err = n.replica.failed
	}
	if err != nil {
		return Outbox{}, err
	}
	n.replica.note()
	for _, m := range n.modules {
		m.Synced()
	}
	if n.replica.failed != nil {
		return Outbox{}, n.replica.failed
	}
	out := Outbox{n.out.Messages, append(n.out.Replies, n.calls...)}
	*n.out = Outbox{}
	return out, nil
}

// Read answers a query now if it can. It changes nothing; if ok is false, the
// query has to come as an input, and wait.
func (n *Node) Read(q Query) (r Reply, ok bool) { return n.front.Read(q) }

// Wake returns when, by Env.Now, the next turn has to begin at the latest, even
// if nothing arrives.
func (n *Node) Wake() time.Duration {
	wake := n.modules[0].Wake()
	for _, m := range n.modules[1:] {
		wake = min(wake, m.Wake())
	}
	return wake
}

// Close closes the replica.
func (n *Node) Close() error { return n.replica.Close() }
