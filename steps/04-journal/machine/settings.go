package machine

import (
	"encoding/binary"
	"fmt"

	"zeyrho/steps/03-server/session"
)

// Settings are what a store is made with. They are the first entry of its log,
// and stay as they are.
type Settings struct {
	Sessions    int    // room for so many
	Incarnation string // in the names of sessions
}

// maxSessions is more than anybody needs, and a number that a table can have.
const maxSessions = 1<<31 - 1

// Complete puts the default in the place of every zero: room for 10,000
// sessions, an incarnation that is drawn. It refuses settings that ReadSettings
// would not read.
func (s Settings) Complete() (Settings, error) {
	if s.Sessions == 0 {
		s.Sessions = 10_000
	}
	if s.Sessions < 0 || s.Sessions > maxSessions {
		return Settings{}, fmt.Errorf("room for %d sessions: there may be at most %d", s.Sessions, maxSessions)
	}
	if s.Incarnation == "" {
		s.Incarnation = session.NewIncarnation()
	}
	return s, nil
}

// AppendSettings appends the record of s.
func AppendSettings(b []byte, s Settings) []byte {
	b = append(b, kindSettings)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Sessions))
	return append(b, s.Incarnation...)
}

// ReadSettings reads what AppendSettings wrote.
func ReadSettings(b []byte) (Settings, error) {
	if len(b) < 9 || b[0] != kindSettings {
		return Settings{}, fmt.Errorf("the first entry must be the settings: %w", ErrRecord)
	}
	n := binary.LittleEndian.Uint64(b[1:])
	if n == 0 || n > maxSessions {
		return Settings{}, fmt.Errorf("settings with room for %d sessions: %w", n, ErrRecord)
	}
	return Settings{int(n), string(b[9:])}, nil
}
