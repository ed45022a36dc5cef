package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"zeyrho/harness/history"
	"zeyrho/steps/01-map/kv"
)

// user is one goroutine of the workload.
type user struct {
	rnd   *rand.Rand
	n     int
	store recorded
	seen  map[string]uint64 // the last version of a key that this user heard of
	asks  int
}

func newUser(c config, n int, s recorded) *user {
	return &user{rand.New(rand.NewPCG(c.seed, uint64(n))), n, s, make(map[string]uint64), 0}
}

var userKeys = []string{"k0", "k1", "k2", "k3", "k4", "k5"}

const counter = "counter"

// run asks for ops things; an increment counts as one of them, however often
// it has to try. It ends early, with an error, if the store does not do what it
// is asked.
func (u *user) run(ops int) error {
	for range ops {
		if err := u.next(); err != nil {
			return fmt.Errorf("user %d: %w", u.n, err)
		}
	}
	return nil
}

func (u *user) next() error {
	key := userKeys[u.rnd.IntN(len(userKeys))]
	switch u.rnd.IntN(10) {
	case 0, 1:
		return u.ask(history.Op{Kind: history.Get, Key: key})
	case 2, 3, 4:
		return u.ask(history.Op{Kind: history.Put, Key: key, Value: u.value()})
	case 5:
		v := u.seen[key]
		return u.ask(history.Op{Kind: history.Put, Key: key, Value: u.value(), If: &v})
	case 6:
		return u.ask(history.Op{Kind: history.Delete, Key: key})
	case 7:
		return u.ask(history.Op{Kind: history.Scan, Key: "k", Limit: u.rnd.IntN(4)})
	}
	_, err := kv.Update(context.Background(), u.store, counter, increment)
	return err
}

func (u *user) ask(op history.Op) error {
	op = u.store(context.Background(), op)
	if op.Outcome == history.OK && op.Kind != history.Scan {
		u.seen[op.Key] = op.Version
	}
	return failure(op)
}

// value makes up a value that nobody else writes.
func (u *user) value() string {
	u.asks++
	return fmt.Sprintf("%d-%d", u.n, u.asks)
}

// look reads everything once, when all is quiet.
func (u *user) look() error {
	for _, key := range append([]string{counter}, userKeys...) {
		if err := u.ask(history.Op{Kind: history.Get, Key: key}); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	return u.ask(history.Op{Kind: history.Scan})
}

// increment adds one to a number in digits.
func increment(old []byte) ([]byte, error) {
	n := 0
	if old != nil {
		var err error
		if n, err = strconv.Atoi(string(old)); err != nil {
			return nil, err
		}
	}
	return []byte(strconv.Itoa(n + 1)), nil
}
