package catchup

import (
	"time"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
)

// Figures are numbers about the snapshots of a node.
type Figures struct {
	Written int           // by itself
	Fetched int           // from others
	Paused  time.Duration // how long the last one kept the node from its work
	Took    time.Duration // and how long it took to be written
	Failed  string        // why the last one was not made; "": it was
}

// Status is what there is to say about snapshots and transfers.
type Status struct {
	Figures
	Learner  bool
	Saved    node.Position // of the snapshot on the disk
	Size     int64         // and its bytes
	Incoming *Progress     // what this node is being sent
	Sending  []Progress    // what it sends, and to whom
	Members  []snapshot.Member
}

// Progress is how far a transfer is.
type Progress struct {
	Peer  node.ID
	Of    node.Position
	Bytes int64
	Size  int64
	Took  time.Duration
}

// Status returns it as of now.
func (c *Catchup) Status() Status {
	s := Status{Figures: c.figures, Learner: c.config.Join, Saved: c.saved, Size: c.size, Members: c.members}
	id, bytes := c.checking, c.checking.Size
	if id.Size == 0 {
		id, bytes = c.incoming.Identity(), c.incoming.Next()
	}
	if id.Size > 0 {
		s.Incoming = &Progress{Of: id.Position, Bytes: bytes, Size: id.Size, Took: c.env.Now() - c.began}
	}
	for _, t := range c.sending {
		s.Sending = append(s.Sending, Progress{Peer: t.peer, Of: t.id.Position, Bytes: t.got, Size: t.id.Size, Took: c.env.Now() - t.began})
	}
	return s
}
