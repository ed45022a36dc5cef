package catchup_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/06-catchup/store"
)

// The scripts in testdata are conversations between nodes, as those of step 05
// are, with the verbs of script.Line. The verb "cluster" takes every=, which is
// after how many bytes a snapshot is made, and keep=: see catchup.Config. There
// are these verbs more:
//
//	fill n1 8 size=1000             somebody writes k1 to k8, with so many bytes each, and does not wait for an answer
//	join n4                         one node more is started, which is a learner
//	add n1 n4 HOST:PORT             an operator tells n1 of it
//	table n1                        where n1 thinks that others hear it
//	damage n1                       a byte of its snapshot changes on the disk
//	files n1                        what is on its disk
func TestConversations(t *testing.T) {
	script.Run(t, "testdata", func(d *datadriven.TestData) *script.World {
		c := store.Config{SegmentSize: 512}
		c.Replication.Acks = script.Number(d, "acks")
		c.Catchup.Every, c.Catchup.Keep = int64(script.Number(d, "every")), uint64(script.Number(d, "keep"))
		return newCluster(script.Number(d, "nodes"), c).World
	})
}

func (w *cluster) verbs() map[string]func(script.Line, *script.Member) error {
	return map[string]func(script.Line, *script.Member) error{
		"fill": w.fillVerb, "join": w.joinVerb, "add": w.addVerb, "table": w.tableVerb, "damage": w.damageVerb, "files": w.filesVerb,
	}
}

func (w *cluster) fillVerb(s script.Line, m *script.Member) error {
	n := 0
	fmt.Sscan(s.Word(1), &n)
	return s.Begin(m, fill(n, max(script.Number(s.TestData, "size"), 1))...)
}

func (w *cluster) joinVerb(s script.Line, m *script.Member) error {
	if m != nil {
		return errors.New("it is there already")
	}
	return w.Start(w.Add(), false)
}

func (w *cluster) addVerb(s script.Line, leader *script.Member) error {
	var id int
	fmt.Sscanf(s.Word(1), "n%d", &id)
	return s.Begin(leader, w.add(leader, node.ID(id), s.Word(2)))
}

func (w *cluster) tableVerb(_ script.Line, m *script.Member) error {
	table := w.parts[m.ID].table
	for _, id := range slices.Sorted(maps.Keys(table)) {
		w.Say("%v is at %s", id, table[id])
	}
	return nil
}

func (w *cluster) damageVerb(_ script.Line, m *script.Member) error {
	for _, name := range files(m) {
		if strings.HasSuffix(name, ".snapshot") {
			m.Disk.Change(name, func(b []byte) []byte {
				b[len(b)/2] ^= 1
				return b
			})
		}
	}
	return nil
}

func (w *cluster) filesVerb(_ script.Line, m *script.Member) error {
	for _, name := range files(m) {
		w.Say("%s", name)
	}
	return nil
}

func files(m *script.Member) []string {
	names, err := m.Disk.List()
	if err != nil {
		panic(err) // a disk in memory knows what it has
	}
	return names
}
