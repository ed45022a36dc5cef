package node

import (
	"errors"
	"fmt"
	"io"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
	"zeyrho/steps/04-journal/machine"
)

// Replica is one copy of the store: a log, how far it is committed, and what the
// committed part of it adds up to. The modules of a node share it. It decides
// nothing: they tell it what to write, what to cut, and what is committed.
//
// Invariants:
//   - applied ≤ committed ≤ Last, and applied ≤ Synced: nobody sees what is not
//     on this disk.
//   - machine has all entries up to applied, in their order, and nothing else.
//   - What is on the disk of the epoch is never behind what was told to anybody:
//     see Node.
//   - Once failed is set, nothing is written any more.
type Replica struct {
	self      ID
	config    ReplicaConfig
	disk      disk.Disk
	lock      io.Closer
	found     journal.Recovery
	reign     reign
	saved     reign // what the disk has of it
	log       *Log
	machine   *machine.Machine  // nil until the settings have been applied
	settings  *machine.Settings // likewise
	committed uint64
	applied   uint64
	bytes     int64 // of log that were applied
	rebuilt   int   // how often the machine had to begin again
	synced    uint64
	syncs     int // both for Figures, as of the last turn
	failed    error
}

// ReplicaConfig says how a replica is kept. A zero means the default.
type ReplicaConfig struct {
	Journal journal.Config
	// NewMap makes the map that commands are applied to.
	NewMap func() machine.Map
	// Origin returns what the log goes on from, if it does not begin with the
	// first entry; Forget removes that, for good. They may be nil: then it does.
	Origin func() (Origin, error)
	Forget func() error
	// Other is shown every applied record that package machine does not know,
	// and returns whether somebody does. It may be nil.
	Other func(Entry) bool
}

// Origin is what the entries up to a position add up to. The zero Origin is
// nothing at all.
type Origin struct {
	At       Position
	Machine  *machine.Machine
	Settings machine.Settings
}

// OpenReplica opens the replica that is on d, or makes an empty one. What of the
// log is committed it does not know: somebody has to tell.
func OpenReplica(self ID, d disk.Disk, c ReplicaConfig) (*Replica, error) {
	lock, err := d.Lock()
	if err != nil {
		return nil, err
	}
	r := &Replica{self: self, config: c, disk: d, lock: lock}
	if r.reign, err = loadReign(d); err == nil {
		err = r.load()
	}
	r.saved = r.reign
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.note()
	// The end of the log may be of an epoch that began just before the power went.
	r.reign = r.reign.after(r.log.Last().Epoch, self)
	return r, nil
}

// after is what a node has heard of when it also knows epoch e.
func (r reign) after(e Epoch, self ID) reign {
	if e <= r.epoch {
		return r
	}
	return reign{epoch: e}
}

// load finds out what is on the disk.
func (r *Replica) load() error {
	o, err := r.origin()
	if err == nil {
		r.log, r.found, err = openLog(r.disk, r.config.Journal, o.At)
	}
	if err == nil {
		r.begin(o)
	}
	return err
}

func (r *Replica) origin() (Origin, error) {
	if r.config.Origin == nil {
		return Origin{}, nil
	}
	return r.config.Origin()
}

// begin makes o what has been applied, and nothing else.
func (r *Replica) begin(o Origin) {
	r.machine, r.settings = o.Machine, nil
	if o.Machine != nil {
		r.settings = &o.Settings
	}
	r.committed, r.applied = o.At.Index, o.At.Index
}

// restart begins to apply the log again, from where it begins, because what was
// applied above last is not part of the history any more. If where it begins is
// above last, too, nothing is left: the leader has the rest.
func (r *Replica) restart(last uint64) error {
	r.rebuilt++
	o, err := r.origin()
	if err == nil && o.At.Index > last {
		o = Origin{}
		if err = r.log.reset(Position{}); err == nil { // first: a log without its beginning is of no use to anybody
			err = r.config.Forget()
		}
	}
	if err == nil {
		r.begin(o)
	}
	return err
}

