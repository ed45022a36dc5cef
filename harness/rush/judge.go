package rush

import (
	"fmt"
	"slices"
	"time"

	"zeyrho/steps/04-journal/queue"
)

// ledger is a second account of who is in the queue, by somebody who does not
// trust it. It keeps the first thing that is wrong, for each checker.
type ledger struct {
	bounds queue.Config
	line   []*try
	bytes  int
	most   int // bytes, ever
	late   int // tries that were refused because they had waited for too long
	leave  int // tries that were given up in the queue
	wrong  map[string]string
}

func (l *ledger) blame(checker, format string, args ...any) {
	if l.wrong == nil {
		l.wrong = map[string]string{}
	}
	if l.wrong[checker] == "" {
		l.wrong[checker] = fmt.Sprintf(format, args...)
	}
}

func (l *ledger) entered(t *try, now time.Duration) {
	if len(l.line) > 0 {
		if waited := now - l.line[0].since; waited > l.bounds.Wait {
			l.blame("late", "at %v somebody was let in, although the first in line had waited for %v already", now, waited)
		}
	}
	l.line = append(l.line, t)
	l.bytes += t.client.size
	l.most = max(l.most, l.bytes)
	if l.bytes > l.bounds.Bytes && len(l.line) > 1 {
		l.blame("bounds", "at %v there were %d bytes in the queue, and the bound is %d", now, l.bytes, l.bounds.Bytes)
	}
}

// left notes that a try was given up in time, as the queue has said.
func (l *ledger) left(t *try) {
	l.leave++
	if !l.remove(t) {
		l.blame("abandoned", "the queue says that somebody left it who was not in it any more")
	}
}

func (l *ledger) remove(t *try) bool {
	at := slices.Index(l.line, t)
	if at < 0 {
		return false
	}
	l.line = slices.Delete(l.line, at, at+1)
	l.bytes -= t.client.size
	return true
}

// taken notes what the queue has handed out.
func (l *ledger) taken(work, late []*try, now time.Duration) {
	for _, t := range late {
		l.late++
		if !l.remove(t) {
			l.blame("abandoned", "at %v somebody was refused as late who was not in the queue any more", now)
		}
	}
	for _, t := range work {
		waited := now - t.since
		switch {
		case len(l.line) > 0 && l.line[0] != t && slices.Contains(l.line, t):
			l.blame("order", "at %v somebody was served before those who had come earlier", now)
		case waited > l.bounds.Wait:
			l.blame("late", "at %v a request was carried out that had waited for %v, and the bound is %v", now, waited, l.bounds.Wait)
		}
		if !l.remove(t) {
			l.blame("abandoned", "at %v a request was carried out whose client had left the queue", now)
		}
	}
}

// asleep is told that the disk rests, because the queue says that there is
// nothing to do.
func (l *ledger) asleep(now time.Duration) {
	if len(l.line) > 0 {
		l.blame("order", "at %v the disk rests, and %d are in line", now, len(l.line))
	}
}

// judge says what became of each promise.
func (r *Report) judge(s *sim) {
	c, l := s.config, &s.ledger
	kept := func(checker, format string, args ...any) {
		text := l.wrong[checker]
		if text == "" {
			text = fmt.Sprintf(format, args...)
		}
		r.Findings = append(r.Findings, Finding{checker, l.wrong[checker] == "", text})
	}
	kept("bounds", "there were at most %d bytes in the queue; the bound is %d", l.most, l.bounds.Bytes)
	kept("abandoned", "%d requests were given up while they were in the queue, and none of them was carried out", l.leave)
	kept("late", "%d requests were refused because they had waited for longer than %v", l.late, l.bounds.Wait)
	kept("order", "who came first was served first, and nobody was forgotten")
	r.Findings = append(r.Findings, r.goodput(c), r.recovery(c))
	refused, gaveUp := 0, 0
	for _, x := range r.Samples {
		refused, gaveUp = refused+x.Refused, gaveUp+x.GaveUp
	}
	switch {
	case c.Unbounded:
	case refused == 0:
		r.Doubt = "nobody was refused"
	case c.Stall > 0 && (l.late == 0 || gaveUp == 0):
		r.Doubt = "the disk stood still, and nobody waited for too long"
	}
}

// goodput asks what was done for those who waited, during the rush.
func (r *Report) goodput(c Config) Finding {
	got := r.served(c.Phases[0], c.Phases[0]+c.Phases[1])
	could := r.Capacity * (c.Phases[1] - c.Stall).Seconds()
	return Finding{"goodput", float64(got) >= 0.7*could, fmt.Sprintf(
		"in the rush %d clients were served while they waited, %.0f %% of what the disk could do; 70 %% are asked", got, 100*float64(got)/could)}
}

// recovery asks whether, a second after the rush, everybody is served again who
// comes.
func (r *Report) recovery(c Config) Finding {
	const window = time.Second
	for at := c.Phases[0] + c.Phases[1] + time.Second; at+window <= c.end(); at += window {
		got, came := r.served(at, at+window), r.came(at, at+window)
		if float64(got) < 0.9*float64(came) {
			return Finding{"recovery", false, fmt.Sprintf("%v after the rush, %d clients came in a second and %d were served",
				at-c.Phases[0]-c.Phases[1], came, got)}
		}
	}
	return Finding{"recovery", true, "a second after the rush everybody was served again"}
}

func (r *Report) served(from, to time.Duration) (n int) {
	for _, s := range r.Samples[from/sampled : to/sampled] {
		n += s.Served
	}
	return n
}

func (r *Report) came(from, to time.Duration) (n int) {
	for _, s := range r.Samples[from/sampled : to/sampled] {
		n += s.Came
	}
	return n
}
