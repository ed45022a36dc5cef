package crash

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"zeyrho/harness/simdisk"
	"zeyrho/steps/04-journal/journal"
)

// RotKind is what becomes of bytes that were safe.
type RotKind string

// The kinds of rot.
const (
	Flipped RotKind = "a bit flips"
	Zeroed  RotKind = "a sector reads as zeros"
	Short   RotKind = "a file is cut short"
	Missing RotKind = "a file is missing"
)

// Rot is damage that no loss of power does.
type Rot struct {
	Kind RotKind `json:"kind"`
	File string  `json:"file"`
	At   int64   `json:"at"` // offset in the file; where it is cut
	Bit  int     `json:"bit,omitempty"`
	// Spared is how many requests must be there even if the store takes the
	// damage for the torn end of a journal; -1 if it may not do that.
	Spared int `json:"spared"`
}

// String says what is damaged.
func (r Rot) String() string {
	switch r.Kind {
	case Flipped:
		return fmt.Sprintf("bit %d of byte %d of %s flips", r.Bit, r.At, r.File)
	case Zeroed:
		return fmt.Sprintf("%d bytes of %s from offset %d on read as zeros", simdisk.Sector, r.File, r.At)
	case Short:
		return fmt.Sprintf("%s is cut short, to %d bytes", r.File, r.At)
	}
	return r.File + " is missing"
}

func (r Rot) apply(d *simdisk.Disk) {
	switch r.Kind {
	case Flipped:
		d.Flip(r.File, r.At, r.Bit)
	case Zeroed:
		d.Zero(r.File, r.At, r.At+simdisk.Sector)
	case Short:
		d.CutTo(r.File, r.At)
	case Missing:
		d.Forget(r.File)
	}
}

// frame is where the journal has written down a batch.
type frame struct {
	file     string
	at, end  int64
	requests int // in the log before it
}

// tryRot damages, one after another, everything that was safely written: every
// byte, every sector, every file. The store must say so, loudly, and touch
// nothing. There is one exception, and it is counted: damage at the very end of
// the last file cannot be told from a commit that was never completed.
//
// It does so twice: with segments of the size that the plan has, and with one
// that takes everything, so that there are frames with others behind them.
func tryRot(x *explorer) {
	plain := x.plan
	for _, size := range []int64{plain.SegmentSize, oneFile} {
		p := plain.copy()
		p.SegmentSize = size
		if x.plan = &p; x.failure == nil && (size == oneFile || plain.SegmentSize != oneFile) {
			x.rotAll()
		}
	}
	x.plan = plain
}

func (x *explorer) rotAll() {
	x.limits = limits{from: math.MaxInt, to: 1, ends: []End{}}
	x.explore()
	p := x.first
	if x.failure != nil {
		return
	}
	end := simdisk.Op{N: len(p.disk.Trace) + 1}
	p.endAs(end, End{Before: end.N}) // whole, to begin with
	if x.failure != nil {
		return
	}
	rng := rand.New(rand.NewPCG(x.plan.Seed, 400))
	for _, r := range p.rots(rng) {
		p.endAs(end, End{Before: end.N, Rot: &r})
	}
}

// rots lists the damage that is to be done.
func (p *process) rots(rng *rand.Rand) (all []Rot) {
	for _, file := range p.disk.Names() {
		size := int64(len(p.disk.Bytes(file)))
		for at := range size {
			all = append(all, Rot{Flipped, file, at, rng.IntN(8), p.spared(file, at, at+1)})
		}
		for at := int64(0); at < size; at += simdisk.Sector {
			all = append(all, Rot{Zeroed, file, at, 0, p.spared(file, at, at+simdisk.Sector)})
		}
		for _, at := range p.cuts(file, size) {
			all = append(all, Rot{Short, file, at, 0, p.spared(file, at, size)})
		}
		all = append(all, Rot{Missing, file, 0, 0, p.spared(file, 0, size)})
	}
	return all
}

// spared returns how many requests stand before the first frame that damage
// between two offsets of a file hits, if there is no frame behind it that could
// bear witness. Otherwise it returns -1.
func (p *process) spared(file string, from, to int64) int {
	names := p.disk.Names()
	if file != names[len(names)-1] {
		return -1
	}
	first := -1
	for _, f := range p.frames {
		switch {
		case f.file != file || f.end <= from:
		case f.at >= to:
			return -1
		case first < 0:
			first = f.requests
		}
	}
	return first
}

// cuts returns sizes to which a file may be cut short: at the boundaries of
// frames, and in the middle of them.
func (p *process) cuts(file string, size int64) (sizes []int64) {
	sizes = []int64{0, 1, 31, 32}
	for _, f := range p.frames {
		if f.file == file {
			sizes = append(sizes, f.at, f.at+5, (f.at+f.end)/2)
		}
	}
	slices.Sort(sizes)
	return slices.DeleteFunc(slices.Compact(sizes), func(s int64) bool { return s >= size })
}

// rotten is a process that starts on a damaged disk.
func (p *process) rotten(r Rot) {
	before := p.contents()
	if p.tryOpen(); p.engine == nil {
		p.refusal(r, before)
		return
	}
	items, b := p.items(), p.book
	n := int(p.engine.Stats().Last) - 1
	p.x.mix(fmt.Sprint(r, n))
	whole := n == len(b.log) && slices.Equal(items, b.states[n].items)
	excused := r.Spared >= 0 && n >= r.Spared && n <= len(b.log) && slices.Equal(items, b.states[n].items)
	switch {
	case whole:
		p.x.report.Kinds["harmless"]++
	case excused:
		p.x.report.Coverage.Confessed++
	default:
		_, reason := b.explain(n, len(b.log), items)
		p.fail("refusal", "%s, and the store opens as if nothing had happened: %s", r, reason)
	}
}

// refusal looks at how the store refused to open.
func (p *process) refusal(r Rot, before string) {
	text := fmt.Sprint(p.refused)
	p.x.mix(text)
	p.x.tell("the store does not open: %s", text)
	switch {
	case !errors.Is(p.refused, journal.ErrDamaged):
		p.fail("refusal", "%s, and the store does not open, but does not say that it is damaged: %s", r, text)
	case !r.located(text):
		p.fail("refusal", "%s, and the store does not say where it is damaged: %s", r, text)
	case before != p.contents():
		p.fail("refusal", "%s, and the store refuses to open, but not without changing something first", r)
	}
}

// located says whether a refusal says where the damage is: at which offset of
// which file. What is not there shows only in what comes after it, by the entry
// with which that begins.
func (r Rot) located(text string) bool {
	switch r.Kind {
	case Missing, Short:
		return strings.Contains(text, "entry")
	}
	return strings.Contains(text, r.File) && strings.Contains(text, "offset")
}

// contents returns all names and bytes of the disk.
func (p *process) contents() string {
	var b strings.Builder
	for _, name := range p.disk.Names() {
		b.WriteString(name)
		b.Write(p.disk.Bytes(name))
	}
	return b.String()
}