// Install makes o what this replica holds, instead of all that it held.
func (r *Replica) Install(o Origin) error {
	err := r.saveReign() // as in CutBack
	if err == nil {
		err = r.log.reset(o.At)
	}
	if err != nil {
		r.failed = err
		return err
	}
	r.begin(o)
	return nil
}

// CutFront lets the log begin behind index, which must not be above what Origin
// returns.
func (r *Replica) CutFront(index uint64) error {
	err := r.log.cutFront(index)
	if errors.Is(err, journal.ErrFailed) {
		r.failed = err
	}
	return err
}

// Self returns who this is.
func (r *Replica) Self() ID { return r.self }

// Log returns the log, to read it.
func (r *Replica) Log() *Log { return r.log }

// Found says what was there when the replica was opened.
func (r *Replica) Found() journal.Recovery { return r.found }

// Epoch returns the latest epoch that the node has heard of, and whether it
// leads it.
func (r *Replica) Epoch() (e Epoch, leads bool) { return r.reign.epoch, r.reign.leads }

// Enter makes e the latest epoch, which must be later than the one before. With
// leads, this node leads it.
func (r *Replica) Enter(e Epoch, leads bool) { r.reign = reign{e, leads} }

// Abdicate makes the node lead no longer, though its epoch goes on.
func (r *Replica) Abdicate() { r.reign.leads = false }

// Settings returns what the history began with, once that is known.
func (r *Replica) Settings() (s machine.Settings, known bool) {
	if r.settings != nil {
		return *r.settings, true
	}
	return r.readSettings()
}

// Identity returns the name that the history was given when it began, or "" as
// long as that is not known: two logs with different ones have nothing in
// common.
func (r *Replica) Identity() string {
	s, _ := r.Settings()
	return s.Incarnation
}

// readSettings looks at the first entry, which may not be committed yet. It keeps
// nothing of it: several may look at once.
func (r *Replica) readSettings() (s machine.Settings, known bool) {
	entries, ok := r.log.Read(1, 1, 0)
	if !ok {
		entries, _ = r.log.Fetch(1, 1, 0)() // if that fails, so will what comes next
	}
	if len(entries) == 0 {
		return s, false
	}
	s, err := machine.ReadSettings(entries[0].Record)
	return s, err == nil
}

// Append adds an entry of epoch e to the log. It is written at the end of the
// turn.
func (r *Replica) Append(e Epoch, record []byte) Position { return r.log.append(e, record) }

// CutBack removes the entries above last. If some of them had been applied, the
// machine begins again with the first entry: a map cannot go back. That takes
// as long as a start does.
func (r *Replica) CutBack(last uint64) error {
	committed := min(r.committed, last)
	err := r.saveReign() // lest it lead again with fewer entries than it had
	if err == nil {
		err = r.log.cutBack(max(last, r.log.base.Index))
	}
	if err == nil && r.applied > last {
		err = r.restart(last)
	}
	if err != nil {
		r.failed = err
		return err
	}
	r.committed = max(r.applied, min(committed, r.log.Last().Index))
	return nil
}

// Commit says that the entries up to index are committed.
func (r *Replica) Commit(index uint64) {
	r.committed = max(r.committed, min(index, r.log.Last().Index))
}

// Committed returns the index of the last entry that is known to be committed.
func (r *Replica) Committed() uint64 { return r.committed }

// Applied returns the position of the last entry that was applied.
func (r *Replica) Applied() Position {
	e, _ := r.log.EpochAt(r.applied)
	return Position{r.applied, e}
}

// entryBytes is about what an entry takes in the log beside its record.
const entryBytes = 24

// AppliedBytes returns about how many bytes of log were applied since the replica
// was opened, those that were applied again counted again. It never falls.
func (r *Replica) AppliedBytes() int64 { return r.bytes }

// Machine returns what the applied entries add up to, or nil if nothing has been
// applied yet. It is to be read only.
func (r *Replica) Machine() *machine.Machine { return r.machine }

// applyBytes bounds what is applied in a turn: a node that has much to catch up
// with must not be deaf meanwhile.
const applyBytes = 4 << 20

