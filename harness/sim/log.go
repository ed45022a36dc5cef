package sim

import (
	"zeyrho/harness/history"
	"zeyrho/steps/05-replication/node"
)

// event adds an event to the history, as of now, and returns its number.
func (w *world) event(e history.Event) int {
	e.At = int64(w.now)
	w.events = append(w.events, e)
	return len(w.events) - 1
}

// sent adds a message to the history, if that is wanted. It returns its number.
func (w *world) sent(m node.Message) int {
	if !w.detailed {
		return -1
	}
	text := w.system.describe(m)
	if text == "" {
		text = m.Kind
	}
	return w.event(history.Event{Kind: history.Message, Node: m.From.String(), To: m.To.String(), Text: text})
}

// arrived notes that a message has arrived.
func (w *world) arrived(event int) {
	if event >= 0 {
		w.events[event].Until = int64(w.now)
	}
}

// place adds to the history how far a node is, if that is wanted, and new.
func (w *world) place(h *host) {
	if !w.detailed {
		return
	}
	if e := h.position(); h.placed.Positions == nil || *e.Positions != *h.placed.Positions || e.Role != h.placed.Role || e.Epoch != h.placed.Epoch {
		h.placed = e
		w.event(e)
	}
}

// position says how far a node is.
func (h *host) position() history.Event {
	r := h.process.Replica()
	epoch, _ := r.Epoch()
	return history.Event{
		Kind: history.Position, Node: h.id.String(), Role: h.process.Status().Role, Epoch: epoch.String(),
		Positions: &history.Positions{Written: r.Log().Last().Index, Synced: r.Log().Synced(), Committed: r.Committed(), Applied: r.Applied().Index},
	}
}
