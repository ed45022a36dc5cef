package bench

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/machine"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/06-catchup/snapshot"
)

// snapshotKeys is how many keys a snapshot has that is written and loaded.
const snapshotKeys = 100_000

// snapshotting lists the comparisons of how step 06 writes and loads a snapshot.
func snapshotting() []comparison {
	const what = "100,000 keys, on one CPU; bytes of keys and values in a second; the bare side has a checksum for each record"
	return []comparison{
		{name: "snapshot-write", what: what + ", and syncs once", unit: volume, open: openWriting},
		{name: "snapshot-load", what: what + ", and fills a Go map", unit: volume, open: openLoading},
		{
			name: "snapshot-put", what: "a node of step 06, alone, in this process; puts by 64 goroutines; puts a second, p50 / p99 latency",
			unit: requests.paced(11, 31), open: openPuts,
		},
	}
}

// shot is a state that can be written down, and the same in a plain file.
type shot struct {
	state snapshot.State
	disk  disk.Disk
	dir   string
	keys  []string
	value []byte
	bytes int // of keys and values
}

func (b *bench) shot() (*shot, error) {
	s := &shot{keys: manyKeys(b.scaled(snapshotKeys)), value: b.value}
	m, _ := b.plant(s.keys)
	settings, err := machine.Settings{}.Complete()
	if err != nil {
		return nil, err
	}
	s.state = snapshot.State{
		Label:    snapshot.Label{Position: node.Position{Index: uint64(m.Applied()), Epoch: node.NewEpoch(1, 1)}, Settings: settings},
		Sessions: session.NewTable(settings.Incarnation, settings.Sessions).Export(),
		Map:      m.Freeze(),
	}
	s.bytes = len(s.keys) * (len(s.keys[0]) + len(s.value))
	if s.dir, err = b.files("snapshot"); err == nil {
		s.disk, err = disk.OpenDir(s.dir)
	}
	return s, err
}

// write writes the snapshot, in the place of the one before.
func (s *shot) write() error {
	if err := snapshot.Write(s.disk, s.state); err != nil {
		return err
	}
	return snapshot.Publish(s.disk, s.state.Position)
}

func (s *shot) load() error {
	_, err := snapshot.Load(s.disk, s.state.Index)
	return err
}

func (s *shot) plain() string { return filepath.Join(s.dir, "plain") }

// writePlain writes the same records into a file, and syncs it.
func (s *shot) writePlain() error {
	f, err := os.Create(s.plain())
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 256<<10)
	var record []byte
	for _, key := range s.keys {
		record = appendPlain(record[:0], key, s.value)
		if _, err = out.Write(record); err != nil {
			break
		}
	}
	if err == nil {
		err = errors.Join(out.Flush(), f.Sync())
	}
	return errors.Join(err, f.Close())
}

func openWriting(_ context.Context, b *bench) (ours, bare side, end func(), err error) {
	s, err := b.shot()
	if err != nil {
		return ours, bare, nil, err
	}
	return s.sides(s.write, s.writePlain)
}

func openLoading(_ context.Context, b *bench) (ours, bare side, end func(), err error) {
	s, err := b.shot()
	if err == nil {
		err = errors.Join(s.write(), s.writePlain())
	}
	if err != nil {
		return ours, bare, nil, err
	}
	return s.sides(s.load, func() error { return readPlain(s.plain()) })
}

// sides are measured on one CPU.
func (s *shot) sides(ours, bare func() error) (a, z side, end func(), err error) {
	before := runtime.GOMAXPROCS(1)
	end = func() { runtime.GOMAXPROCS(before) }
	return side{"a snapshot of step 06", once(s.bytes, ours)}, side{"a plain file", once(s.bytes, bare)}, end, nil
}