// Apply applies what is committed and synced, up to a limit, and shows every
// answer to each. It reports whether there is more.
func (r *Replica) Apply(each func(Position, machine.Answer)) (more bool, err error) {
	to := min(r.committed, r.log.Synced())
	if r.applied >= to {
		return false, nil
	}
	entries, ok := r.log.Read(r.applied+1, to, applyBytes)
	if !ok {
		if entries, err = r.log.Fetch(r.applied+1, to, applyBytes)(); err != nil {
			r.failed = err
			return false, err
		}
	}
	for _, e := range entries {
		a, err := r.apply(e)
		if err != nil {
			r.failed = fmt.Errorf("entry %v: %w", e.Position, err)
			return false, r.failed
		}
		r.applied, r.bytes = e.Index, r.bytes+int64(len(e.Record))+entryBytes
		each(e.Position, a)
	}
	return r.applied < to, nil
}

func (r *Replica) apply(e Entry) (a machine.Answer, err error) {
	switch {
	case e.Index == 1:
		s, err := machine.ReadSettings(e.Record)
		if err == nil {
			r.machine, r.settings = machine.New(s, r.config.NewMap()), &s
		}
		return a, err
	case len(e.Record) == 0, r.config.Other != nil && r.config.Other(e):
		return a, nil
	}
	q, err := machine.ReadRequest(e.Record)
	if err != nil {
		return a, err
	}
	return r.machine.Apply(e.Index, q), nil
}

// dirty says whether anything has to be made safe.
func (r *Replica) dirty() bool { return r.reign != r.saved || r.log.Synced() < r.log.written }

// sync makes everything safe that was written, the epoch first.
func (r *Replica) sync() error {
	if r.failed != nil {
		return r.failed
	}
	if r.failed = r.saveReign(); r.failed == nil {
		r.failed = r.log.journal.Sync()
	}
	return r.failed
}

// flush writes what was appended to the log in this turn, and before it the epoch
// in which that was. An error means that it is not there, and cannot come back;
// if that is not sure, the replica has failed.
func (r *Replica) flush() error {
	if r.failed != nil || r.log.written == r.log.Last().Index {
		return nil
	}
	if r.failed = r.saveReign(); r.failed != nil {
		return nil
	}
	err := r.log.flush()
	if errors.Is(err, journal.ErrFailed) {
		r.failed, err = err, nil
	}
	return err
}

// saveReign writes down the epoch: nothing that is done in it may outlive the
// promise that the node has given with it.
func (r *Replica) saveReign() error {
	if r.reign == r.saved {
		return nil
	}
	if err := r.reign.save(r.disk); err != nil {
		return fmt.Errorf("write down epoch %v: %w", r.reign.epoch, err)
	}
	r.saved = r.reign
	return nil
}

// note keeps what Figures says of the disk.
func (r *Replica) note() { r.synced, r.syncs = r.log.Synced(), r.log.journal.Syncs() }

// unwritten is told that the end of the log could not be written.
func (r *Replica) unwritten() {
	r.committed = min(r.committed, r.log.Last().Index)
}

// Fail ends the replica, and the node with it, because of what was found on its
// disk.
func (r *Replica) Fail(why error) { r.failed = why }

// Figures are numbers about a replica.
type Figures struct {
	First, Last, Synced, Committed, Applied uint64
	Epoch                                   Epoch
	Keys, Sessions, Syncs, Rebuilt          int
}

// Figures returns them as they are now; what concerns the disk, as it was when the
// last turn ended, for there may be a sync under way: see Loop.Look.
func (r *Replica) Figures() Figures {
	f := Figures{
		First: r.log.First(), Last: r.log.Last().Index, Synced: min(r.synced, r.log.Last().Index), Committed: r.committed, Applied: r.applied,
		Epoch: r.reign.epoch, Syncs: r.syncs, Rebuilt: r.rebuilt,
	}
	if r.machine != nil {
		f.Keys, f.Sessions = r.machine.Len(), r.machine.Sessions()
	}
	return f
}

// Close closes the replica. It syncs nothing.
func (r *Replica) Close() error {
	var err error
	if r.log != nil && r.log.journal != nil {
		err = r.log.journal.Close()
	}
	return errors.Join(err, r.lock.Close())
}
