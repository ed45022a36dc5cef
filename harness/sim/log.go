package sim

import (
	"zeyrho/harness/history"
	"zeyrho/steps/05-replication/node"
)

// logMessage adds a message to the history, if that is wanted. It returns its
// number.
func (w *World) logMessage(m node.Message, arrives int64) int {
	if !w.detailed {
		return -1
	}
	text := w.system.describe(m)
	if text == "" {
		text = m.Kind
	}
	w.events = append(w.events, history.Event{At: int64(w.now), Kind: history.Message, Node: m.From.String(), To: m.To.String(), Until: arrives, Text: text})
	return len(w.events) - 1
}

// arrived notes that a message has arrived.
func (w *World) arrived(event int) {
	if event >= 0 {
		w.events[event].Until = int64(w.now)
	}
}
