package simdisk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Fate is what a loss of power makes of everything that was not synced: for
// every question that is open, in a fixed order, which of the answers. The
// first answer is always that all of it is lost, the last that it survives.
type Fate []int

// choose answers a question about a name, a length or a sector, of which there
// are n possible answers.
type choose func(about question, n int) int

type question int

const (
	aName question = iota
	aSize
	aSector
)

// decision is a fate in terms of the disk that it is about.
type decision struct {
	names map[string]*inode
	files []remains
	lost  []rename
}

// remains is what is left of one file.
type remains struct {
	name     string
	node     *inode
	size     int64
	versions []string // of the sectors of node that lie below size
}

// decide lets c answer all questions.
func (d *Disk) decide(c choose) decision {
	out := decision{names: d.synced}
	if len(d.pending) > 0 {
		out.names = maps.Clone(d.synced)
	}
	for _, r := range d.pending {
		if r.fits(out.names) && c(aName, 2) == 1 {
			r.apply(out.names)
		} else {
			out.lost = append(out.lost, r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(out.names)) {
		out.files = append(out.files, out.names[name].decide(name, c))
	}
	return out
}

func (n *inode) decide(name string, c choose) remains {
	n.settle()
	out := remains{name: name, node: n, size: n.sizes[0]}
	if lengths := n.lengths(); len(lengths) > 1 {
		out.size = lengths[c(aSize, len(lengths))]
	}
	for _, s := range n.sectors {
		below := out.size - int64(s.index)*Sector
		if below <= 0 {
			break
		}
		states := s.states(min(below, Sector))
		pick := 0
		if len(states) > 1 {
			pick = c(aSector, len(states))
		}
		out.versions = append(out.versions, states[pick])
	}
	return out
}

// lengths returns the lengths that the file may have: first the one that is
// safe, last the one that it has now, between them the others.
func (n *inode) lengths() []int64 {
	safe, now := n.sizes[0], n.sizes[len(n.sizes)-1]
	if len(n.sizes) == 1 {
		return n.sizes
	}
	low, high := slices.Min(n.sizes), slices.Max(n.sizes)
	between := slices.Clone(n.sizes)
	for at := (low/Sector + 1) * Sector; at < high; at += Sector {
		between = append(between, at)
	}
	slices.Sort(between)
	between = slices.DeleteFunc(slices.Compact(between), func(s int64) bool { return s == safe || s == now })
	return append(append([]int64{safe}, between...), now)
}

// states returns the versions of a sector of which n bytes are to be read.
func (s sector) states(n int64) []string {
	states := make([]string, len(s.versions))
	for i, v := range s.versions {
		states[i] = v[:n]
	}
	return slices.Compact(states)
}

// recording returns a choose that also writes down what it chose.
func recording(to *Fate, widths *[]int, c choose) choose {
	return func(about question, n int) int {
		pick := c(about, n)
		*to = append(*to, pick)
		*widths = append(*widths, n)
		return pick
	}
}

// Fates returns the fates that the disk can have now, if there are at most
// limit of them. Otherwise it returns limit of them: the extremes (everything
// lost, everything kept, lengths without bytes, names without files, ends
// without their beginnings) and others that rng draws.
func (d *Disk) Fates(limit int, rng *rand.Rand) (fates []Fate, all bool) {
	fates = d.extremes()
	every := d.enumerate(limit)
	all = len(every) <= limit
	for _, f := range every {
		if all && !holds(fates, f) {
			fates = append(fates, f)
		}
	}
	for tries := 0; !all && len(fates) < limit && tries < 4*limit; tries++ {
		if f := d.fate(func(_ question, n int) int { return rng.IntN(n) }); !holds(fates, f) {
			fates = append(fates, f)
		}
	}
	return fates[:min(limit, len(fates))], all
}

// Draw returns a fate that rng draws, one of the extremes among them as often as
// any other.
func (d *Disk) Draw(rng *rand.Rand) Fate {
	extreme := rng.IntN(4)
	return d.fate(func(_ question, n int) int {
		switch extreme {
		case 0:
			return 0
		case 1:
			return n - 1
		}
		return rng.IntN(n)
	})
}

// Unsynced returns the names of the files of which anything is open: their bytes,
// their length or their name.
func (d *Disk) Unsynced() (names []string) {
	if len(d.open) == 0 && len(d.pending) == 0 {
		return nil
	}
	d.open = slices.DeleteFunc(d.open, (*inode).safe)
	if len(d.open) == 0 && len(d.pending) == 0 {
		return nil
	}
	for name, n := range d.names {
		if !n.safe() || d.synced[name] != n {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// GaveUp says whether a sync has failed, and something that it should have made
// safe is open still.
func (d *Disk) GaveUp() bool {
	for _, n := range d.names {
		if slices.ContainsFunc(n.sectors, func(s sector) bool { return !s.dirty }) {
			return true
		}
	}
	return slices.ContainsFunc(d.pending, func(r rename) bool { return r.stuck })
}

func holds(fates []Fate, f Fate) bool {
	return slices.ContainsFunc(fates, func(g Fate) bool { return slices.Equal(f, g) })
}

// fate returns the fate in which c answers everything.
func (d *Disk) fate(c choose) Fate {
	f, widths := Fate{}, []int{}
	d.decide(recording(&f, &widths, c))
	return f
}

// extremes returns the fates that always have to be tried, each once.
func (d *Disk) extremes() (fates []Fate) {
	last := func(_ question, n int) int { return n - 1 }
	first := func(question, int) int { return 0 }
	sectors := 0
	for _, c := range []choose{
		first,
		last,
		func(about question, n int) int { // an end without its beginning
			if about == aSector {
				sectors++
				if sectors == 1 {
					return 0
				}
			}
			return n - 1
		},
		func(about question, n int) int { // lengths, but no bytes
			if about == aSector {
				return 0
			}
			return n - 1
		},
		func(about question, n int) int { // bytes, but no names
			if about == aName {
				return 0
			}
			return n - 1
		},
	} {
		if f := d.fate(c); !holds(fates, f) {
			fates = append(fates, f)
		}
	}
	return fates
}

// enumerate returns all fates, or more than limit of them. It counts up as an
// odometer does, except that later wheels depend on the earlier ones.
func (d *Disk) enumerate(limit int) (fates []Fate) {
	var prefix Fate
	for {
		f, widths := Fate{}, []int{}
		d.decide(recording(&f, &widths, func(_ question, n int) int {
			if len(f) < len(prefix) {
				return prefix[len(f)]
			}
			return 0
		}))
		fates = append(fates, f)
		i := len(f) - 1
		for i >= 0 && f[i]+1 == widths[i] {
			i--
		}
		if i < 0 || len(fates) > limit {
			return fates
		}
		prefix = append(slices.Clone(f[:i]), f[i]+1)
	}
}

// After returns the disk as it is found after a loss of power with that fate.
// Answers that the fate lacks are the first ones.
func (d *Disk) After(f Fate) *Disk {
	out := New()
	at := map[*inode]*inode{}
	for _, r := range d.decide(f.answer()).files {
		if at[r.node] == nil {
			at[r.node] = r.inode()
		}
		out.names[r.name] = at[r.node]
	}
	out.synced = maps.Clone(out.names)
	return out
}

// answer returns the answers of the fate, one after another.
func (f Fate) answer() choose {
	i := -1
	return func(_ question, n int) int {
		if i++; i < len(f) {
			return min(f[i], n-1)
		}
		return 0
	}
}

// inode makes a file of what is left of one, all of it safe.
func (r remains) inode() *inode {
	content := slices.Clip(r.node.content)
	if r.size != int64(len(content)) || len(r.versions) > 0 {
		content = make([]byte, r.size)
		copy(content, r.node.content)
	}
	for i, v := range r.versions {
		copy(content[r.node.sectors[i].index*Sector:], v)
	}
	return &inode{name: r.name, content: content, sizes: []int64{int64(len(content))}}
}

// LostNames counts the changes of names that the fate undoes.
func (d *Disk) LostNames(f Fate) int { return len(d.decide(f.answer()).lost) }

// Describe says what the fate does to every file that was not synced, a line
// each.
func (d *Disk) Describe(f Fate) (lines []string) {
	decided := d.decide(f.answer())
	var gone []*inode
	for _, r := range decided.lost {
		if r.from == "" {
			gone = append(gone, r.node)
			lines = append(lines, r.node.name+" is gone: its name was not synced")
		} else if !slices.Contains(gone, r.node) {
			lines = append(lines, r.words())
		}
	}
	for _, r := range decided.files {
		if len(r.node.sizes) > 1 || len(r.node.sectors) > 0 {
			lines = append(lines, r.words())
		}
	}
	return lines
}

func (r rename) words() string {
	if r.to == "" {
		return r.from + " is there again: its removal was not synced"
	}
	return fmt.Sprintf("%s is called %s again: its new name was not synced", r.to, r.from)
}

func (r remains) words() string {
	n, now := r.node, int64(len(r.node.content))
	zeros, lost, between, kept := r.sectors()
	whole := len(zeros)+len(lost)+len(between) == 0
	switch {
	case whole && r.size == now:
		return r.name + ": all that was written survives"
	case r.size == n.sizes[0] && r.size < now && len(kept) == 0:
		return fmt.Sprintf("%s: only the %d bytes that were synced survive, of %d", r.name, r.size, now)
	case whole && r.size < now:
		return fmt.Sprintf("%s: the first %d bytes survive, of %d", r.name, r.size, now)
	case whole:
		return fmt.Sprintf("%s: what was cut off is back, it has %d bytes and not %d", r.name, r.size, now)
	}
	text := fmt.Sprintf("%s: %d bytes long", r.name, r.size)
	for _, part := range []struct {
		where []string
		words string
	}{{zeros, "read as zeros"}, {lost, "are as they were before"}, {between, "are as they were for a while"}, {kept, "survive"}} {
		if len(part.where) > 0 {
			text += fmt.Sprintf("; bytes %s %s", strings.Join(part.where, ", "), part.words)
		}
	}
	return text
}

// sectors returns which bytes read as zeros, are as they were when they were
// synced, as they were at some time in between, and as they were written last.
func (r remains) sectors() (zeros, lost, between, kept []string) {
	for i, v := range r.versions {
		s := r.node.sectors[i]
		states := s.states(int64(len(v)))
		safe, last := states[0], states[len(states)-1]
		from := 0
		for from < len(v) && safe[from] == last[from] {
			from++
		}
		at := int64(s.index) * Sector
		where := fmt.Sprintf("%d–%d", at+int64(from), min(at+Sector, r.size)-1)
		switch {
		case len(states) == 1: // nothing was open here
		case v == last:
			kept = append(kept, where)
		case v != safe:
			between = append(between, where)
		case strings.Trim(v[from:], "\x00") == "":
			zeros = append(zeros, where)
		default:
			lost = append(lost, where)
		}
	}
	return zeros, lost, between, kept
}
