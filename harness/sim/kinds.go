package sim

// Kind is what goes wrong, or what an operator does.
type Kind string

// The kinds of fault. Where nothing else is said, Node is who it happens to, and
// For is how long it lasts or, if a process ends, when it is started again; 0 is
// until everything is healed.
const (
	Kill     Kind = "kill"      // the process ends, and the machine runs on
	Power    Kind = "power"     // the power goes; what was not synced is kept or lost
	PowerAll Kind = "power-all" // that of all nodes at once; they come back one after another, within For
	DiskGone Kind = "disk-gone" // the disk is broken; another one, empty, takes its place after For; 0 is never
	Pause    Kind = "pause"     // the process does nothing
	Rot      Kind = "rot"       // the process ends, and a bit flips in what was safe on its disk

	SlowDisk   Kind = "slow-disk"   // a sync takes Size times as long
	DiskError  Kind = "disk-error"  // Size operations fail, beginning with the Op-th
	DiskFull   Kind = "disk-full"   // likewise, if they need room
	ShortWrite Kind = "short-write" // likewise, if they write; some of it is written
	FailedSync Kind = "failed-sync" // likewise, if they sync; what was to be synced is given up

	Cut      Kind = "cut"       // nothing gets from Node to To
	Split    Kind = "split"     // nothing gets from Node, and Size-1 others, to the rest, nor back
	Bridge   Kind = "bridge"    // two halves cannot reach each other, and Node can reach both
	Deaf     Kind = "deaf"      // nothing gets to Node
	Mute     Kind = "mute"      // nothing gets from Node
	Flap     Kind = "flap"      // nothing gets from Node to To, now and then
	SlowLink Kind = "slow-link" // from Node to others and back everything takes Size times as long
	Loss     Kind = "loss"      // of a thousand messages, Size are lost
	Twice    Kind = "twice"     // of a thousand messages, Size come twice
	Late     Kind = "late"      // of a thousand messages, Size are overtaken by later ones

	LoseRequest Kind = "lose-request" // of a thousand requests of clients, Size are lost
	LoseReply   Kind = "lose-reply"   // of a thousand answers to clients, Size are lost
	LateClients Kind = "late-clients" // of a thousand of both, Size come late

	Drift  Kind = "drift"  // the clock of Node goes by Size millionths too fast or, below 0, too slow
	Freeze Kind = "freeze" // the clock of Node stands still

	Promote  Kind = "promote"  // the operator makes Node the leader, and looks at nothing
	Appoint  Kind = "appoint"  // the operator makes the best of those the leader whom Node cannot reach, and leaves Node alone
	Takeover Kind = "takeover" // the operator replaces the leader, as it ought to be done
	Join     Kind = "join"     // a node that was not there is started; a learner is made known to the leader
)

var kinds = []Kind{
	Kill, Power, PowerAll, DiskGone, Pause, Rot, SlowDisk, DiskError, DiskFull, ShortWrite, FailedSync,
	Cut, Split, Bridge, Deaf, Mute, Flap, SlowLink, Loss, Twice, Late, LoseRequest, LoseReply, LateClients,
	Drift, Freeze, Promote, Appoint, Takeover, Join,
}

// A name says who it happens to: n2, or one of these, as it is at the moment.
const (
	leader   = "leader"   // who leads, in the latest epoch
	follower = "follower" // any other that runs
	laggard  = "laggard"  // of the others, the one whose log is worth least
)
