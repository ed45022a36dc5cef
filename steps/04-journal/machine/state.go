package machine

import "zeyrho/steps/03-server/session"

// Export returns what the machine knows of sessions. With what is in its map,
// that is all of the machine.
func (m *Machine) Export() session.State { return m.sessions.Export() }

// Restore returns the machine that has these sessions and this map. Both must be
// of the same moment, after the same entry; and both are the machine's own from
// now on.
func Restore(sessions *session.Table, m Map) *Machine { return &Machine{m, sessions} }
