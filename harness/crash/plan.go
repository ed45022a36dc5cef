package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"zeyrho/harness/simdisk"
)

// Plan is a workload, and what is to go wrong in it. It is data: whoever runs
// it gets the same.
type Plan struct {
	What        string  `json:"what"` // power, errors, rot or lying-sync
	Sync        string  `json:"sync"` // batch, interval or never
	Seed        uint64  `json:"seed"` // of what is drawn while it runs: fates
	SegmentSize int64   `json:"segment_size"`
	Sessions    int     `json:"sessions"` // for which there is room
	Batches     []Batch `json:"batches"`

	// Faults are errors of the disk. They are counted by the operations of the
	// process that they hit; see Ends.
	Faults []Fault `json:"faults,omitempty"`
	// Ends say how each process comes to its end, and that another one is
	// started then. If there are none, every moment and every way is tried.
	Ends []End `json:"ends,omitempty"`
}

// Batch is what the store is asked for in one go.
type Batch struct {
	Requests []Request `json:"requests"`
	Sync     bool      `json:"sync,omitempty"` // the store is told to sync afterwards
}

// Request is what one client asks for.
type Request struct {
	Client   int    `json:"client"`             // A is 0
	Do       string `json:"do"`                 // open (a session), put, delete, again (the last numbered one)
	Key      string `json:"key,omitempty"`      //
	Value    string `json:"value,omitempty"`    // a name for it, which is also how it begins
	Size     int    `json:"size,omitempty"`     // its length
	If       string `json:"if,omitempty"`       // absent, now (the version that was acknowledged last) or never
	Numbered bool   `json:"numbered,omitempty"` // within the session of the client
}

// Fault is something that goes wrong with one process' disk.
type Fault struct {
	Process int `json:"process"` // 0 is the first
	simdisk.Fault
}

// End is how a process ends.
type End struct {
	Before int          `json:"before"`         // the disk operation that does not happen any more; -1: it runs on
	Kill   bool         `json:"kill,omitempty"` // only the process ends, and the machine runs on
	Fate   simdisk.Fate `json:"fate,omitempty"` // of what was not synced, if the power goes
	Rot    *Rot         `json:"rot,omitempty"`  // and what happens to the disk while nobody looks
}

// Policies of syncing, as they are named in plans.
const (
	Batchwise = "batch"    // every batch is synced before it is answered
	Interval  = "interval" // now and then
	Never     = "never"    // it is left to the operating system
)

func name(client int) string { return string(rune('A' + client)) }

// String says what the client asks for.
func (r Request) String() string {
	text := ""
	switch r.Do {
	case "open":
		return name(r.Client) + " opens a session"
	case "again":
		return name(r.Client) + " sends its last request again"
	case "put":
		text = fmt.Sprintf("%s puts %s = %q", name(r.Client), r.Key, r.Value)
		if r.Size > len(r.Value) {
			text += fmt.Sprintf("… (%d bytes)", r.Size)
		}
	case "delete":
		text = fmt.Sprintf("%s deletes %s", name(r.Client), r.Key)
	}
	switch r.If {
	case "absent":
		text += " if it is absent"
	case "now":
		text += " if it has not changed"
	case "never":
		text += " on a condition that cannot hold"
	}
	if r.Numbered {
		text += " (numbered)"
	}
	return text
}

// value returns the bytes of a put: its name, filled up.
func (r Request) value() string {
	return r.Value + strings.Repeat(".", max(0, r.Size-len(r.Value)))
}

const (
	clients = 3
	oneFile = 1 << 20 // a size of segments that takes every workload
)

// draw makes a workload of so many batches.
func draw(what, policy string, seed uint64, batches int) Plan {
	rng := rand.New(rand.NewPCG(seed, 100))
	p := Plan{What: what, Sync: policy, Seed: seed, Sessions: clients + 2, SegmentSize: 700 + rng.Int64N(1200)}
	count := make([]int, clients) // of the values of each client
	for i := range batches {
		var b Batch
		for _, client := range rng.Perm(clients)[:1+rng.IntN(clients)] {
			r := Request{Client: client}
			switch {
			case count[client] == 0:
				r.Do = "open"
			case rng.IntN(12) == 0:
				r.Do = "again"
			default:
				r = drawWrite(rng, client, count[client])
			}
			count[client]++
			b.Requests = append(b.Requests, r)
		}
		b.Sync = policy == Interval && i%3 == 2
		p.Batches = append(p.Batches, b)
	}
	return p
}

func drawWrite(rng *rand.Rand, client, n int) Request {
	r := Request{Client: client, Do: "put", Key: fmt.Sprintf("k%d", 1+rng.IntN(5)), Numbered: rng.IntN(2) == 0}
	switch rng.IntN(10) {
	case 0:
		r.If = "absent"
	case 1, 2:
		r.If = "now"
	case 3:
		r.If = "never"
	}
	if rng.IntN(6) == 0 {
		r.Do = "delete"
		return r
	}
	r.Value = fmt.Sprintf("%s%d", name(client), n)
	switch rng.IntN(8) {
	case 0:
		r.Size = 600 + rng.IntN(900) // more than a sector
	case 1, 2:
		r.Size = 200 + rng.IntN(300)
	default:
		r.Size = 10 + rng.IntN(40)
	}
	return r
}

// faults returns those that hit a process.
func (p Plan) faults(process int) (out []simdisk.Fault) {
	for _, f := range p.Faults {
		if f.Process == process {
			out = append(out, f.Fault)
		}
	}
	return out
}

// copy returns a plan that shares nothing that is changed with p.
func (p Plan) copy() Plan {
	p.Batches = slices.Clone(p.Batches)
	for i := range p.Batches {
		p.Batches[i].Requests = slices.Clone(p.Batches[i].Requests)
	}
	p.Faults, p.Ends = slices.Clone(p.Faults), slices.Clone(p.Ends)
	return p
}

// Requests counts the requests of the plan.
func (p Plan) Requests() (n int) {
	for _, b := range p.Batches {
		n += len(b.Requests)
	}
	return n
}
