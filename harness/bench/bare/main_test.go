package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatWasPutIsThere(t *testing.T) {
	s := &store{values: make(map[string][]byte)}
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	assert.Equal(t, http.StatusNotFound, ask("GET", "/kv/a", "").Code)
	assert.Equal(t, http.StatusNoContent, ask("PUT", "/kv/a", "1").Code)
	got := ask("GET", "/kv/a", "")
	assert.Equal(t, http.StatusOK, got.Code)
	assert.Equal(t, "1", got.Body.String())
	assert.Equal(t, http.StatusNotFound, ask("DELETE", "/kv/a", "").Code)
	assert.Equal(t, http.StatusNotFound, ask("GET", "/status", "").Code)
}
