package snapshot_test

import (
	"errors"
	"fmt"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
	"zeyrho/steps/06-catchup/tree"
)

// A snapshot is taken at entry 8, and the map goes on while it is written. Then
// somebody starts again from it.
func Example() {
	m, sessions := tree.New(), session.NewTable(settings.Incarnation, settings.Sessions)
	m.Apply(kv.Entry{Version: 7, Command: kv.Put("moon", []byte("full"))})
	m.Apply(kv.Entry{Version: 8, Command: kv.Put("tide", []byte("high"))})
	label := snapshot.Label{Position: node.Position{Index: 8, Epoch: node.NewEpoch(2, 1)}, Settings: settings}
	state := snapshot.State{Label: label, Sessions: sessions.Export(), Map: m.Freeze()}
	m.Apply(kv.Entry{Version: 9, Command: kv.Put("tide", []byte("low"))})

	d := newMemory()
	if err := errors.Join(snapshot.Write(d, state), snapshot.Publish(d, state.Position)); err != nil {
		fmt.Println(err)
	}
	found, err := snapshot.Open(d)
	fmt.Println(found.Position, err)
	restored, err := snapshot.Load(d, found.Index)
	fmt.Println(restored.Map.Len(), "keys; the tide is", string(restored.Map.Get("tide").Value), err)

	d.names[d.list()[0]].bytes[70] ^= 1
	_, err = snapshot.Load(d, found.Index)
	fmt.Println(err)
	// Output:
	// 8@2.n1 <nil>
	// 2 keys; the tide is high <nil>
	// load the snapshot: the snapshot is damaged: 00000000000000000008.snapshot, offset 45: the checksum of a block does not fit. Nothing has been changed. An earlier snapshot would not do, because the log may have been cut for this one. Restore the directory from a copy; or, if the leader is whole, start this node with an empty one, and it is sent everything
}
