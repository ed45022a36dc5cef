package kv_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/01-map/store"
)

// rival is a store in which somebody else changes the key just before each of
// the first few commands.
type rival struct {
	kv.Store
	changes int
}

func (s *rival) Do(ctx context.Context, c kv.Command) (kv.Result, error) {
	if s.changes > 0 {
		s.changes--
		if _, err := s.Store.Do(ctx, kv.Put(c.Key, fmt.Append(nil, "rival ", s.changes))); err != nil {
			return kv.Result{}, err
		}
	}
	return s.Store.Do(ctx, c)
}

func TestUpdateStartsAgainWhenSomebodyWasFaster(t *testing.T) {
	s := &rival{store.Open(), 3}
	var saw []string
	r, err := kv.Update(t.Context(), s, "k", func(old []byte) ([]byte, error) {
		saw = append(saw, string(old))
		return append(old, " + mine"...), nil
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"", "rival 2", "rival 1", "rival 0"}, saw)
	it, _ := s.Get(t.Context(), "k")
	assert.Equal(t, kv.Item{Key: "k", Value: []byte("rival 0 + mine"), Version: r.Version}, it)
}

func TestUpdateEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &rival{store.Open(), 1 << 30}
	tries := 0
	_, err := kv.Update(ctx, s, "k", func([]byte) ([]byte, error) {
		if tries++; tries == 10 {
			cancel()
		}
		return nil, nil
	})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 10, tries)
}

func TestUpdatePutsNothingWhenTheChangeFails(t *testing.T) {
	s := store.Open()
	refused := errors.New("refused")
	_, err := kv.Update(t.Context(), s, "k", func(old []byte) ([]byte, error) {
		assert.Nil(t, old, "an absent key")
		return []byte("x"), refused
	})
	assert.ErrorIs(t, err, refused)
	it, _ := s.Get(t.Context(), "k")
	assert.False(t, it.Exists())
}

func TestUpdatePassesOnWhatTheStoreSays(t *testing.T) {
	_, err := kv.Update(t.Context(), store.Open(), "", nil)
	assert.ErrorIs(t, err, kv.ErrInvalid)
	_, err = kv.Update(t.Context(), store.Open(), "k", func([]byte) ([]byte, error) {
		return make([]byte, kv.MaxValue+1), nil
	})
	assert.ErrorIs(t, err, kv.ErrInvalid)
}
