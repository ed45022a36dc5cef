// Package rush answers: how much does a store get done while more is asked of it
// than it can do, and afterwards?
//
// It lets clients come to a queue, the one that step 04 has before its disk, in
// a world where time is a number: for a while as many as the disk can serve,
// then five times as many, then as few as before. A client that has waited for
// too long gives up and asks again, and one that is refused asks again later.
// So the store itself decides how much is asked of it: what it does for nobody
// comes back as one more request.
//
// Nothing here is real but the queue. The same configuration gives the same
// result, to the letter.
package rush

import (
	"math/rand/v2"
	"time"

	"zeyrho/steps/04-journal/queue"
)

// Config describes a store, its clients, and when they come.
type Config struct {
	Queue      queue.Config
	Batch      int // requests that share a sync at most
	BatchBytes int // and their bytes
	// Unbounded is the store of those who do not think of this: everybody is
	// let in, and who gives up is served all the same.
	Unbounded bool

	Sync      time.Duration // how long the disk takes for a sync
	Bandwidth int           // bytes that it writes in a second
	Stall     time.Duration // once, in the middle of the rush, it stands still for so long

	Size     int           // of a request, in bytes, on average
	Patience time.Duration // of a client, for one try; every tenth has a quarter of it
	Tries    int           // that a client makes, and then it gives up
	Load     float64       // that is asked of the store when it is calm; 1 is all that it can do
	Rush     float64       // how many times as much in the rush
	Phases   [3]time.Duration
	Seed     uint64
}

// Plain is a store of which nothing was drawn.
func Plain(seed uint64) Config {
	return Config{
		Queue: queue.Config{Bytes: 8 << 20, Wait: time.Second}, Batch: 1000, BatchBytes: 4 << 20,
		Sync: 5 * time.Millisecond, Bandwidth: 20 << 20,
		Size: 16 << 10, Patience: 2 * time.Second, Tries: 8, Load: 0.7, Rush: 5,
		Phases: [3]time.Duration{4 * time.Second, 8 * time.Second, 8 * time.Second}, Seed: seed,
	}
}

// Drawn is a store that the seed has drawn. Its disk stands still once.
func Drawn(seed uint64) Config {
	rng := rand.New(rand.NewPCG(seed, 400))
	c := Plain(seed)
	c.Queue.Bytes = []int{1, 4, 8, 32}[rng.IntN(4)] << 20
	c.Batch = []int{20, 100, 1000}[rng.IntN(3)]
	c.Sync = time.Duration(1+rng.IntN(10)) * time.Millisecond
	c.Bandwidth = (10 + rng.IntN(30)) << 20
	c.Size = (8 + rng.IntN(16)) << 10
	c.Patience = time.Duration(1800+rng.IntN(1200)) * time.Millisecond
	c.Stall = 1500 * time.Millisecond
	return c
}

// capacity is how many requests the disk can take in a second, when there are
// always enough of them.
func (c Config) capacity() float64 {
	n := min(c.Batch, c.BatchBytes/c.Size)
	if !c.Unbounded {
		n = max(1, min(n, c.Queue.Bytes/c.Size))
	}
	return float64(n) / c.takes(n*c.Size).Seconds()
}

// takes returns how long the disk is at work on a batch of so many bytes.
func (c Config) takes(bytes int) time.Duration {
	return c.Sync + time.Duration(float64(bytes)/float64(c.Bandwidth)*float64(time.Second))
}

func (c Config) end() time.Duration { return c.Phases[0] + c.Phases[1] + c.Phases[2] }

// stalls is when the disk stands still.
func (c Config) stalls() time.Duration { return c.Phases[0] + c.Phases[1]/2 }

// rate is how many clients come in a second.
func (c Config) rate(at time.Duration) float64 {
	rate := c.Load * c.capacity()
	if at >= c.Phases[0] && at < c.Phases[0]+c.Phases[1] {
		rate *= c.Rush
	}
	return rate
}

// Sample is what happened in a tenth of a second.
type Sample struct {
	At      float64 `json:"at"`      // seconds, of its end
	Came    int     `json:"came"`    // clients
	Served  int     `json:"served"`  // clients that were still waiting: this is the goodput
	Wasted  int     `json:"wasted"`  // requests that were carried out for nobody
	Refused int     `json:"refused"` // tries
	GaveUp  int     `json:"gave_up"` // tries that their client did not wait for any longer
	Queued  int     `json:"queued"`  // bytes in the queue, the most
}

const sampled = 100 * time.Millisecond

// Finding is what is to be said about one promise.
type Finding struct {
	Checker string `json:"checker"`
	OK      bool   `json:"ok"`
	Text    string `json:"text"`
}

// Report is what came of it.
type Report struct {
	Seed     uint64    `json:"seed"`
	Capacity float64   `json:"capacity"` // requests a second
	Findings []Finding `json:"findings"`
	Doubt    string    `json:"doubt,omitempty"` // why this run shows nothing
	Samples  []Sample  `json:"samples"`
}

// Run lets the clients come.
func Run(c Config) *Report {
	s := newSim(c)
	s.run()
	r := &Report{Seed: c.Seed, Capacity: c.capacity(), Samples: s.samples}
	r.judge(s)
	return r
}
