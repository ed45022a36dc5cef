package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"zeyrho/harness/history"
	"zeyrho/harness/real"
)

// worker is a user: it asks, waits for the answer, and asks again. Behind it is
// a client process; if that dies or does not answer, the worker takes a new
// one, as a user would. It is for one goroutine.
type worker struct {
	r    *Run
	ctx  context.Context
	n    int // its number in the run
	rng  *rand.Rand
	rec  *history.Client
	proc *real.Client // nil: the next operation starts one
	asks int          // how many values it has made up
	pad  int          // how much longer than they need be

	// Of a cluster:
	among []int  // the nodes that it knows of, the first it asks first; all, if nil
	level string // of its reads; "" is the freshest
	// traces lets mixed write, with every fourth operation, to a key that nobody
	// else ever writes to: so every one of these writes can be found in the end, or
	// missed, at every node.
	traces bool
}

func (w *worker) name() string { return fmt.Sprintf("client %d", w.n) }

func (r *Run) worker() *worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.bodies)
	w := &worker{r: r, ctx: r.ctx, n: n, rng: rand.New(rand.NewPCG(r.seed, uint64(100+n))), rec: r.rec.Client()}
	_, w.traces = r.sys.(*cluster)
	r.bodies = append(r.bodies, w)
	return w
}

// close ends the worker's process.
func (w *worker) close() {
	if p := w.process(nil); p != nil {
		p.Kill()
	}
}

// process returns the worker's process and puts another in its place.
func (w *worker) process(next *real.Client) *real.Client {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	p := w.proc
	w.proc = next
	return p
}

// current returns the worker's process, or nil.
func (w *worker) current() *real.Client {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return w.proc
}

// client returns the worker's process, and starts one if there is none.
func (w *worker) client() (*real.Client, error) {
	switch p := w.current(); {
	case p != nil && !p.Ended():
		return p, nil
	case p != nil && p.Exit().Signal == 0:
		w.r.lostPatience() // it ended by itself; see crashes
	}
	spec, err := w.r.sys.spec(w)
	if err != nil {
		return nil, err
	}
	p, err := w.r.launchClient(spec)
	if err != nil {
		return nil, err
	}
	w.process(p)
	return p, nil
}

// do asks for op and records it.
func (w *worker) do(op history.Op) history.Op {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	began := time.Now()
	if op.Kind == history.Get || op.Kind == history.Scan {
		op.Level = w.level
	}
	call := w.rec.Begin(op)
	p, err := w.client()
	if err != nil {
		w.r.fail(err)
		return call.End(history.Answer{Outcome: history.Fail, Error: err.Error()})
	}
	a, err := p.Do(ctx, op)
	if err != nil {
		w.r.fail(fmt.Errorf("client %d: %w", w.n, err))
		a.Outcome, a.Error = history.Unknown, err.Error()
		w.close() // nobody can tell what its next answer would be to
	}
	if a.Outcome == history.Unknown && ctx.Err() != nil {
		w.close() // it may still answer, but nobody waits any longer
	}
	if a.Outcome != history.OK && time.Since(began) > time.Second {
		w.r.lostPatience()
	}
	if op.Level != "" && len(w.among) == 1 {
		a.Node = nodeName(w.among[0])
	}
	return call.End(a)
}

// hopeless is how many operations that waited long and in vain, or clients that
// ended by themselves, end a run: its verdict will not get any better.
const hopeless = 8

// lostPatience counts them.
func (r *Run) lostPatience() {
	if r.waited.Add(1) == hopeless {
		r.giveUp(fmt.Errorf("the run was cut short after %d operations that waited in vain, or clients that ended by themselves", hopeless))
	}
}

func (w *worker) get(key string) history.Op {
	return w.do(history.Op{Kind: history.Get, Key: key})
}

// put writes a value; cond is the version that the key must have, nil for any.
func (w *worker) put(key, value string, cond *uint64) history.Op {
	return w.do(history.Op{Kind: history.Put, Key: key, Value: value, If: cond})
}

func (w *worker) delete(key string, cond *uint64) history.Op {
	return w.do(history.Op{Kind: history.Delete, Key: key, If: cond})
}

func (w *worker) scan(prefix, after string, limit int) history.Op {
	return w.do(history.Op{Kind: history.Scan, Key: prefix, After: after, Limit: limit})
}

// everything scans all that there is, page by page.
func (w *worker) everything() {
	for after := ""; ; {
		op := w.scan("", after, 0)
		if op.Outcome != history.OK || !op.More {
			return
		}
		after = op.Items[len(op.Items)-1].Key
	}
}

// more reports whether the worker, who has done that many of n things, has to
// do another: to get to n, or, at an easy pace, because faults are still to come.
func (w *worker) more(done, n int) bool {
	if done >= n && w.r.pending.Load() {
		w.r.idle(5 * time.Millisecond)
	}
	return w.ctx.Err() == nil && (done < n || w.r.pending.Load())
}

// value makes up a value that nobody has written before.
func (w *worker) value() string {
	w.asks++
	return fmt.Sprintf("w%d-%d", w.n, w.asks) + strings.Repeat("+", w.pad)
}

// killClients kills the process of every worker.
func (r *Run) killClients() error {
	r.mu.Lock()
	var procs []*real.Client
	for _, w := range r.bodies {
		if w.proc != nil {
			procs = append(procs, w.proc)
		}
	}
	r.mu.Unlock()
	for _, p := range procs {
		p.Kill()
	}
	return nil
}

// keys returns n keys.
func keys(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("k%d", i)
	}
	return out
}

// mixed is the everyday workload: n operations of every kind on few keys, some
// of the writes on a condition that may or may not hold.
func mixed(n int, keys []string) func(*worker) error {
	return func(w *worker) error {
		seen := map[string]uint64{} // the last version of each key that this worker was told
		for i := 0; w.more(i, n); i++ {
			if w.traces && i%4 == 3 {
				w.put(fmt.Sprintf("only%d-%d", w.n, i), w.value(), nil)
				continue
			}
			key := keys[w.rng.IntN(len(keys))]
			var op history.Op
			switch w.rng.IntN(10) {
			case 0, 1, 2, 3:
				op = w.get(key)
			case 4, 5, 6:
				op = w.put(key, w.value(), nil)
			case 7, 8:
				v := seen[key]
				op = w.put(key, w.value(), &v)
			default:
				op = w.delete(key, nil)
			}
			if op.Outcome == history.OK {
				seen[key] = op.Version
				if op.Status == history.Absent || (op.Kind == history.Delete && op.Status == history.Done) {
					seen[key] = 0
				}
			}
		}
		return w.ctx.Err()
	}
}

// increments adds one to a counter, n times: it reads, adds, and writes on the
// condition that nobody was faster.
func increments(n int, key string) func(*worker) error {
	return func(w *worker) error {
		for done := 0; w.more(done, n); {
			got := w.get(key)
			if got.Outcome != history.OK {
				w.r.idle(time.Millisecond)
				continue
			}
			count := 0
			fmt.Sscan(got.Value, &count)
			if op := w.put(key, fmt.Sprint(count+1), &got.Version); op.Outcome != history.OK || op.Status == history.Done {
				done++
			}
		}
		return w.ctx.Err()
	}
}
