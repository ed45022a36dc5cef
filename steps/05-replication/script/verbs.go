package script

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
)

// Begin has a turn with inputs, or only the first half of one.
func (s Line) Begin(m *Member, in ...node.Input) error {
	if m.Node == nil {
		return fmt.Errorf("%v is down", m.ID)
	}
	if s.HasArg("unsynced") {
		s.Handle(m, in...)
		s.Say("%v: has written up to %v, and has not synced", m.ID, m.Log().Last())
		return nil
	}
	s.Turn(m, in...)
	return nil
}

func (s Line) write(m *Member) error {
	lines := strings.Split(s.Input, "\n")
	if s.Input == "" {
		lines = []string{strings.Join([]string{s.Word(1), s.Word(2), s.Word(3)}, " ")}
	}
	id, err := s.identity(Value(s.TestData, "as"))
	if err != nil {
		return err
	}
	var in []node.Input
	for _, line := range lines {
		c, err := command(strings.Fields(line))
		if err != nil {
			return err
		}
		in = append(in, s.Write(machine.Request{Identity: id, Command: c}))
	}
	return s.Begin(m, in...)
}

func command(words []string) (kv.Command, error) {
	switch {
	case len(words) == 3 && words[0] == "put":
		return kv.Put(words[1], []byte(words[2])), nil
	case len(words) == 2 && words[0] == "delete":
		return kv.Delete(words[1]), nil
	}
	return kv.Command{}, fmt.Errorf("not a write: %q", words)
}

func (s Line) open(m *Member) error {
	w := s.Write(machine.Request{OpenSession: true})
	s.sessions[s.Word(1)] = w.ID
	return s.Begin(m, w)
}

// identity returns the one that is written as SESSION/NUMBER.
func (s Line) identity(text string) (id session.Identity, err error) {
	if text == "" {
		return id, nil
	}
	name, number, _ := strings.Cut(text, "/")
	if id.Number, err = strconv.ParseUint(number, 10, 64); err != nil {
		return id, err
	}
	for _, r := range s.Replies {
		if r.ID == s.sessions[name] && r.Opened != "" {
			id.Session = session.ID(r.Opened)
			return id, nil
		}
	}
	return id, fmt.Errorf("there is no session %q", name)
}

func (s Line) read(m *Member) error {
	q := node.Query{Key: s.Word(1), Level: node.Leader}
	if level := Value(s.TestData, "level"); level != "" {
		q.Level = node.Level(level)
	}
	if seen := Value(s.TestData, "seen"); seen != "" {
		var err error
		if q.Seen, err = node.ParsePosition(seen); err != nil {
			return err
		}
	}
	s.Read(m, q)
	return nil
}

func (s Line) promote(m *Member) error { return s.Begin(m, s.Promote(m)) }

func (s Line) sync(m *Member) error {
	s.Sync(m)
	return nil
}

var errNoMessage = errors.New("there is no such message")

func (s Line) deliver(from *Member) error {
	to := s.Member(1)
	if to == nil {
		return errNoMessage
	}
	m, ok := s.Take(from.ID, to.ID, s.HasArg("last"))
	if !ok {
		return errNoMessage
	}
	messages := []node.Message{m}
	if s.HasArg("twice") {
		messages = append(messages, m)
	}
	if s.HasArg("copy") {
		s.InFlight = append(s.InFlight, m)
	}
	s.Arrive(messages...)
	return nil
}

func (s Line) drop(from *Member) error {
	to, n := s.Member(1), 0
	for ok := true; ok && (n == 0 || s.HasArg("all")); n++ {
		if _, ok = s.Take(from.ID, to.ID, s.HasArg("last")); !ok && n == 0 {
			return errNoMessage
		}
	}
	return nil
}

func (s Line) stabilize() error {
	n := s.Stabilize()
	if s.HasArg("quietly") {
		s.Text.Reset()
		s.Say("(%d messages)", n)
	}
	return nil
}

func (s Line) settle() {
	s.Settle()
	s.Text.Reset()
	s.status()
}

func (s Line) cut(m *Member) error {
	link := [2]node.ID{m.ID}
	if other := s.Member(1); other != nil {
		link[1] = other.ID
	}
	s.Cuts = append(s.Cuts, link)
	return nil
}

func (s Line) end(m *Member) error {
	f := Kept
	if s.Cmd == "power-loss" {
		f = Lost
	}
	s.Stop(m, f)
	if s.Cmd == "wipe" {
		m.Disk = NewMemory()
	}
	return nil
}

func (s Line) restart(m *Member) error {
	if m.Node != nil {
		return fmt.Errorf("%v is up", m.ID)
	}
	if err := s.Start(m, s.HasArg("new")); err != nil {
		s.Say("%v: does not start: %v", m.ID, err)
	}
	return nil
}

func (s Line) disk(m *Member) error {
	m.Disk.Fail = nil
	if s.HasArg("full") {
		m.Disk.FailOn(ErrFull, "create", "append")
	}
	return nil
}

func (s Line) hold(m *Member) error {
	m.Hold = true
	return nil
}

func (s Line) work(m *Member) error {
	if len(m.Work) == 0 {
		return fmt.Errorf("%v has started no work", m.ID)
	}
	at := 0
	if s.HasArg("last") {
		at = len(m.Work) - 1
	}
	work := m.Work[at]
	if s.HasArg("begun") {
		work.Do()
		m.Work[at].Do = nil
		return nil
	}
	m.Work = slices.Delete(m.Work, at, at+1)
	s.End(m, work)
	return nil
}

func (s Line) log(m *Member) error {
	log := m.Log()
	entries, err := log.Fetch(log.First(), log.Last().Index, 1<<20)()
	for _, e := range entries {
		what := machine.Describe(e.Index, e.Record)
		switch {
		case e.Index == 1:
			what = "settings"
		case len(e.Record) == 0:
			what = "the reign begins"
		}
		s.Say("%-8v %s", e.Position, what)
	}
	return err
}

func (s Line) status() {
	s.Say("node  role      epoch  log      synced  committed  applied")
	for _, m := range s.Members {
		if m.Node == nil {
			s.Say("%-5v down", m.ID)
			continue
		}
		st, f := m.Node.Replication.Status(), m.Figures()
		s.Say("%-5v %-9s %-6v %-8v %-7d %-10d %d", m.ID, st.Role, st.Epoch, m.Log().Last(), f.Synced, f.Committed, f.Applied)
		if st.Alarm != "" {
			s.Say("      ALARM: %s", st.Alarm)
		}
		if s.recipe.Status != nil {
			if text := s.recipe.Status(m); text != "" {
				s.Say("      %s", text)
			}
		}
	}
}
