package sim

import (
	"fmt"
	"slices"
	"strings"
)

// Scenario is a question put to a step in this world.
type Scenario struct {
	Name     string
	Question string
	// Broken names the columns in which a promise is broken, and the checker that
	// must see it. In all others everything must hold.
	Broken  map[string]string
	Fixed   map[string]string // and the columns that mend it
	Why     string            // what it means, in a sentence
	Refuses bool              // it is allowed to be unavailable
	Stress  bool              // it is not part of the matrix, but for whoever has time
	Judges  []string          // names of promises; see judges
	Needs   []string          // what all seeds together must have come across

	columns []string
	draw    func(*draft)
}

// Columns returns the steps that the question is put to.
func (s Scenario) Columns() []string { return s.columns }

// Scenarios returns all of them.
func Scenarios() []Scenario {
	all := slices.Concat(plainScenarios(), diskScenarios(), leaderScenarios(), costScenarios(), stressScenarios())
	for i := range all {
		if all[i].columns == nil {
			all[i].columns = []string{"05", "06"}
		}
	}
	return all
}

// Find returns the scenario with a name.
func Find(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("sim: no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// Draw draws the plan of a scenario against a column.
func (s Scenario) Draw(column string, seed uint64) (Plan, error) {
	if !slices.Contains(s.columns, column) {
		return Plan{}, fmt.Errorf("sim: %s is not a question for step %s", s.Name, column)
	}
	d := newDraft(s.Name, column, seed)
	s.draw(d)
	return d.done(), nil
}

// later is where what a person does in steps 05 and 06 is done by the nodes.
var later = map[string]string{"05": "07", "06": "07"}

// everything is what is promised where nothing that was acknowledged may be lost.
var everything = strings.Fields("empty undisturbed linearizability durability versions once session liveness replicas convergence")

// without returns the judges but some.
func without(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(everything), func(s string) bool { return slices.Contains(names, s) })
}

func plainScenarios() []Scenario {
	return []Scenario{
		{
			Name: "baseline", Question: "Nothing goes wrong: is a cluster one store?",
			Judges: everything, draw: (*draft).anyAcks,
		},
		{
			Name:     "bad-network",
			Question: "Messages are lost, come twice, too late or for a while not at all, and followers are started again: do all come to hold the same?",
			Judges:   everything, Needs: []string{"loss", "twice", "late", "cut", "flap", "split", "slow-link", "kill", "restarts"},
			draw: func(d *draft) {
				d.anyAcks()
				d.swarm(badLinks, []chance{{kind: Kill, who: follower, most: 3, length: span(50*ms, 2*sec), ops: 20}})
			},
		},
		{
			Name: "one-way-split", Refuses: true,
			Question: "Messages get through in one direction, or by one node only: is anything false said?",
			Judges:   everything, Needs: []string{"cut", "deaf", "mute", "bridge"},
			draw: func(d *draft) { d.anyAcks(); d.swarm(oneWay) },
		},
		{
			Name:     "lost-reply",
			Question: "Answers are lost and clients ask again: is everything done once?",
			Judges:   everything, Needs: []string{"replies lost", "requests lost"},
			draw: func(d *draft) { d.Work.Numbered = 100; d.anyAcks(); d.swarm(badClients, badClients) },
		},
		{
			Name:     "lost-reply-and-kill",
			Question: "Answers are lost, nodes are killed, clients ask again, and another: is everything done once?",
			Judges:   everything, Needs: []string{"replies lost", "kill"},
			draw: func(d *draft) { d.Work.Numbered = 100; d.anyAcks(); d.swarm(badClients, kills) },
		},
		{
			Name:     "clock-jumps",
			Question: "Clocks go too fast, too slow or stand still: does it matter?",
			Judges:   everything, Needs: []string{"drift", "freeze"},
			draw: func(d *draft) { d.anyAcks(); d.swarm(badClocks, badClocks) },
		},
		{
			Name:     "follower-reads",
			Question: "Clients read at followers what they have not seen yet: is it what everybody else sees?",
			Broken:   map[string]string{"05": "linearizability", "06": "linearizability"}, Fixed: later,
			Why:    "A follower shows what it has, and the leader may have gone on. Whoever carries along what they have seen is never shown less: that is what a session is promised, and it holds.",
			Judges: append(without("linearizability"), "linearizability at every node"),
			draw:   func(d *draft) { d.Work.Session, d.Work.Stale = 60, 0; d.swarm(badLinks) },
		},
	}
}

// stressScenarios are for whoever has time.
func stressScenarios() []Scenario {
	return []Scenario{
		{
			Name: "careless", Stress: true,
			Question: "Anybody is made the leader at any time, whatever he lacks: do all come to hold the same in the end, and is nobody shown what is not so?",
			Judges:   strings.Fields("empty undisturbed liveness replicas convergence"), Needs: []string{"appointed", "applied tails cut"},
			draw: (*draft).careless,
		},
		{
			Name: "everything-and-joiners", Stress: true, columns: []string{"06"},
			Question: "All of it at once, while nodes join: is anything lost?",
			Judges:   everything, Needs: []string{"takeovers", "join", "snapshots fetched"},
			draw: (*draft).joiners,
		},
		{
			Name: "everything", Stress: true,
			Question: "All of it at once, and an operator who knows what he does: is anything lost?",
			Judges:   everything, Needs: []string{"takeovers", "tails cut", "torn tails", "ended by the disk"},
			draw: (*draft).allOfIt,
		},
	}
}

func diskScenarios() []Scenario {
	return []Scenario{
		{
			Name:     "kill-restart",
			Question: "Nodes are killed, in the middle of anything, and started again: is everything still there that was acknowledged?",
			Judges:   everything, Needs: []string{"kill", "restarts"},
			draw: func(d *draft) { d.anyAcks(); d.swarm(badLinks, kills, kills, pauses) },
		},
		{
			Name:     "power-loss",
			Question: "The power goes, at one node or at all, at any moment: is everything still there that was acknowledged?",
			Judges:   everything, Needs: []string{"power", "power-all", "torn tails"},
			draw: func(d *draft) { d.anyAcks(); d.swarm(badLinks, powers, powers) },
		},
		{
			Name:     "disk-gone",
			Question: "The leader's disk is gone for good, and an operator makes another node the leader: is everything still there that was acknowledged?",
			Judges:   everything, Needs: []string{"disk-gone", "appointed"},
			draw: (*draft).diskGone,
		},
		{
			Name: "disk-errors", Refuses: true,
			Question: "Disks fail, are full, or slow: is anybody told that something was written which was not?",
			Judges:   everything, Needs: []string{"disk-error", "disk-full", "short-write", "failed-sync", "slow-disk", "ended by the disk"},
			draw: func(d *draft) { d.anyAcks(); d.swarm(badDisks, badDisks) },
		},
		{
			Name: "bit-rot", Refuses: true,
			Question: "A bit flips in what was safely written: does the node say so, and does it come back from the others?",
			Judges:   everything, Needs: []string{"rot", "damage refused"},
			draw: (*draft).bitRot,
		},
		{
			Name: "gray-node", Refuses: true,
			Question: "One node is slow, its disk or its links: are the others held up, and is anything lost?",
			Judges:   append(without(), "gap"), Needs: []string{"slow-disk", "slow-link"},
			draw: (*draft).grayNode,
		},
	}
}

func leaderScenarios() []Scenario {
	stale := "A leader that does not know that it has been replaced still answers reads, from what it had."
	return []Scenario{
		{
			Name:     "leader-dies",
			Question: "The leader is gone for good, and nobody does anything: are writes taken again?",
			Broken:   map[string]string{"05": "liveness", "06": "liveness"}, Fixed: later,
			Why:    "Nothing is lost, and nothing is said that is wrong; but nobody takes the place of the leader until a person says who.",
			Judges: everything, Needs: []string{"disk-gone"},
			draw: func(d *draft) {
				d.Operator = AtLast
				d.at(d.between(sec, 6*sec), Fault{Kind: DiskGone, Node: leader})
				d.swarm(badLinks)
			},
		},
		{
			Name:     "wrong-promotion",
			Question: "The leader is gone for good, and the operator takes the wrong node for its successor: is everything still there that was acknowledged?",
			Broken:   map[string]string{"05": "durability", "06": "durability"}, Fixed: later,
			Why:    "An acknowledgement meant one disk, and that is gone. Of the others one had more than the other, and nobody compared them.",
			Judges: strings.Fields("empty undisturbed durability liveness replicas convergence"), Needs: []string{"disk-gone", "appointed"},
			draw: (*draft).wrongPromotion,
		},
		{
			Name:     "leader-paused",
			Question: "The leader stands still, another node takes its place, and it goes on: does it say what is not true any more?",
			Broken:   map[string]string{"05": "linearizability", "06": "linearizability"}, Fixed: later, Why: stale,
			Judges: without("session", "liveness"), Needs: []string{"pause", "appointed"},
			draw: (*draft).leaderPaused,
		},
		{
			Name:     "split",
			Question: "The network is split, the leader is with the few, and the many get another one: does everybody see the same?",
			Broken:   map[string]string{"05": "linearizability", "06": "linearizability"}, Fixed: later, Why: stale,
			Judges: without("session"), Needs: []string{"split", "appointed"},
			draw: (*draft).splitOff,
		},
	}
}
