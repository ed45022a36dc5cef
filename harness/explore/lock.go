package explore

import (
	"fmt"
	"slices"
	"strings"
)

// RWMutex behaves like a sync.RWMutex, and whoever waits for it waits as a
// task. A writer who waits lets no further readers in; when a writer goes, the
// readers who waited come before the next writer.
//
// Invariants:
//   - If there are readers, the writer, if any, still waits for them to go.
//   - waiting is empty unless there is a writer.
type RWMutex struct {
	w       *World
	name    string
	writer  *Task
	readers []*Task
	waiting []*Task // for reading
}

// NewRWMutex returns a free lock.
func (w *World) NewRWMutex(name string) *RWMutex {
	m := &RWMutex{w: w, name: name}
	w.locks = append(w.locks, m)
	return m
}

// Lock locks m for writing.
func (m *RWMutex) Lock() {
	m.w.step()
	t := m.w.running
	m.until(func() bool { return m.writer == nil })
	m.writer = t
	m.until(func() bool { return len(m.readers) == 0 })
	t.locks++
	t.Logf("locks %s", m.name)
}

// RLock locks m for reading.
func (m *RWMutex) RLock() {
	m.w.step()
	t := m.w.running
	if m.writer == nil {
		m.readers = append(m.readers, t)
	} else {
		m.waiting = append(m.waiting, t)
		m.until(func() bool { return !slices.Contains(m.waiting, t) })
	}
	t.rlocks++
	t.Logf("locks %s to read", m.name)
}

// Unlock unlocks m, which the running task has locked for writing. Unlike a
// sync.RWMutex it panics if another task has.
func (m *RWMutex) Unlock() {
	t := m.w.running
	if t.dead {
		return
	}
	if m.writer != t || len(m.readers) > 0 {
		panic(fmt.Sprintf("%s unlocks %s, which it has not locked", t.Name, m.name))
	}
	t.Logf("unlocks %s", m.name)
	m.release()
	m.w.step()
}

// RUnlock unlocks m, which the running task has locked for reading.
func (m *RWMutex) RUnlock() {
	t := m.w.running
	if t.dead {
		return
	}
	i := slices.Index(m.readers, t)
	if i < 0 {
		panic(fmt.Sprintf("%s unlocks %s, which it has not locked to read", t.Name, m.name))
	}
	t.Logf("unlocks %s", m.name)
	m.readers = slices.Delete(m.readers, i, i+1)
	m.w.step()
}

func (m *RWMutex) release() {
	m.writer = nil
	m.readers = append(m.readers, m.waiting...)
	m.waiting = nil
}

// free takes every trace of t out of the lock, as the kernel does.
func (m *RWMutex) free(t *Task) {
	is := func(o *Task) bool { return o == t }
	m.readers = slices.DeleteFunc(m.readers, is)
	m.waiting = slices.DeleteFunc(m.waiting, is)
	if m.writer == t {
		m.release()
	}
}

// until lets others take their turns until ready; at once if it is.
func (m *RWMutex) until(ready func() bool) {
	if t := m.w.running; !ready() {
		t.Logf("waits for %s", m.name)
		m.w.wait(ready, func() string { return m.state(t) })
	}
}

// state says why t waits for m.
func (m *RWMutex) state(t *Task) string {
	var parts []string
	for _, r := range m.readers {
		parts = append(parts, r.Name+" reads it")
	}
	switch {
	case m.writer == nil, m.writer == t && len(m.readers) > 0:
	case len(m.readers) > 0:
		parts = append(parts, m.writer.Name+" is next")
	default:
		parts = append(parts, m.writer.Name+" has it")
	}
	return fmt.Sprintf("waits for %s (%s)", m.name, strings.Join(parts, ", "))
}
