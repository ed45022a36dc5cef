package session_test

import (
	"context"
	"fmt"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/02-concurrency/locked"
	"zeyrho/steps/03-server/session"
)

// A reply is lost, so the client asks again. The command is not applied again.
func Example() {
	ctx := context.Background()
	s := session.NewStore(locked.NewMap(), session.NewTable("example", 100))
	name, _ := s.OpenSession(ctx)
	id := session.Identity{Session: name, Number: 1}
	for range 3 {
		r, err := s.DoOnce(ctx, id, kv.Put("stock", []byte("41")))
		fmt.Println(r.Status, r.Version, err)
	}
	r, err := s.Do(ctx, kv.Put("stock", []byte("40"))) // without an identity
	fmt.Println(r.Status, r.Version, err)
	// Output:
	// done 1 <nil>
	// done 1 <nil>
	// done 1 <nil>
	// done 2 <nil>
}
