package rush

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"

	"zeyrho/steps/04-journal/queue"
)

// sim is the world: a clock, what is still to happen, the queue and the disk.
type sim struct {
	config  Config
	rng     *rand.Rand
	now     time.Duration
	events  events
	count   uint64 // of events, to keep those of one moment in order
	queue   *queue.Queue[*try]
	writing bool // the disk is at work
	ledger  ledger
	samples []Sample
}

// client wants one request to be carried out.
type client struct {
	size     int
	patience time.Duration
	tries    int
	done     bool
}

// try is one asking of a client.
type try struct {
	client *client
	place  *queue.Place[*try]
	since  time.Duration
	over   bool // it was answered, or its client has given it up
}

func newSim(c Config) *sim {
	bounds := c.Queue
	if c.Unbounded {
		bounds = queue.Config{Bytes: math.MaxInt, Wait: math.MaxInt64}
	}
	return &sim{
		config: c, rng: rand.New(rand.NewPCG(c.Seed, 401)), queue: queue.New[*try](bounds),
		ledger: ledger{bounds: bounds}, samples: make([]Sample, c.end()/sampled),
	}
}

// run lets everything happen, up to the end of the last phase.
func (s *sim) run() {
	for i := range s.samples {
		s.samples[i].At = (time.Duration(i+1) * sampled).Seconds()
	}
	s.arrive()
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(event)
		if e.at >= s.config.end() {
			return
		}
		s.now = e.at
		e.do()
		sample := s.sample()
		sample.Queued = max(sample.Queued, s.ledger.bytes)
	}
}

// sample is the present tenth of a second.
func (s *sim) sample() *Sample { return &s.samples[s.now/sampled] }

func (s *sim) clock() time.Time { return time.Unix(0, 0).Add(s.now) }

// after lets something happen when some time has gone by.
func (s *sim) after(d time.Duration, do func()) {
	s.count++
	heap.Push(&s.events, event{s.now + d, s.count, do})
}

// arrive lets the next client come: when, is drawn, at the rate of the present.
func (s *sim) arrive() {
	wait := s.rng.ExpFloat64() / s.config.rate(s.now)
	s.after(time.Duration(wait*float64(time.Second)), func() {
		s.sample().Came++
		c := &client{size: s.config.Size/2 + s.rng.IntN(s.config.Size), patience: s.config.Patience}
		if s.rng.IntN(10) == 0 {
			c.patience /= 4
		}
		s.ask(c)
		s.arrive()
	})
}

// ask lets a client try.
func (s *sim) ask(c *client) {
	c.tries++
	t := &try{client: c, since: s.now}
	place, err := s.queue.Enter(t, c.size, s.clock())
	if err != nil {
		s.refused(t)
		return
	}
	t.place = place
	s.ledger.entered(t, s.now)
	s.after(c.patience, func() { s.giveUp(t) })
	s.wake()
}

// refused lets the client of a try ask again, later.
func (s *sim) refused(t *try) {
	s.sample().Refused++
	t.over = true
	s.askLater(t.client)
}

// askLater waits for longer after each try, and never as long as somebody else.
func (s *sim) askLater(c *client) {
	if c.tries == s.config.Tries {
		return
	}
	pause := min(50*time.Millisecond<<c.tries, time.Second)
	s.after(pause/2+time.Duration(s.rng.Int64N(int64(pause))), func() { s.ask(c) })
}

// giveUp is the end of a client's patience.
func (s *sim) giveUp(t *try) {
	if t.over {
		return
	}
	t.over = true
	s.sample().GaveUp++
	if !s.config.Unbounded && s.queue.Leave(t.place) {
		s.ledger.left(t)
	}
	s.askLater(t.client)
}

// wake lets the disk begin, if it rests and the queue says that there is work.
func (s *sim) wake() {
	for !s.writing {
		select {
		case <-s.queue.Ready():
			s.write()
		default:
			s.ledger.asleep(s.now)
			return
		}
	}
}

// write takes a batch from the queue, and writes it if there is something in it.
func (s *sim) write() {
	work, late := s.queue.Take(s.config.Batch, s.config.BatchBytes, s.clock())
	s.ledger.taken(work, late, s.now)
	for _, t := range late {
		if !t.over {
			s.refused(t)
		}
	}
	if len(work) == 0 {
		return
	}
	s.writing = true
	bytes := 0
	for _, t := range work {
		bytes += t.client.size
	}
	takes := s.config.takes(bytes)
	if at := s.config.stalls(); s.config.Stall > 0 && s.now < at && s.now+takes >= at {
		takes += s.config.Stall
	}
	s.after(takes, func() { s.written(work) })
}

// written answers those who are still waiting.
func (s *sim) written(work []*try) {
	for _, t := range work {
		if t.over || t.client.done {
			s.sample().Wasted++
			continue
		}
		t.over, t.client.done = true, true
		s.sample().Served++
	}
	s.writing = false
	s.wake()
}

// event is something that will happen.
type event struct {
	at    time.Duration
	count uint64
	do    func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].count < e[j].count
}
func (e *events) Push(x any) { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
