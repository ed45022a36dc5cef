package script

import (
	"errors"
	"fmt"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/replication"
)

// Say writes a line down.
func (w *World) Say(format string, args ...any) { fmt.Fprintf(&w.Text, format+"\n", args...) }

func (w *World) describe(m node.Message) string {
	if text := replication.Describe(m); text != "" || w.recipe.Describe == nil {
		return text
	}
	return w.recipe.Describe(m)
}

// changes says what has become of a node in a turn.
func (w *World) changes(m *Member) {
	f, had, last := m.Figures(), m.shown, m.last
	m.shown, m.last = f, m.Log().Last()
	if _, leads := m.Epoch(); f.Epoch != had.Epoch {
		role := "follows"
		if leads {
			role = "leads"
		}
		w.Say("%v: %s in epoch %v", m.ID, role, f.Epoch)
	}
	if f.Rebuilt != had.Rebuilt {
		w.Say("%v: has applied what is cut off now, and begins its map again", m.ID)
	}
	if m.last != last || f.Committed != had.Committed || f.Applied != had.Applied {
		w.Say("%v: log to %v, committed %d, applied %d", m.ID, m.last, f.Committed, f.Applied)
	}
	if w.recipe.Changed != nil {
		w.recipe.Changed(m)
	}
}

// reply writes down what a node answers. The ID 0 is that of inputs whose answer
// nobody cares for.
func (w *World) reply(m *Member, r node.Reply) {
	if r.ID == 0 {
		return
	}
	w.Replies = append(w.Replies, r)
	a := w.Asked[r.ID-1]
	w.Say("%v: %s: %s", m.ID, a.What, words(r, a.Read))
}

func words(r node.Reply, read bool) string {
	switch {
	case r.Err != nil && read:
		return "no answer: " + r.Err.Error()
	case errors.Is(r.Err, kv.ErrUnknown):
		return r.Err.Error() // which says so
	case r.Err != nil:
		return "did not happen: " + r.Err.Error()
	case !read && r.At == node.Position{}:
		return "done"
	case !read && r.Opened != "":
		return fmt.Sprintf("session %s, at %v", r.Opened, r.At)
	case !read:
		return fmt.Sprintf("%v, at %v", r.Result.Status, r.At)
	}
	text := fmt.Sprintf("%q, as of %v", r.Item.Value, r.At)
	if !r.Item.Exists() {
		text = fmt.Sprintf("nothing, as of %v", r.At)
	}
	if r.Lag != (node.Lag{}) {
		text += fmt.Sprintf("; behind the leader by %d, and heard it %v ago", r.Lag.Entries, r.Lag.Heard)
	}
	return text
}
