package snapshot

import (
	"fmt"

	"zeyrho/steps/04-journal/disk"
)

// Remove removes the snapshot in the directory, if there is one, for good.
func Remove(d disk.Disk) error {
	names, err := d.List()
	for _, name := range names {
		if _, ok := parseName(name); ok && err == nil {
			err = d.Remove(name)
		}
	}
	if err == nil {
		err = d.SyncDir()
	}
	if err != nil {
		return fmt.Errorf("remove the snapshot: %w", err)
	}
	return nil
}
