package peers

import (
	"log/slog"
	"sync"
	"time"

	"zeyrho/steps/05-replication/node"
)

// notices keep the log short. There may be thousands of messages a second, and
// all of them may meet the same trouble.
type notices struct {
	log  *slog.Logger
	mu   sync.Mutex
	last map[matter]notice
}

type matter struct {
	what string
	peer node.ID
}

type notice struct {
	why string // "": it is over
	at  time.Time
}

// warn logs what is the matter with a peer, and why: if that is not what was
// logged last, and no more often than every ten seconds.
func (n *notices) warn(what string, peer node.ID, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, last := time.Now(), n.last[matter{what, peer}]
	if why != last.why && now.Sub(last.at) >= 10*time.Second {
		n.last[matter{what, peer}] = notice{why, now}
		n.log.Warn(what, "peer", peer, "why", why)
	}
}

// over logs that something is not the matter any more, if it was said to be.
func (n *notices) over(what string, peer node.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last := n.last[matter{what, peer}]; last.why != "" {
		n.last[matter{what, peer}] = notice{"", last.at}
		n.log.Info("no more: "+what, "peer", peer)
	}
}
