package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOnlyWhatCanBeShrunkenIs(t *testing.T) {
	for _, args := range [][]string{
		{"shrink"},
		{"shrink", "-scenario", "power-loss", "-steps", "1"},
		{"shrink", "-scenario", "power-loss", "-steps", "x"},
		{"shrink", "-scenario", "power-loss", "-bug", "none"},
		{"shrink", "stray"},
	} {
		assert.Equal(t, exitUsage, dispatch(t.Context(), args), "%q", args)
	}
	assert.Equal(t, exitOK, dispatch(t.Context(), []string{"shrink", "-h"}))
}
