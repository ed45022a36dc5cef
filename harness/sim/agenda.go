package sim

import "time"

// agenda is what is still to happen, in a heap: the earliest first, and of what
// happens at the same moment, what was written down first.
type agenda struct {
	events []event
	count  uint64
}

type event struct {
	at    time.Duration
	count uint64
	do    func()
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.count < f.count }

// add writes down that something will happen.
func (a *agenda) add(at time.Duration, do func()) {
	a.count++
	e := event{at, a.count, do}
	a.events = append(a.events, e)
	i := len(a.events) - 1
	for i > 0 {
		above := (i - 1) / 2
		if !e.before(a.events[above]) {
			break
		}
		a.events[i] = a.events[above]
		i = above
	}
	a.events[i] = e
}

// next takes out what happens next.
func (a *agenda) next() event {
	first := a.events[0]
	n := len(a.events) - 1
	e := a.events[n]
	a.events[n] = event{}
	a.events = a.events[:n]
	i := 0
	for {
		below := 2*i + 1
		if below >= n {
			break
		}
		if below+1 < n && a.events[below+1].before(a.events[below]) {
			below++
		}
		if !a.events[below].before(e) {
			break
		}
		a.events[i] = a.events[below]
		i = below
	}
	if n > 0 {
		a.events[i] = e
	}
	return first
}
