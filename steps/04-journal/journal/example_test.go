package journal_test

import (
	"fmt"
	"os"

	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/journal"
)

// What was synced is there when the journal is opened again.
func Example() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	d, _ := disk.OpenDir(dir)

	j, found, _ := journal.Open(d, journal.Config{}, nil)
	fmt.Println(found)
	j.Append([]byte("a commit"), []byte("may hold several entries"))
	j.Append([]byte("another"))
	fmt.Println("safe up to", j.Synced(), "of", j.Last())
	j.Sync()
	fmt.Println("safe up to", j.Synced(), "of", j.Last())
	j.Close()

	j, found, _ = journal.Open(d, journal.Config{}, func(e journal.Entry) error {
		fmt.Printf("%d %s\n", e.Index, e.Data)
		return nil
	})
	defer j.Close()
	fmt.Println(found.Entries, "entries")
	// Output:
	// a new journal
	// safe up to 0 of 3
	// safe up to 3 of 3
	// 1 a commit
	// 2 may hold several entries
	// 3 another
	// 3 entries
}
