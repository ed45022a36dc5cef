package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tryLoad opens a load on a handler and lets it ask for a moment.
func tryLoad(t *testing.T, k kind, h http.HandlerFunc) (sample, error) {
	server := httptest.NewServer(h)
	defer server.Close()
	l, err := small(t).dial(t.Context(), server.Listener.Addr().String(), k, 3)
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	return l.take(t.Context(), 10*time.Millisecond)
}

func TestALoadAsksForAllKeysAndMeasures(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	s, err := tryLoad(t, get, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked++
		mu.Unlock()
		assert.Regexp(t, "^/kv/key-000[0-9]$", r.URL.Path)
		io.WriteString(w, strings.Repeat("x", 20))
	})
	require.NoError(t, err)
	assert.Positive(t, asked)
	assert.Positive(t, s.nanos)
	assert.LessOrEqual(t, s.p50, s.p99)
}

func TestAPutCarriesItsValue(t *testing.T) {
	_, err := tryLoad(t, put, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Len(t, body, 20)
		assert.Empty(t, r.Header.Get("Idempotency-Key"))
		w.WriteHeader(http.StatusNoContent)
	})
	require.NoError(t, err)
}

func TestEachClientHasASessionAndCounts(t *testing.T) {
	var mu sync.Mutex
	sessions := 0
	last := map[string]string{}
	_, err := tryLoad(t, putOnce, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			sessions++
			io.WriteString(w, `{"session":"`+string(rune('a'+sessions))+`"}`)
			return
		}
		id, number, _ := strings.Cut(r.Header.Get("Idempotency-Key"), "/")
		assert.NotEqual(t, last[id], number)
		last[id] = number
		w.WriteHeader(http.StatusNoContent)
	})
	require.NoError(t, err)
	assert.Equal(t, 3, sessions)
	assert.Len(t, last, 3)
}

// A refusal is quick, so it must not count as an answer.
func TestARefusalOrAWrongAnswerIsAnError(t *testing.T) {
	_, err := tryLoad(t, get, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too much", http.StatusServiceUnavailable)
	})
	require.ErrorContains(t, err, "503 Service Unavailable: too much")
	_, err = tryLoad(t, get, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "short") })
	require.ErrorContains(t, err, "5 bytes and not 20")
	_, err = tryLoad(t, putOnce, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "no JSON") })
	require.ErrorContains(t, err, "open a session")
}
