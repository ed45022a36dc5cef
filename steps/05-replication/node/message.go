package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ID names a node within its cluster. Zero is nobody.
type ID uint16

// String returns the name of the node, such as n1.
func (id ID) String() string { return "n" + strconv.Itoa(int(id)) }

// ParseID reads the number of a node, with or without the n before it.
func ParseID(text string) (ID, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "n"), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not the number of a node, which is 1 or more", text)
	}
	return ID(n), nil
}

// Epoch is a reign: a time in which one node leads. Later epochs are greater.
//
// The leader is part of the number. So two nodes can never lead the same epoch,
// whoever appoints them: if both are made leader of a second epoch, one of the
// two is later than the other. (In Paxos this is a ballot, in Raft a term,
// which leaves the leader out and lets a vote decide who gets it.)
//
// A node that has lost its disk has forgotten which epochs it led, and could take
// one a second time. Real systems give a node with a new disk a new number.
type Epoch uint64

// NewEpoch returns the epoch with a number, led by leader.
func NewEpoch(number uint64, leader ID) Epoch { return Epoch(number<<16 | uint64(leader)) }

// Number returns the number of the epoch, without the leader. The first epoch of
// a cluster has number 1.
func (e Epoch) Number() uint64 { return uint64(e) >> 16 }

// Leader returns who leads in the epoch.
func (e Epoch) Leader() ID { return ID(e) }

// Next returns the epoch after e that is led by leader.
func (e Epoch) Next(leader ID) Epoch { return NewEpoch(e.Number()+1, leader) }

// String returns number and leader, such as 2.n3.
func (e Epoch) String() string {
	if e == 0 {
		return "0"
	}
	return fmt.Sprintf("%d.%v", e.Number(), e.Leader())
}

// ParseEpoch reads what String returns.
func ParseEpoch(text string) (Epoch, error) {
	if text == "0" {
		return 0, nil
	}
	number, leader, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(number, 10, 48)
	id, bad := ParseID(leader)
	if errors.Join(err, bad) != nil {
		return 0, fmt.Errorf("%q is not an epoch, such as 2.n3", text)
	}
	return NewEpoch(n, id), nil
}

// Message is what one node tells another. It may be lost, be late, come twice,
// or come before an earlier one.
type Message struct {
	From, To ID
	Kind     string // which module it is for, and what it says
	Data     []byte // in the form of that kind; nobody changes the bytes once sent
}
