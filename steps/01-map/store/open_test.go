package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/01-map/store"
)

func TestEveryCommandTakesTheNextVersion(t *testing.T) {
	s := store.Open()
	for _, test := range []struct {
		command kv.Command
		want    kv.Result
	}{
		{kv.Put("k", nil), kv.Result{Status: kv.Done, Version: 1}},
		{kv.Put("k", nil).IfAbsent(), kv.Result{Status: kv.Conflict, Version: 1}},
		{kv.Delete("other"), kv.Result{Status: kv.NotFound}},
		{kv.Delete("k"), kv.Result{Status: kv.Done, Version: 4}},
		{kv.Put("k", nil).IfVersion(1), kv.Result{Status: kv.Conflict}},
		{kv.Put("k", nil), kv.Result{Status: kv.Done, Version: 6}},
	} {
		got, err := s.Do(t.Context(), test.command)
		assert.NoError(t, err)
		assert.Equal(t, test.want, got)
	}
}

func TestABadRequestIsRefusedAndUsesUpNoVersion(t *testing.T) {
	s := store.Open()
	_, err := s.Get(t.Context(), "")
	assert.ErrorIs(t, err, kv.ErrInvalid)
	_, err = s.Scan(t.Context(), kv.Range{Limit: -1})
	assert.ErrorIs(t, err, kv.ErrInvalid)
	for _, c := range []kv.Command{{}, kv.Put("", nil), kv.Delete("\xff"), kv.Put("k", make([]byte, kv.MaxValue+1))} {
		_, err = s.Do(t.Context(), c)
		assert.ErrorIs(t, err, kv.ErrInvalid)
	}
	r, err := s.Do(t.Context(), kv.Put("k", nil))
	assert.NoError(t, err)
	assert.Equal(t, kv.Version(1), r.Version)
}
