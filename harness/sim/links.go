package sim

import (
	"math/rand/v2"
	"time"

	"zeyrho/harness/history"
	"zeyrho/steps/05-replication/node"
)

// outage is what is wrong with some links.
type outage struct {
	w     *world
	links [][2]node.ID // from, to
	slow  int          // how many times as long everything takes; 0: nothing gets through
	on    bool
	over  bool
}

// disconnect breaks links for a while, or makes them slow.
func (w *world) disconnect(h *host, f *Fault) {
	to := w.pick(f.To, f.Draw)
	o := &outage{w: w, links: w.links(h, to, f)}
	if len(o.links) == 0 {
		return
	}
	if f.Kind == SlowLink {
		o.slow = f.Size
	}
	name, text := "", string(f.Kind)+f.strength()
	if f.To != "" {
		name = to.id.String()
	}
	w.count(string(f.Kind), 1)
	w.tell("%s", sentence(h.id.String(), name, text))
	var events []int
	for _, l := range o.links {
		events = append(events, w.event(history.Event{Kind: "fault", Node: l[0].String(), To: l[1].String(), Text: text}))
	}
	o.set(true)
	if f.Kind == Flap {
		o.flap()
	}
	w.lasting(f, func() { o.over = true; o.set(false) }, events...)
}

func (o *outage) set(on bool) {
	if on == o.on {
		return
	}
	o.on = on
	by := 1
	if !on {
		by = -1
	}
	for _, l := range o.links {
		if link := &o.w.net.links[l[0]][l[1]]; o.slow > 0 {
			link.slow += by * o.slow
		} else {
			link.cut += by
		}
	}
}

// flap joins the links and cuts them again, in turn.
func (o *outage) flap() {
	o.w.after(time.Duration(20+o.w.net.rng.IntN(200))*time.Millisecond, func() {
		if !o.over {
			o.set(!o.on)
			o.flap()
		}
	})
}

// links returns the links that a fault is about.
func (w *world) links(h, to *host, f *Fault) (links [][2]node.ID) {
	side := w.side(h, f)
	for _, a := range w.hosts {
		for _, b := range w.hosts {
			hit := false
			switch f.Kind {
			case Cut, Flap:
				hit = a == h && b == to
			case Deaf:
				hit = b == h
			case Mute:
				hit = a == h
			case SlowLink:
				hit = a == h || b == h
			case Split:
				hit = side[a.id] != side[b.id]
			case Bridge:
				hit = a != h && b != h && side[a.id] != side[b.id]
			}
			if hit && a != b {
				links = append(links, [2]node.ID{a.id, b.id})
			}
		}
	}
	return links
}

// side draws who is on the side of h: so many that they are f.Size, or half of
// the others.
func (w *world) side(h *host, f *Fault) []bool {
	size := f.Size
	if f.Kind == Bridge {
		size = len(w.hosts)/2 + 1
	}
	side := make([]bool, len(w.hosts)+1)
	side[h.id] = true
	for _, i := range rand.New(rand.NewPCG(f.Draw, 2)).Perm(len(w.hosts)) {
		if id := w.hosts[i].id; id != h.id && size > 1 {
			side[id] = true
			size--
		}
	}
	return side
}
