package catchup

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
)

// The record of a member is this byte, which no record of package machine begins
// with, and JSON: there are few of them, and one can read it.
const memberRecord = 16

func appendMember(b []byte, m snapshot.Member) []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return append(append(b, memberRecord), text...)
}

func readMember(record []byte) (m snapshot.Member, ok bool) {
	if len(record) == 0 || record[0] != memberRecord {
		return m, false
	}
	err := json.Unmarshal(record[1:], &m)
	return m, err == nil
}

// UseTable lets the module say where nodes hear others.
func (c *Catchup) UseTable(set func(node.ID, string)) {
	c.table = set
	c.introduce(c.members...)
}

// introduce lets the other parts of the node know learners. They are not told
// when one is none after all, because its entry was cut off: it is sent
// everything, until the next start.
func (c *Catchup) introduce(all ...snapshot.Member) {
	for _, m := range all {
		c.table(m.ID, m.Peer)
		c.replication.AddLearner(m.ID)
	}
}

// Promote makes this node the leader, unless it is a learner: that may lack what
// has been acknowledged, and nobody counts it.
func (c *Catchup) Promote() error {
	if c.config.Join || c.isLearner(c.replica.Self()) {
		return fmt.Errorf("%v is a learner, and cannot lead", c.replica.Self())
	}
	return c.replication.Promote()
}

// Add makes a node a learner of this cluster or, if it is one, says where it
// hears others from now on. It must be called in a turn of the leader.
func (c *Catchup) Add(m snapshot.Member) error {
	epoch, leads := c.replica.Epoch()
	switch {
	case !leads:
		return &node.NotLeaderError{Leader: epoch.Leader()}
	case m.ID == c.replica.Self() || c.replication.Knows(m.ID) && !c.isLearner(m.ID):
		return fmt.Errorf("%v is in the cluster already", m.ID)
	case m.ID == 0 || m.Peer == "":
		return errors.New("a node has a number, and an address at which it hears others")
	}
	m.Learner = true
	return c.replication.Append(appendMember(nil, m))
}

func (c *Catchup) isLearner(id node.ID) bool {
	return slices.ContainsFunc(c.members, func(m snapshot.Member) bool { return m.ID == id })
}

// Other applies the entries of this package: see node.ReplicaConfig.
func (c *Catchup) Other(e node.Entry) bool {
	m, ok := readMember(e.Record)
	if !ok {
		return false
	}
	others := slices.DeleteFunc(slices.Clone(c.members), func(other snapshot.Member) bool { return other.ID == m.ID })
	c.members = append(others, m)
	c.introduce(m)
	return true
}
