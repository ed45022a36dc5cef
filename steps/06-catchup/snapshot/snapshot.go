// Package snapshot answers: what can one throw the log away for?
//
// For what it adds up to: the machine as it is after an entry, on the disk. Who
// has that needs nothing of the log before it, and neither does anybody whom he
// gives it to. So a snapshot holds all that the next entries depend on: the map,
// and also who asked for what last, which node is in the cluster, and in which
// epoch the entry was written, because that is what the next one is compared
// with. What were left out would be forgotten with the log.
//
// A snapshot comes from a frozen map (see package tree) and so is that of one
// moment, though it takes seconds to write. It is a file that is there as a whole
// or not at all. A later one takes its place. When Publish has returned, and no
// sooner, the log up to its entry may go.
//
// A snapshot is made for one's own next start, and to be sent: Source gives it
// out by chunks, and Incoming puts chunks together, over restarts, and never
// those of two snapshots.
//
// What is long, and may be done where it is in nobody's way: Write, Check, Verify
// and Load. Meanwhile all else may be done in the directory, except that one
// Write runs at a time, and an Incoming is for one goroutine. What decides which
// snapshot there is takes a few milliseconds: the two Publish. So it is done when
// it is known whether that snapshot is still wanted, and in one step with what
// hangs on it.
package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/tree"
)

// Label says what a snapshot is of.
type Label struct {
	node.Position // of the last entry that is in it
	Settings      machine.Settings
	Members       []Member // of the cluster, after that entry
}

// Member is a node of the cluster.
type Member struct {
	ID        node.ID
	Peer, URL string // where other nodes, and clients, find it
	Learner   bool   // it is still being told, and does not count
}

// State is what a snapshot is written from. Nobody may change it meanwhile.
type State struct {
	Label
	Sessions session.State
	Map      *tree.Frozen
}

// Restored is what a snapshot is read into. Log and machine go on from there.
type Restored struct {
	Label
	Sessions *session.Table
	Map      *tree.Map
}

// Errors of snapshots.
var (
	// ErrDamaged is wrapped when a snapshot is not as it was written. The error
	// says where, and what can be done.
	ErrDamaged = errors.New("the snapshot is damaged")
	// ErrFormat is wrapped when another version of this package wrote it.
	ErrFormat = errors.New("the snapshot was written by another version of this program; use that one, or choose another directory")
)

// A snapshot is named by the index of its entry.
const (
	suffix    = ".snapshot"
	temporary = ".new" // after the suffix, until all of it is on the disk
)

func fileName(index uint64) string { return fmt.Sprintf("%020d%s", index, suffix) }

func parseName(name string) (index uint64, ok bool) {
	index, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 10, 64)
	return index, err == nil && name == fileName(index)
}

// Open finds the snapshot in the directory. If there is none, the label is zero.
// It is for the start: it clears away what an interrupted Write has left, and
// what it has found is still there after a loss of power.
//
// There are two if the power went before the earlier one could be removed. The
// later one stands, and one that is damaged is no reason to take the other: the
// log may have been cut for it, and what comes after the other would be missing.
func Open(d disk.Disk) (Label, error) {
	l, err := open(d)
	return l, advise("open the snapshot", err)
}

func open(d disk.Disk) (Label, error) {
	names, err := d.List()
	if err != nil {
		return Label{}, err
	}
	for _, name := range names {
		whole, ok := strings.CutSuffix(name, temporary)
		if _, is := parseName(whole); !ok || !is {
			continue
		}
		if err := d.Remove(name); err != nil {
			return Label{}, err
		}
	}
	return keepLatest(d)
}

// keepLatest returns the label of the latest snapshot, and removes all others.
// It is the latest by its position. (If the power went while another one was
// published, the log goes on from either.)
func keepLatest(d disk.Disk) (latest Label, err error) {
	all, err := labels(d)
	if err != nil || len(all) == 0 {
		return Label{}, err
	}
	for _, l := range all {
		if latest.Before(l.Position) {
			latest = l
		}
	}
	return latest, keepOnly(d, latest.Index)
}

// keepOnly removes all snapshots but one, which is safe before they go. When it
// returns, they do not come back.
func keepOnly(d disk.Disk, index uint64) error {
	if err := d.SyncDir(); err != nil {
		return err
	}
	names, err := d.List()
	removed := false
	for _, name := range names {
		if i, ok := parseName(name); ok && i != index && err == nil {
			err, removed = d.Remove(name), true
		}
	}
	if err == nil && removed {
		err = d.SyncDir()
	}
	return err
}

// labels returns the labels of all snapshots.
func labels(d disk.Disk) (all []Label, err error) {
	names, err := d.List()
	for _, name := range names {
		index, ok := parseName(name)
		if !ok || err != nil {
			continue
		}
		var r *reader
		if r, err = openIndex(d, index); err == nil {
			all = append(all, r.label)
			err = r.file.Close()
		}
	}
	return all, err
}

// remove removes a file that may be there.
func remove(d disk.Disk, name string) error {
	if err := d.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
