package durable_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/01-map/kv"
	"zeyrho/steps/03-server/session"
	"zeyrho/steps/04-journal/disk"
	"zeyrho/steps/04-journal/durable"
	"zeyrho/steps/04-journal/journal"
)

func openEngine(t testing.TB, d disk.Disk, c durable.Config) *durable.Engine {
	t.Helper()
	e, err := durable.OpenEngine(d, c)
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

// open opens a store on d, and closes it when the test ends.
func open(t testing.TB, d disk.Disk, c durable.StoreConfig) *durable.Store {
	t.Helper()
	e, err := durable.OpenEngine(d, durable.Config{
		Lazy: c.SyncEvery != 0, Incarnation: "inc", Journal: journal.Config{ID: 0x5eed},
	})
	require.NoError(t, err)
	s := durable.NewStore(e, c)
	t.Cleanup(func() {
		if m, ok := d.(*memory); ok {
			m.do(nil)
		}
		s.Close()
	})
	return s
}

// outcome is what a caller is told.
type outcome struct {
	kv.Result
	err error
}

// later makes a call that may take long.
func later(call func() (kv.Result, error)) <-chan outcome {
	out := make(chan outcome, 1)
	go func() {
		r, err := call()
		out <- outcome{r, err}
	}()
	return out
}

// laterPut puts a value under a key, and the test waits for it when it likes.
func laterPut(ctx context.Context, s kv.Store, key string) <-chan outcome {
	return later(func() (kv.Result, error) { return s.Do(ctx, kv.Put(key, []byte("v"))) })
}

func put(t testing.TB, s kv.Store, key, value string) kv.Version {
	t.Helper()
	r, err := s.Do(t.Context(), kv.Put(key, []byte(value)))
	require.NoError(t, err)
	require.Equal(t, kv.Done, r.Status)
	return r.Version
}

func get(t testing.TB, s kv.Store, key string) string {
	t.Helper()
	it, err := s.Get(t.Context(), key)
	require.NoError(t, err)
	return string(it.Value)
}

// requireKeys checks which keys there are.
func requireKeys(t testing.TB, s kv.Store, want ...string) {
	t.Helper()
	p, err := s.Scan(t.Context(), kv.Range{})
	require.NoError(t, err)
	var keys []string
	for _, it := range p.Items {
		keys = append(keys, it.Key)
	}
	require.Equal(t, want, keys)
}

func openSession(t testing.TB, s *durable.Store) session.ID {
	t.Helper()
	id, err := s.OpenSession(t.Context())
	require.NoError(t, err)
	return id
}

// increment is a change for kv.Update.
func increment(old []byte) ([]byte, error) {
	n, err := strconv.Atoi(string(append([]byte("0"), old...)))
	return strconv.AppendInt(nil, int64(n+1), 10), err
}
