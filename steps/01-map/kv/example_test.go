package kv_test

import (
	"context"
	"fmt"
	"strconv"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/01-map/store"
)

// A map is told what was done and in which order, and by that it knows what is
// there.
func ExampleMap() {
	log := []kv.Entry{
		{Version: 1, Command: kv.Put("colour", []byte("red"))},
		{Version: 2, Command: kv.Put("shape", []byte("round"))},
		{Version: 3, Command: kv.Put("colour", []byte("blue"))},
		{Version: 4, Command: kv.Delete("shape")},
	}
	m := kv.NewMap()
	for _, e := range log {
		m.Apply(e)
	}
	colour := m.Get("colour")
	fmt.Printf("colour: %s, version %d\n", colour.Value, colour.Version)
	fmt.Println("shape exists:", m.Get("shape").Exists())
	// Output:
	// colour: blue, version 3
	// shape exists: false
}

// Two people have read version 1 and change what they read. The second to
// write learns that the value is no longer the one that was read, instead of
// overwriting what the first wrote.
func ExampleCommand_IfVersion() {
	m := kv.NewMap()
	m.Apply(kv.Entry{Version: 1, Command: kv.Put("seats", []byte("1"))})

	book := kv.Put("seats", []byte("0")).IfVersion(1)
	first := m.Apply(kv.Entry{Version: 2, Command: book})
	second := m.Apply(kv.Entry{Version: 3, Command: book})
	fmt.Println("first: ", first.Status, "at version", first.Version)
	fmt.Println("second:", second.Status, "with version", second.Version)
	// Output:
	// first:  done at version 2
	// second: conflict with version 2
}

// Large answers come in pages. The last key of a page is the cursor for the
// next one; nothing has to be kept for the caller in between.
func ExampleMap_Scan() {
	m := kv.NewMap()
	for i, key := range []string{"fruit/pear", "fruit/apple", "nut/hazel", "fruit/fig"} {
		m.Apply(kv.Entry{Version: kv.Version(i + 1), Command: kv.Put(key, nil)})
	}
	r := kv.Range{Prefix: "fruit/", Limit: 2}
	for more := true; more; {
		page := m.Scan(r)
		fmt.Println("a page:")
		for _, it := range page.Items {
			fmt.Println(" ", it.Key)
			r.After = it.Key
		}
		more = page.More
	}
	// Output:
	// a page:
	//   fruit/apple
	//   fruit/fig
	// a page:
	//   fruit/pear
}

// There is no command "add one". A counter is a loop: read, add, and put if
// nobody else was faster.
func ExampleUpdate() {
	ctx := context.Background()
	s := store.Open()
	for range 3 {
		_, err := kv.Update(ctx, s, "visits", func(old []byte) ([]byte, error) {
			if old == nil {
				old = []byte("0")
			}
			n, err := strconv.Atoi(string(old))
			return []byte(strconv.Itoa(n + 1)), err
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	visits, _ := s.Get(ctx, "visits")
	fmt.Printf("%s visits\n", visits.Value)
	// Output: 3 visits
}
