package scenario_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"zeyrho/harness/scenario"
)

func TestOnlyCellsThatAreMadeOfPlansCanBeShrunken(t *testing.T) {
	_, err := new(scenario.Lab).Shrink(t.Context(), "baseline", 1)
	assert.ErrorContains(t, err, "power-loss, disk-errors and bit-rot")
}
