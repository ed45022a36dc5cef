package sim

import "time"

// clock is what a node takes for the time: it may go too fast or too slow, or
// stand still, and never goes back. All in whole numbers, so that it is the same
// on every machine.
type clock struct {
	since time.Duration // of the world, when it
	read  time.Duration // showed this
	rate  int64         // of a million; 1,000,000 is right, 0 stands still
}

const right = 1_000_000

func newClock(read time.Duration) clock { return clock{read: read, rate: right} }

// at returns what the clock shows at a time of the world.
func (c *clock) at(now time.Duration) time.Duration {
	if c.rate == right {
		return c.read + now - c.since
	}
	return c.read + (now-c.since)*time.Duration(c.rate)/right
}

// when returns the time of the world at which the clock will show t, if it will.
func (c *clock) when(t, now time.Duration) (at time.Duration, ok bool) {
	if t <= c.at(now) {
		return now, true
	}
	if c.rate == 0 || t-c.read > time.Hour {
		return 0, false
	}
	rate := time.Duration(c.rate)
	return c.since + ((t-c.read)*right+rate-1)/rate, true
}

// set lets it go at another rate from now on.
func (c *clock) set(rate int64, now time.Duration) {
	c.read, c.since, c.rate = c.at(now), now, rate
}
