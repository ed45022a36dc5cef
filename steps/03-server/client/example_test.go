package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/client"
	"zeyrho/steps/03-server/server"
	"zeyrho/steps/03-server/store"
)

// A server and a client of it, in one process for once.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	l, err := server.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := server.New(store.Open(store.Config{}), server.Config{Log: slog.New(slog.DiscardHandler)})
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, l) }()

	c, err := client.New("http://"+l.Addr().String(), client.Config{Attempts: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Do(ctx, kv.Put("../etc", []byte("a key like others")))
	it, _ := c.Get(ctx, "../etc")
	fmt.Printf("%q, version %d\n", it.Value, it.Version)

	c.Close()
	stop()
	fmt.Println("drained:", <-ended)
	_, err = c.Do(context.Background(), kv.Put("k", nil))
	fmt.Println("may it have happened?", errors.Is(err, kv.ErrUnknown))
	// Output:
	// "a key like others", version 1
	// drained: <nil>
	// may it have happened? false
}
