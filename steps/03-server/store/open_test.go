package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/03-server/store"
)

func TestASessionOfAStoreThatIsGoneIsNotKnown(t *testing.T) {
	before, after := store.Open(store.Config{}), store.Open(store.Config{})
	id, err := before.OpenSession(t.Context())
	require.NoError(t, err)
	_, err = after.OpenSession(t.Context())
	require.NoError(t, err)
	_, err = after.DoOnce(t.Context(), session.Identity{Session: id, Number: 1}, kv.Put("k", nil))
	require.ErrorIs(t, err, session.ErrForgotten)
}

func TestSessionsAreBounded(t *testing.T) {
	s := store.Open(store.Config{Sessions: 3})
	for range 10 {
		_, err := s.OpenSession(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, 3, s.Sessions())
}

func Example() {
	ctx := context.Background()
	s := store.Open(store.Config{})
	name, _ := s.OpenSession(ctx)
	command := kv.Put("greeting", []byte("hello"))
	for range 2 { // as if the first reply had been lost
		r, err := s.DoOnce(ctx, session.Identity{Session: name, Number: 1}, command)
		fmt.Println(r.Status, r.Version, err)
	}
	// Output:
	// done 1 <nil>
	// done 1 <nil>
}
