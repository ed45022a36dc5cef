package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"

	"zeyrho/steps/04-journal/disk"
)

// reign is what a node must not forget beside its log: the latest epoch that it
// has heard of, and whether it leads it. A node that has lost its disk may hear
// that it was the leader; it must not go on as if it still had the log.
//
// It is in a file of its own, because a log can lose its end. The file has 24
// bytes: "zeyrho05", the epoch, 1 if this node leads it, and CRC-32C. A node that
// cannot write it, because the disk is full, comes to its end.
type reign struct {
	epoch Epoch
	leads bool
}

const (
	reignFile  = "epoch"
	reignMagic = "zeyrho05"
	reignSize  = 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (r reign) bytes() []byte {
	b := append(make([]byte, 0, reignSize), reignMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.epoch))
	leads := uint32(0)
	if r.leads {
		leads = 1
	}
	b = binary.LittleEndian.AppendUint32(b, leads)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// save writes the file anew and puts it in the place of the old one. When it
// returns, that survives a loss of power.
func (r reign) save(d disk.Disk) error {
	const temporary = reignFile + ".new"
	if err := d.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.Create(temporary)
	if err != nil {
		return err
	}
	err = f.Append(r.bytes())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.Rename(temporary, reignFile); err != nil {
		return err
	}
	return d.SyncDir()
}

// loadReign reads the file. If there is none, nothing has been heard of yet.
func loadReign(d disk.Disk) (reign, error) {
	f, err := d.Open(reignFile)
	if errors.Is(err, fs.ErrNotExist) {
		return reign{}, nil
	}
	if err != nil {
		return reign{}, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return reign{}, err
	}
	b := make([]byte, reignSize)
	if size == reignSize {
		if _, err := f.ReadAt(b, 0); err != nil {
			return reign{}, err
		}
	}
	r := reign{Epoch(binary.LittleEndian.Uint64(b[8:])), b[16] == 1}
	if !slices.Equal(b, r.bytes()) {
		return reign{}, fmt.Errorf("the file %q is damaged: a node that does not know what it has promised must not go on. "+
			"Restore the directory from a copy, or start the node with an empty one", reignFile)
	}
	return r, nil
}
